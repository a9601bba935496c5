"""Inputs changed a little before they are learned from, by draws that depend on seed, epoch and row alone."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from brinell.case import is_count
from brinell.draws import Draws
from brinell.errors import InputError
from brinell.rows import per_row

Augmentation: TypeAlias = Callable[[Tensor, Draws], Tensor]
_APART = 1 << 20  # the restarts from which augmentations draw; no attack makes so many


@dataclass(frozen=True, slots=True)
class Shift:
    """Move each row by up to ``most`` places along each axis behind the channels; edges repeat their last value.

    For pictures (N, C, H, W), and waveforms (N, C, T) or (N, T)."""

    most: int = 2

    def __post_init__(self) -> None:
        if not is_count(self.most):
            raise InputError(f"most is {self.most}; it must be a whole number of places, at least 1.")

    def __call__(self, x: Tensor, draws: Draws) -> Tensor:
        """Inputs (N, ...) moved."""
        for axis in range(min(2, x.dim() - 1), x.dim()):
            by = draws.integers(2 * self.most + 1, draw=axis) - self.most
            places = torch.arange(x.shape[axis], device=x.device) + by[:, None]
            shape = [len(x), *[1] * (x.dim() - 1)]
            shape[axis] = x.shape[axis]
            x = x.gather(axis, places.clamp(0, x.shape[axis] - 1).reshape(shape).expand_as(x))
        return x


@dataclass(frozen=True, slots=True)
class Flip:
    """Mirror half of the rows along the last axis: left and right of a picture (N, C, H, W)."""

    def __call__(self, x: Tensor, draws: Draws) -> Tensor:
        """Inputs (N, ...), some of them mirrored."""
        return torch.where(per_row(draws.integers(2), x) == 1, x.flip(-1), x)


@dataclass(frozen=True, slots=True)
class Noise:
    """Add normal noise of standard deviation ``sigma``, in the unit of the inputs."""

    sigma: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.sigma < float("inf"):
            raise InputError(f"sigma is {self.sigma}; it must be above 0.")

    def __call__(self, x: Tensor, draws: Draws) -> Tensor:
        """Inputs (N, ...) with noise."""
        return x + self.sigma * draws.normal(tuple(x.shape[1:]), dtype=x.dtype)


@dataclass(frozen=True, slots=True)
class ColorJitter:
    """Multiply each row by up to ``1 ± brightness``, then its distance from its own mean by up to ``1 ± contrast``;
    all channels alike."""

    brightness: float = 0.3
    contrast: float = 0.3

    def __post_init__(self) -> None:
        _check_shares(brightness=self.brightness, contrast=self.contrast)

    def __call__(self, x: Tensor, draws: Draws) -> Tensor:
        """Inputs (N, ...) brighter or darker, sharper or duller."""
        brightness, contrast = _either_way(draws, x, 2)
        x = x * per_row(1 + self.brightness * brightness, x)
        mean = per_row(x.flatten(1).mean(1), x)
        return mean + (x - mean) * per_row(1 + self.contrast * contrast, x)


@dataclass(frozen=True, slots=True)
class Affine:
    """Turn pictures (N, C, H, W) by up to ``degrees`` either way, stretch each axis by up to ``1 ± scale``, and move
    them by up to the share ``translate`` of each axis; edges repeat their last value, and pixels are interpolated."""

    degrees: float = 8.0
    translate: float = 0.06
    scale: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.degrees <= 180:
            raise InputError(f"degrees is {self.degrees}; it must be within 0..180.")
        _check_shares(translate=self.translate, scale=self.scale)

    def __call__(self, x: Tensor, draws: Draws) -> Tensor:
        """Pictures turned, stretched and moved. Raises InputError on other shapes."""
        if x.dim() != 4:
            raise InputError(f"Affine moves pictures (N, C, H, W); the inputs are {tuple(x.shape)}; use Shift.")
        turn, wide, high, right, down = (per_row(part, x[:, 0]) for part in _either_way(draws, x, 5))
        cos, sin = (wave(turn * math.radians(self.degrees)) for wave in (torch.cos, torch.sin))
        rows, columns = (torch.arange(n, device=x.device, dtype=x.dtype) - (n - 1) / 2 for n in x.shape[2:])
        row, column = rows[None, :, None], columns[None, None, :]
        places = (  # where each pixel comes from: pixels from the middle, then shares of half an axis
            (cos * column - sin * row) * 2 / x.shape[3] / (1 + self.scale * wide) + 2 * self.translate * right,
            (sin * column + cos * row) * 2 / x.shape[2] / (1 + self.scale * high) + 2 * self.translate * down,
        )
        return F.grid_sample(x, torch.stack(places, 3), padding_mode="border", align_corners=False)


def _either_way(draws: Draws, x: Tensor, count: int) -> tuple[Tensor, ...]:
    """As many numbers in [-1, 1) for each row, each (N,)."""
    return (2 * draws.uniform((count,), dtype=x.dtype) - 1).unbind(1)


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise InputError(f"{name} is {share}; it must be at least 0 and below 1.")


AUGMENTATIONS: dict[str, type[Any]] = {each.__name__: each for each in (Shift, Flip, Noise, ColorJitter, Affine)}


def augmented(x: Tensor, draws: Draws, ways: tuple[Augmentation, ...]) -> Tensor:
    """Inputs (N, ...) after all ways in turn. Raises InputError where one of them changes the shape."""
    for number, way in enumerate(ways):
        changed = way(x, replace(draws, restart=_APART + number))
        if not isinstance(changed, Tensor) or changed.shape != x.shape:
            shape = tuple(changed.shape) if isinstance(changed, Tensor) else type(changed).__name__
            raise InputError(f"the augmentation {way!r} gave {shape} for inputs {tuple(x.shape)}; keep the shape.")
        x = changed
    return x
