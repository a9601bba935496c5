"""Where inputs, true labels and groups come from: files, arrays and data sets, read in blocks.

``read`` makes a ``Source`` of whatever a user has; ``NAMES`` are the data sets that have a name.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader

from brinell.data import adult, cifar10, digits, fashion, gtsrb, idx, mnist, npz, spec
from brinell.data.folders import read_images
from brinell.data.frames import Frame
from brinell.data.images import Images
from brinell.data.items import Fields, is_huggingface, read_dataset
from brinell.data.loaders import from_loader, refuse_stream
from brinell.data.relabelled import follow
from brinell.data.sampling import fingerprint, labels, stratified
from brinell.data.sources import (
    Arrays,
    Grouped,
    Mapped,
    Selected,
    Source,
    bounds_of,
    classes_of,
    columns_of,
)
from brinell.data.tables import Table, read_table
from brinell.errors import InputMissingError, InputTypeError
from brinell.progress import Progress, silent

__all__ = [
    "NAMES",
    "Arrays",
    "Fields",
    "Frame",
    "Grouped",
    "Images",
    "Mapped",
    "Selected",
    "Source",
    "Table",
    "bounds_of",
    "classes_of",
    "columns_of",
    "fingerprint",
    "follow",
    "labels",
    "read",
    "read_dataset",
    "read_images",
    "read_table",
    "stratified",
]

NAMES: Mapping[str, Callable[[Progress], Source]] = {
    "digits": lambda _: digits.load("test"),
    "digits:train": lambda _: digits.load("train"),
    "mnist": lambda progress: mnist.load("test", progress),
    "mnist:train": lambda progress: mnist.load("train", progress),
    "fashion-mnist": lambda progress: fashion.load("test", progress),
    "fashion-mnist:train": lambda progress: fashion.load("train", progress),
    "cifar10": lambda progress: cifar10.load("test", progress),
    "cifar10:train": lambda progress: cifar10.load("train", progress),
    "gtsrb": lambda progress: gtsrb.load("test", progress),
    "gtsrb:train": lambda progress: gtsrb.load("train", progress),
    "adult": lambda progress: adult.load("test", progress),
    "adult:train": lambda progress: adult.load("train", progress),
}


def read(
    data: object,
    groups: Mapping[str, object] | None = None,
    progress: Progress = silent,
    *,
    frame: Frame | None = None,
    classes: Sequence[str] | None = None,
) -> Source:
    """Inputs, labels and groups as a source of rows.

    data: a tuple ``(x, y)`` of tensors, arrays or lists; one of ``NAMES``; a path; a map-style torch ``Dataset``
    or a ``DataLoader``, whose data set is read in its own order; a Hugging Face ``Dataset``; or a source.
    Paths: an .npz file (``x``, ``y``, ``group_*``); IDX images, ``"images.idx,labels.idx"`` for both files; a
    table, ``"people.csv:label=income,groups=sex+race"`` (see ``read_table``, also for columns and classes); a
    folder of images, ``"signs:size=32"`` (see ``read_images``; also shorter, mode, resample, table, label, groups,
    classes), or one that ``Dataset.save_to_disk`` wrote.
    groups: one value a row each, added to the groups that a file has. progress: told of a download.
    frame: for pictures that are given without one of their own. classes: the names of a model's classes by number;
    where the data name theirs and all are among them, labels are numbered as there.
    Raises InputError and its kinds, which name what is wrong with the data and the remedy.
    """
    given = groups is not None and len(groups) > 0
    source = follow(_source(data, given, progress, frame), classes)
    return Grouped(source, groups) if groups is not None and given else source


def _source(data: Any, grouped: bool, progress: Progress, frame: Frame | None) -> Source:
    if isinstance(data, Source):
        return data
    if isinstance(data, str | Path):
        known = NAMES.get(str(data))
        return known(progress) if known else _place(str(data), progress, frame)
    if isinstance(data, tuple) and len(data) == 2:
        return Arrays(*data)
    if isinstance(data, DataLoader):
        return from_loader(data, grouped=grouped)
    if is_huggingface(data):
        return read_dataset(data, frame=frame, progress=progress)
    refuse_stream(data)
    if hasattr(data, "__getitem__") and not isinstance(data, Tensor | np.ndarray | Mapping | tuple | list):
        return Mapped(data)
    size = f" of {len(data)}" if isinstance(data, tuple | list) else ""
    raise InputTypeError(
        f"data is a {type(data).__name__}{size}; pass the tuple (x, y), a name ({', '.join(NAMES)}), the path of "
        "an .npz or IDX file, a table or a folder of images, a Dataset or a DataLoader."
    )


def _place(text: str, progress: Progress, frame: Frame | None) -> Source:
    place, options = spec.split(text)
    path = Path(place.strip()).expanduser()
    if place.strip() and path.is_dir():
        return spec.read_folder_as(path, options, progress, frame)
    if spec.is_table(path):
        return spec.read_table_as(_existing(place), options)
    spec.refuse_options(options, place)
    return _file(place)


def _file(text: str) -> Source:
    images, comma, labels = text.rpartition(",")
    if comma and not Path(text).exists():
        return idx.load(_existing(images), _existing(labels))
    path = _existing(text)
    return npz.load(path) if _is_npz(path) else idx.load(path)


def _existing(text: str) -> Path:
    path = Path(text.strip()).expanduser()
    if not path.is_file():
        raise InputMissingError(
            f"{text!r} is neither a data set ({', '.join(NAMES)}) nor a file or folder: check the spelling and the "
            "place."
        )
    return path


def _is_npz(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK" or path.suffix == ".npz"
