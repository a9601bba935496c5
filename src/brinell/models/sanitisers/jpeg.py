"""JPEG and back: forward by Pillow, backward by block transforms of our own."""

import io
import math
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from brinell.draws import Draws
from brinell.errors import needing
from brinell.models.sanitisers.base import Sanitiser, check_pictures, check_whole

_SIDE = 8  # of a block
_TALLEST = 65_500  # rows that a file can hold
_Bytes: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
# The example tables of the standard, ITU-T T.81, annex K: which all common encoders scale by their quality.
_LIGHT = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_COLOUR = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99, *[99] * 32,
)  # fmt: skip
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))


@dataclass(frozen=True, slots=True)
class JPEG(Sanitiser):
    """Write every picture as a JPEG file of this quality and read it again.

    quality: 1..100, as Pillow has it; colours at half the resolution (4:2:0), its default. x: pictures (N, 1, H, W) in
    grey or (N, 3, H, W) in RGB, brought to 8 bits on the way. Forward by Pillow (brinell[images]), on the CPU.
    Attacked through the same block transforms with a sine in the place of their rounding (BPDA): its slope is 1 on the
    whole, 2 where a coefficient is about to change, 0 where it is far from that.
    Raises InputError, InputMissingError without Pillow.
    Source: Dziugaite et al. 2016, arXiv:1608.00853; transforms with a soft rounding, there a cubic, are those of Shin
    and Song 2017, JPEG-resistant adversarial images."""

    source = "arXiv:1608.00853"
    adaptive = "BPDA, block transforms with a soft rounding standing in for the slope of the file"
    quality: int = 75

    def __post_init__(self) -> None:
        check_whole("quality", self.quality, 1, 100, "such as 75")

    def check(self, x: Tensor) -> None:
        """Grey or RGB pictures."""
        check_pictures(x, "JPEG", (1, 3))

    def clean(self, x: Tensor, draws: Draws) -> Tensor:  # noqa: ARG002 - nothing is drawn
        """Through a file and back."""
        values = (x.detach() * 255).round().to(torch.uint8).movedim(1, -1).cpu().numpy()
        return torch.from_numpy(_through_files(values, self.quality)).to(x).movedim(-1, 1) / 255

    def stand_in(self, x: Tensor, draws: Draws) -> Tensor:  # noqa: ARG002
        """The same transforms with a slope."""
        light, colour = (scaled(table, self.quality).to(x) for table in (_LIGHT, _COLOUR))
        if x.shape[1] == 1:
            return _coarse(x * 255 - 128, light) / 255 + 128 / 255
        to_ycc = torch.tensor(_TO_YCC, dtype=x.dtype, device=x.device)
        ycc = torch.einsum("ij,njhw->nihw", to_ycc, x * 255)
        y, cc = _coarse(ycc[:, :1] - 128, light) + 128, ycc[:, 1:]
        small = F.avg_pool2d(cc, 2, ceil_mode=True, count_include_pad=False)
        large = F.interpolate(_coarse(small, colour), scale_factor=2, mode="bilinear")
        ycc = torch.cat([y, large[:, :, : x.shape[2], : x.shape[3]]], 1)
        return torch.einsum("ij,njhw->nihw", torch.linalg.inv(to_ycc), ycc) / 255


def scaled(table: tuple[int, ...], quality: int) -> Tensor:
    """The steps of the 64 coefficients, (8, 8): the table as the Independent JPEG Group scales it by quality."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((torch.tensor(table) * percent + 50) // 100).clamp(1, 255).reshape(_SIDE, _SIDE)


def soft_round(x: Tensor) -> Tensor:
    """A smooth staircase through the whole numbers."""
    return x - torch.sin(2 * math.pi * x) / (2 * math.pi)


def _coarse(plane: Tensor, steps: Tensor) -> Tensor:
    """Each 8x8 block of ``plane`` (N, C, H, W) with its cosine coefficients rounded, softly, to multiples of steps."""
    height, width = plane.shape[2:]
    padded = F.pad(plane, (0, -width % _SIDE, 0, -height % _SIDE), mode="replicate")
    blocks = padded.reshape(*plane.shape[:2], padded.shape[2] // _SIDE, _SIDE, -1, _SIDE)
    cosines = _cosines().to(plane)
    coefficients = torch.einsum("ki,nchiwj,lj->nchwkl", cosines, blocks, cosines) / steps
    back = torch.einsum("ki,nchwkl,lj->nchiwj", cosines, soft_round(coefficients) * steps, cosines)
    return back.flatten(4).flatten(2, 3)[:, :, :height, :width]


@cache
def _cosines() -> Tensor:
    """The orthonormal cosine transform of 8 values, (8, 8)."""
    place = torch.arange(_SIDE, dtype=torch.float64)
    cosines = torch.cos((2 * place + 1) * place[:, None] * math.pi / (2 * _SIDE)) * math.sqrt(2 / _SIDE)
    cosines[0] /= math.sqrt(2)
    return cosines


def _through_files(pictures: _Bytes, quality: int) -> _Bytes:
    """Pictures (N, H, W, 1 or 3) as they come back from JPEG files."""
    if pictures.shape[-1] == 3:
        return np.stack([_through_file(picture, quality) for picture in pictures])
    # Blocks of grey know nothing of each other: one tall file is many files, once every picture ends with its blocks.
    n, height, width, _ = pictures.shape
    padded = np.pad(pictures[..., 0], ((0, 0), (0, -height % _SIDE), (0, 0)), mode="edge")
    many = _TALLEST // padded.shape[1]
    parts = [_through_file(padded[at : at + many].reshape(-1, width), quality) for at in range(0, n, many)]
    return np.concatenate(parts).reshape(n, -1, width, 1)[:, :height]


def _through_file(picture: _Bytes, quality: int) -> _Bytes:
    """One picture, (H, W) or (H, W, 3)."""
    with needing("images"):
        from PIL import Image
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
