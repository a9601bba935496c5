"""Inputs changed a little before they are learned from, by draws that depend on seed, epoch and row alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
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


AUGMENTATIONS: dict[str, type[Any]] = {"Shift": Shift, "Flip": Flip, "Noise": Noise}


def augmented(x: Tensor, draws: Draws, ways: tuple[Augmentation, ...]) -> Tensor:
    """Inputs (N, ...) after all ways in turn. Raises InputError where one of them changes the shape."""
    for number, way in enumerate(ways):
        changed = way(x, replace(draws, restart=_APART + number))
        if not isinstance(changed, Tensor) or changed.shape != x.shape:
            shape = tuple(changed.shape) if isinstance(changed, Tensor) else type(changed).__name__
            raise InputError(f"the augmentation {way!r} gave {shape} for inputs {tuple(x.shape)}; keep the shape.")
        x = changed
    return x
