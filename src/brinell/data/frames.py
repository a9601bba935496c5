"""How pictures of any size and mode become inputs of one shape."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from brinell.data.border import Array
from brinell.errors import InputError, InputMissingError, InputTypeError

if TYPE_CHECKING:
    from PIL.Image import Image

Mode: TypeAlias = Literal["RGB", "L"]
_PLAIN = {"1": "L", "L": "L", "RGB": "RGB"}
_MODES = {
    "RGBA": "has an alpha channel",
    "LA": "is grey with an alpha channel",
    "PA": "has a palette with an alpha channel",
    "P": "has a palette with a transparent colour",
    "CMYK": "is in CMYK",
}
_RESAMPLES = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")


@dataclass(frozen=True, slots=True)
class Frame:
    """What is done to a picture before it is an input: mode, size, cut, in that order.

    resize: (height, width), to which it is stretched; one number, to which its shorter side is brought, the other in
        proportion; or None, to leave it as it is.
    crop: (height, width) of the middle that is cut out afterwards; beyond the picture it is black. None: no cut.
    mode: "RGB" or "L" (grey), into which pictures are converted (an alpha channel is dropped); None takes them as they
        are, which must be all grey or all RGB.
    resample: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming".

    Works on 8 bits a channel; the turn that a camera writes into EXIF is not followed. Raises InputError."""

    resize: int | tuple[int, int] | None = None
    crop: tuple[int, int] | None = None
    mode: Mode | None = None
    resample: str = "bilinear"

    def __post_init__(self) -> None:
        lengths = [*_pair(self.resize), *_pair(self.crop)]
        if not all(isinstance(length, int) and length >= 1 for length in lengths) or len(_pair(self.crop)) == 1:
            raise InputError(
                f"the frame has resize {self.resize!r} and crop {self.crop!r}; give pixels: (height, width), or for "
                "resize the shorter side."
            )
        if self.mode not in (None, "RGB", "L"):
            raise InputError(f'the mode is {self.mode!r}; choose "RGB" or "L" (grey).')
        if self.resample not in _RESAMPLES:
            raise InputError(f"resample is {self.resample!r}; choose one of {', '.join(_RESAMPLES)}.")

    @classmethod
    def of(cls, wanted: "Frame | int | tuple[int, int] | None") -> "Frame":
        """A frame as it is; of a number n, that which stretches to n x n; of a pair, to that height and width."""
        if isinstance(wanted, Frame):
            return wanted
        return cls(resize=(wanted, wanted) if isinstance(wanted, int) else wanted)

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of every input, or None where the pictures decide it."""
        return self.crop or (self.resize if isinstance(self.resize, tuple) else None)

    def mode_of(self, picture: "Image", name: str) -> Mode:
        """The mode in which ``picture`` becomes an input. Raises InputError, naming it, where that is not plain."""
        if picture.mode.startswith(("I", "F")):
            raise InputError(f"{name} has more than 8 bits a channel (mode {picture.mode}); write it with 8.")
        if self.mode is not None:
            return self.mode
        plain = "RGB" if picture.mode == "P" and "transparency" not in picture.info else _PLAIN.get(picture.mode)
        if plain is None:
            what = _MODES.get(picture.mode, f"is in mode {picture.mode}")
            raise InputError(f'{name} {what}; give mode "RGB" or "L" to convert all pictures.')
        return "RGB" if plain == "RGB" else "L"

    def __call__(self, picture: "Image", name: str = "the picture") -> Array:
        """The input, (C, H, W) uint8, C = 1 for grey and 3 for RGB."""
        picture = picture.convert(self.mode_of(picture, name))
        if self.resize is not None:
            picture = picture.resize(_target(picture.size, self.resize), _filter(self.resample))
        if self.crop is not None:
            picture = _middle(picture, *self.crop)
        pixels = np.asarray(picture)
        return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


def pillow() -> Any:
    """The module ``PIL.Image``. Raises InputMissingError where the package pillow is not installed."""
    try:
        from PIL import Image
    except ModuleNotFoundError as problem:
        raise InputMissingError(
            'images are read by the package pillow, which is not there: pip install "brinell[images]".'
        ) from problem
    return Image


def _pair(lengths: Any) -> tuple[Any, ...]:
    if lengths is None:
        return ()
    if isinstance(lengths, int) and not isinstance(lengths, bool):
        return (lengths,)
    if isinstance(lengths, tuple) and len(lengths) == 2:
        return lengths
    raise InputTypeError(f"a frame is given {lengths!r}; pass pixels: one number, or (height, width).")


def _target(size: tuple[int, int], wanted: int | tuple[int, int]) -> tuple[int, int]:
    """Width and height."""
    if isinstance(wanted, tuple):
        return wanted[1], wanted[0]
    shorter, longer = min(size), max(size)
    other = int(wanted * longer / shorter)
    return (wanted, other) if size[0] <= size[1] else (other, wanted)


def _filter(name: str) -> Any:
    return pillow().Resampling[name.upper()]


def _middle(picture: "Image", height: int, width: int) -> "Image":
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))
