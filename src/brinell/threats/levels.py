"""Levels: the values that a file of so many bits a value can hold."""

from typing import NamedTuple

import torch
from torch import Tensor

from brinell.bounds import Bounds, Limit
from brinell.errors import InputError

_MOST = 16  # bits: beyond, float32 tells neighbouring levels apart no more
_SLACK = 1e-6  # of the width: as far as rounding may take a value that is meant to stand on a level


class Levels(NamedTuple):
    """The values ``low``, ``low + step``, ... ``low + top * step``: numbers, or arrays as bounds are."""

    low: Limit
    step: Limit
    top: int

    @classmethod
    def of(cls, bits: int, bounds: Bounds) -> "Levels":
        """As many levels as so many bits can tell apart, from the lowest to the highest input."""
        top = 2**bits - 1
        return cls(bounds.low, bounds.width / top, top)

    def place(self, x: Tensor) -> Tensor:
        """How many levels above the lowest each value of ``x`` (N, ...) stands, (N, ...) float64."""
        return (x.double() - self.low) / self.step

    def nearest(self, x: Tensor) -> Tensor:
        """The number of the nearest level of each value, (N, ...) float64."""
        return self.place(x).round().clamp(0, self.top)

    def values(self, number: Tensor, x: Tensor) -> Tensor:
        """The values of these levels, in the dtype of ``x``; where that is the level of ``x`` itself, ``x`` as it is.

        So a value that does not move is the same to the last digit, however it was rounded."""
        there = self.low + number * self.step
        unmoved = (there - x).abs() <= _SLACK * self.top * self.step
        return torch.where(unmoved, x, there.to(x))


def read_bits(bits: int | None) -> int | None:
    """A whole number of bits, or None for values between levels as well. Raises InputError."""
    if bits is not None and (isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= _MOST):
        raise InputError(f"bits is {bits!r}; it must be a whole number from 1 to {_MOST}, such as 8, or left out.")
    return bits
