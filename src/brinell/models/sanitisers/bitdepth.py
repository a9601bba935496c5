"""Fewer levels a value: the simplest of the squeezers."""

from dataclasses import dataclass

from torch import Tensor

from brinell.draws import Draws
from brinell.models.sanitisers.base import Sanitiser, check_whole


@dataclass(frozen=True, slots=True)
class BitDepth(Sanitiser):
    """Round every value to ``2**bits`` levels, evenly from bound to bound; 1 bit keeps black and white.

    bits: 1..16. Any shape (N, ...). Attacked through the identity (BPDA): rounding moves no value by more than half a
    step. Raises InputError. Source: Xu et al. 2017, arXiv:1704.01155; Guo et al. 2017, arXiv:1711.00117."""

    source = "arXiv:1704.01155"
    adaptive = "BPDA, the identity standing in for the slope of the rounding"
    bits: int = 4

    def __post_init__(self) -> None:
        check_whole("bits", self.bits, 1, 16, "such as 4")

    def clean(self, x: Tensor, draws: Draws) -> Tensor:  # noqa: ARG002 - nothing is drawn
        """The nearest level; in the middle between two, the even one."""
        steps = 2**self.bits - 1
        return x.mul(steps).round().div(steps)
