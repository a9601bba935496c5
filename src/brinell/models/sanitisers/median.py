"""The median of each value's surroundings."""

from dataclasses import dataclass

import torch
from torch import Tensor

from brinell.draws import Draws
from brinell.errors import InputError
from brinell.models.sanitisers.base import Sanitiser, check_whole


@dataclass(frozen=True, slots=True)
class Median(Sanitiser):
    """Replace every value by the median of the window about it: a square in pictures, a stretch in waveforms.

    size: the window's side, odd, 3..31. x: pictures (N, C, H, W), channel by channel, or rows of values in an order,
    (N, T) or (N, C, T), along the last axis; on tables of unrelated columns it means nothing. At the rim the input is
    mirrored with its last value repeated, as ``scipy.ndimage.median_filter`` does.
    Attacked by its own slope, which is that of the value in the middle: it leads further than that of a mean would.
    Raises InputError. Source: Xu et al. 2017, arXiv:1704.01155."""

    source = "arXiv:1704.01155"
    substitutes = False
    adaptive = "its own slope, that of the value in the middle of each window"
    size: int = 3

    def __post_init__(self) -> None:
        check_whole("size", self.size, 3, 31, "odd, such as 3")
        if self.size % 2 == 0:
            raise InputError(f"size is {self.size}; it must be odd, such as {self.size + 1}, to have a middle.")

    def check(self, x: Tensor) -> None:
        """Two to four axes, and no axis of the window shorter than half of it."""
        if x.dim() not in (2, 3, 4):
            raise InputError(
                f"Median takes (N, T), (N, C, T) or (N, C, H, W), and these inputs are {('N', *x.shape[1:])}."
            )
        if min(x.shape[_axes(x)]) < self.size // 2:
            raise InputError(f"size is {self.size} and the inputs are {('N', *x.shape[1:])}; take a smaller window.")

    def clean(self, x: Tensor, draws: Draws) -> Tensor:  # noqa: ARG002 - nothing is drawn
        """The middle one of the sorted values of each window."""
        return self._windows(x).median(-1).values

    def _windows(self, x: Tensor) -> Tensor:
        """The values of the window about each value, (N, ..., size or size**2)."""
        axes = range(x.dim())[_axes(x)]
        for axis in axes:
            x = x.index_select(axis, _mirrored(x.shape[axis], self.size // 2).to(x.device))
        for axis in axes:
            x = x.unfold(axis, self.size, 1)
        return x.flatten(-len(axes))


def _axes(x: Tensor) -> slice:
    """The axes that the window spans."""
    return slice(2, 4) if x.dim() == 4 else slice(x.dim() - 1, x.dim())


def _mirrored(length: int, more: int) -> Tensor:
    """The indices of ``length`` values with ``more`` on each side: ``... 1 0 | 0 1 2 ... | last ...``."""
    places = torch.arange(length)
    return torch.cat([places[:more].flip(0), places, places[length - more :].flip(0)])
