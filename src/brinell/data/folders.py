"""Folders of images: a folder for each class, or one folder with a table of labels."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from brinell.data.border import Array
from brinell.data.classes import encode
from brinell.data.files import sha256
from brinell.data.frames import Frame
from brinell.data.images import File, Images
from brinell.data.tables import column, group_column, is_table, read_arrow
from brinell.errors import InputError, InputMissingError
from brinell.progress import Progress, silent

_LOG = logging.getLogger("brinell")
_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".webp"}
_FILES = ("file_name", "filename", "file", "path", "image")
_LABELS = ("label", "class", "target")


def read_images(
    folder: str | Path, *, frame: Frame | int | tuple[int, int] | None = None, table: str | Path | None = None,
    label: str | None = None, groups: Sequence[str] = (), classes: Sequence[str] | None = None,
    progress: Progress = silent,
) -> Images:  # fmt: skip
    """A folder of images (PNG, JPEG, BMP, PPM, WebP) as a source of rows, read block by block: [0, 1], grey or RGB.

    folder: with a folder for each class in it, which are numbered in alphabetical order; or the images themselves, and
        a table of their labels. frame: how pictures become inputs, see ``Frame``; a number is the side of a square.
    table: a CSV or Parquet file with a row for each image: a column of file names, below the folder (file_name,
        filename, file, path or image), one of labels where folders do not tell them, and columns for groups. The only
        table in the folder is taken unless one is given and where one is needed.
    label, groups: names of columns. classes: the names of the classes in the order of the model's outputs.
    Needs the package pillow. Raises InputMissingError, InputError: what is missing, twice there or broken is named."""
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise InputMissingError(f"there is no folder {folder}; check the spelling.")
    paths = _pictures(folder)
    by_folder = all(path.parent != folder for path in paths)
    if table is None and (groups or label or not by_folder):
        table = _only_table(folder)
    listed = None if table is None else _listed(Path(table).expanduser(), paths, folder)
    labels, names = _labels(listed, paths, folder, by_folder, label, classes)
    found = {} if listed is None else {name: listed.group(name) for name in groups}
    _warn_of_twins(paths, labels)
    return Images(
        [File(path) for path in paths], labels, frame=Frame.of(frame), groups=found, name=folder.resolve().name,
        classes=names, progress=progress,
    )  # fmt: skip


class _Listed(NamedTuple):
    """A table of images, and which of its rows belongs to each image."""

    path: Path
    table: Any
    rows: Array

    def column(self, name: str) -> Array:
        """In the order of the table."""
        return column(self._having(name), name, self.path)

    def group(self, name: str) -> Array:
        """In the order of the images."""
        return group_column(self._having(name), name)[self.rows]

    def first(self, known: Sequence[str]) -> str | None:
        return next((name for name in known if name in self.table.column_names), None)

    def _having(self, name: str) -> Any:
        if name not in self.table.column_names:
            raise InputError(f"{self.path} has no column {name!r}; it has: {', '.join(self.table.column_names)}.")
        return self.table


def _pictures(folder: Path) -> list[Path]:
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _ENDINGS
        and path.is_file()
        and not any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)
    )
    if not paths:
        raise InputMissingError(
            f"{folder} holds no images ({', '.join(sorted(_ENDINGS))}); put a folder for each class into it, or images "
            "and a table of their labels."
        )
    return paths


def _class_folders(folder: Path) -> list[str]:
    """All of them, also those without images: a class that a test set lacks keeps its number."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))


def _only_table(folder: Path) -> Path:
    tables = sorted(path for path in folder.iterdir() if path.is_file() and is_table(path))
    if len(tables) != 1:
        there = f"it has {', '.join(path.name for path in tables)}" if tables else "it has none"
        raise InputMissingError(
            f"{folder} needs one table of labels and groups for its images, a CSV or Parquet file, and {there}; name "
            "it: table=FILE. Without a table, put the images into a folder for each class."
        )
    return tables[0]


def _listed(path: Path, paths: list[Path], folder: Path) -> _Listed:
    table = read_arrow(path)
    listed = _Listed(path, table, np.zeros(0, np.int64))
    files = listed.first(_FILES)
    if files is None:
        raise InputError(
            f"{path} has no column of file names ({', '.join(_FILES)}); it has: {', '.join(table.column_names)}."
        )
    names = [Path(str(name)).as_posix() for name in column(table, files, path)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{path} lists {twice[0]} more than once; each image is one row.")
    wanted = [image.relative_to(folder).as_posix() for image in paths]
    _same(names, wanted, path, folder)
    rows = {name: row for row, name in enumerate(names)}
    return listed._replace(rows=np.array([rows[name] for name in wanted]))


def _same(names: list[str], wanted: list[str], path: Path, folder: Path) -> None:
    gone, new = sorted(set(names) - set(wanted)), sorted(set(wanted) - set(names))
    if gone:
        raise InputMissingError(
            f"{path} lists {gone[0]}, and {folder} has no such image ({len(gone)} of {len(names)} are missing); names "
            "are taken from that folder on. Put them there, or leave their rows out."
        )
    if new:
        raise InputError(
            f"{path} has no row for {new[0]} ({len(new)} of {len(wanted)} images are missing there); add their rows, "
            "or move them out of the folder."
        )


def _warn_of_twins(paths: list[Path], labels: Array) -> None:
    """Say that files hold the same bytes: they count twice, and one of two labels is wrong where these differ."""
    by_size: dict[int, list[int]] = {}
    for row, path in enumerate(paths):
        by_size.setdefault(path.stat().st_size, []).append(row)
    rows: dict[str, list[int]] = {}
    for row in (row for alike in by_size.values() if len(alike) > 1 for row in alike):
        rows.setdefault(sha256(paths[row]), []).append(row)
    twins = [alike for alike in rows.values() if len(alike) > 1]
    odd = [alike for alike in twins if len(set(labels[alike].tolist())) > 1]
    if twins:
        one, other = (odd or twins)[0][:2]
        many = f"{len(twins)} images are" if len(twins) > 1 else "1 image is"
        more = f"{len(odd)} of them with different labels; " if odd else ""
        _LOG.warning("%s there more than once, %ssuch as %s and %s", many, more, paths[one], paths[other])


def _labels(
    listed: _Listed | None, paths: list[Path], folder: Path, by_folder: bool, label: str | None,
    classes: Sequence[str] | None,
) -> tuple[Array, tuple[str, ...] | None]:  # fmt: skip
    if listed is not None and label is None and not by_folder:
        label = listed.first(_LABELS)
        if label is None:
            raise InputError(
                f"which column of {listed.path} holds the labels? Name it: label=..., one of "
                f"{', '.join(listed.table.column_names)}."
            )
    if listed is not None and label is not None:
        y, named = encode(listed.column(label), classes, f"{listed.path}: the column {label}")
        return y[listed.rows], named
    names = np.array([path.relative_to(folder).parts[0] for path in paths])
    return encode(names, classes or _class_folders(folder), f"{folder}: the class folders")
