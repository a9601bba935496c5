"""Pictures of a random size at a random place."""

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from brinell.draws import Draws
from brinell.errors import InputError
from brinell.models.sanitisers.base import Sanitiser, check_pictures


@dataclass(frozen=True, slots=True)
class RandomResizePad(Sanitiser):
    """Shrink each picture to a random size and put it at a random place of a frame of the old one.

    least: the smallest size, as a share of each side, above 0 and below 1; around the picture stands the lower bound.
    x: pictures (N, C, H, W). The paper enlarges instead (299 pixels to a frame of 331), for networks that take any
    size; here the shape stays, so that any network does. Pixels are the nearest ones, as there.
    Attacked by its own slope, averaged over passes (EOT). All rows of a pass share its draw, so that a row's result
    does not depend on its batch. Raises InputError. Source: Xie et al. 2017, arXiv:1711.01991."""

    source = "arXiv:1711.01991"
    random = True
    substitutes = False
    adaptive = "EOT, its own slope averaged over the passes"
    least: float = 0.8

    def __post_init__(self) -> None:
        if isinstance(self.least, bool) or not isinstance(self.least, int | float) or not 0 < self.least < 1:
            raise InputError(f"least is {self.least!r}; it must be above 0 and below 1, such as 0.8.")

    def check(self, x: Tensor) -> None:
        """Pictures only."""
        check_pictures(x, "RandomResizePad")

    def clean(self, x: Tensor, draws: Draws) -> Tensor:
        """One size and one place for all rows."""
        height, width = x.shape[2:]
        size, top, left = (float(draws.uniform((1,), draw)) for draw in range(3))
        low = math.ceil(self.least * height)
        rows = low + int(size * (height - low + 1))
        columns = max(1, round(width * rows / height))
        small = F.interpolate(x, (rows, columns), mode="nearest")
        above, before = int(top * (height - rows + 1)), int(left * (width - columns + 1))
        return F.pad(small, (before, width - columns - before, above, height - rows - above))
