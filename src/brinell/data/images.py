"""Pictures as a source of rows: decoded when a block is asked for, never all at once."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from brinell.data.border import Array, Rows, as_groups, as_labels
from brinell.data.frames import Frame, pillow
from brinell.errors import InputError
from brinell.progress import Progress, silent

if TYPE_CHECKING:
    from PIL.Image import Image


class Picture(Protocol):
    """Where a picture lies."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    def read(self) -> "Image":
        """The picture, of which only the header has to be read yet."""
        ...


@dataclass(frozen=True, slots=True)
class File:
    """A picture in a file of its own."""

    path: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    def read(self) -> "Image":
        """The picture; its file is open until it is decoded or closed."""
        return pillow().open(self.path)  # type: ignore[no-any-return]


class Images:
    """Pictures, each decoded when its block is asked for: (N, C, H, W) in [0, 1], grey or RGB.

    pictures: where they lie, one a row. y: (N,) integers. frame: how they become inputs; without a size and a mode all
    must be of the same. The headers of all are read at once, the pictures later.
    Raises InputError, naming the picture, where one cannot be read or is of another size or mode than the first.
    """

    bounds = (0.0, 1.0)

    def __init__(
        self, pictures: Sequence[Picture], y: object, *, frame: Frame | None = None,
        groups: Mapping[str, object] | None = None, name: str = "images", classes: Sequence[str] | None = None,
        progress: Progress = silent,
    ) -> None:  # fmt: skip
        self.name = name
        self.y = as_labels(y)
        self.groups: Mapping[str, Array] = as_groups(groups or {}, len(self.y))
        self.classes = None if classes is None else tuple(classes)
        self._pictures = pictures
        self.frame = _settle(pictures, frame or Frame(), progress)

    def __len__(self) -> int:
        return len(self.y)

    def block(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """The chosen rows, as in ``Source``."""
        numbers = np.arange(len(self))[rows]
        x = torch.from_numpy(np.stack([self._input(self._pictures[row]) for row in numbers]))
        return x.float().div_(255), self.y[torch.from_numpy(numbers)].clone()

    def _input(self, picture: Picture) -> Array:
        with readable(picture.name), picture.read() as image:
            return self.frame(image, picture.name)


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Within it, what Pillow says of a damaged picture becomes an InputError that names it."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of odd meta data; the pixels are what counts
            yield
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, pillow().DecompressionBombError) as problem:
        raise InputError(f"{name} cannot be read as an image: {problem}. Write it again, or leave it out.") from problem


def _settle(pictures: Sequence[Picture], frame: Frame, progress: Progress) -> Frame:
    """The frame with its mode decided, if all pictures fit it."""
    first: dict[tuple[int, int], str] = {}
    modes: dict[str, str] = {}
    for number, picture in enumerate(pictures):
        with readable(picture.name), picture.read() as image:
            modes.setdefault(frame.mode_of(image, picture.name), picture.name)
            first.setdefault((image.height, image.width), picture.name)
        progress("reading the headers of images", number + 1, len(pictures))
    if len(modes) > 1:
        raise InputError(
            f'some pictures are grey ({modes["L"]}) and some in colour ({modes["RGB"]}); give mode "RGB" or "L" to '
            "convert all of them."
        )
    if frame.size is None and len(first) > 1:
        (one, a), (two, b) = list(first.items())[:2]
        raise InputError(
            f"the pictures are of {len(first)} sizes, such as {one[1]}x{one[0]} ({a}) and {two[1]}x{two[0]} ({b}), "
            "width x height; rows must have one shape: give the size to which they are to be brought, such as size 224."
        )
    return replace(frame, mode="RGB" if "RGB" in modes else "L")
