"""Arrays in IDX files, the format of MNIST: two zero bytes, dtype, number of axes, their lengths, data."""

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from brinell.data.border import Array
from brinell.data.files import Layout, unpacked
from brinell.data.sources import Arrays
from brinell.errors import InputError, InputMissingError

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def load(
    images: Path, labels: Path | None = None, *, name: str | None = None, classes: Sequence[str] | None = None
) -> Arrays:
    """Inputs and labels from two IDX files, gzip or not.

    labels: looked for beside the images when it is not given, ``images-idx3`` becoming ``labels-idx1``.
    Bytes of shape (N, H, W) become images (N, 1, H, W) in [0, 1]; anything else stays as it is.
    Raises InputError when a file is damaged, InputMissingError when the labels are not found.
    """
    x, y = read_idx(images), read_idx(labels or _labels_beside(images))
    name = name or images.name
    if x.dtype == np.uint8 and x.ndim == 3:
        return Arrays(x[:, None], y, name=name, scale=255.0, bounds=(0.0, 1.0), classes=classes)
    return Arrays(x, y, name=name, classes=classes)


def read_idx(path: Path) -> Array:
    """The array of an IDX file, mapped: in place, or, if it is gzip, from a temporary file without a name.

    All dtypes of the format. Raises InputError, naming the file, when it is cut off, too long or no IDX file.
    """
    with unpacked(path) as file:
        layout = _layout(file, path)
        return layout.mapped(file, os.fstat(file.fileno()).st_size, str(path))


def _layout(file: IO[bytes], path: Path) -> Layout:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        raise InputError(
            f"{path} begins with {magic.hex(' ') or 'nothing'}; an IDX file begins with 00 00, a dtype (08, "
            "09, 0b to 0e) and the number of axes. Give an IDX file or an .npz."
        )
    lengths = file.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise InputError(f"{path} is damaged: cut off within its header. Fetch or write the file again.")
    return Layout(np.dtype(_DTYPES[magic[2]]), struct.unpack(f">{magic[3]}I", lengths))


def _labels_beside(images: Path) -> Path:
    name = images.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    places = [images.with_name(name), images.with_name(f"{name}.gz")]
    found = [place for place in places if place.is_file() and place != images]
    if not found:
        raise InputMissingError(
            f"no labels to {images}: neither {places[0]} nor {places[1].name} beside it is another file. Put "
            "them there, or name both files: images.idx,labels.idx."
        )
    return found[0]
