"""Linf: every value may change by at most eps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from brinell.bounds import Bounds
from brinell.draws import Draws
from brinell.rows import flat, per_row, row_norm, spread
from brinell.threats.base import Ball, Place
from brinell.threats.levels import Levels
from brinell.threats.planes import shortest
from brinell.threats.windows import grid, middle, sides, signs, within


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Linf(Ball):
    """Every value may change by at most ``eps``, in the input's own unit.

    Source: Goodfellow et al. 2015, arXiv:1412.6572; Madry et al. 2018, arXiv:1706.06083."""

    name, dual = "linf", 1.0

    def project(self, x_adv: Tensor, x: Tensor, bounds: Bounds, radius: Tensor | None = None) -> Tensor:
        """The nearest point to ``x_adv`` (N, ...) in the set about ``x`` and in the bounds; exact."""
        r = self._radius(x, radius)
        return bounds.clip(x_adv.clamp(x - r, x + r))

    def step(self, grad: Tensor, size: float | Tensor = 1.0, at: Place | None = None) -> Tensor:  # noqa: ARG002
        """``size`` along the sign of every value, (N, ...)."""
        return grad.sign().mul_(spread(size, grad))

    def _on_levels(self, x_adv: Tensor, x: Tensor, levels: Levels) -> Tensor:
        """The nearest point of the set on levels; exact, value by value."""
        slack = 1e-6 * self.eps + torch.finfo(x.dtype).eps * x.abs()  # that of ``contains``
        lowest, highest = levels.place(x - self.eps - slack).ceil(), levels.place(x + self.eps + slack).floor()
        return levels.values(levels.nearest(x_adv).clamp(lowest, highest), x)

    def sample(self, x: Tensor, bounds: Bounds, draws: Draws, radius: Tensor | None = None) -> Tensor:
        """Uniform in the cube about each row, clipped to the bounds."""
        noise = draws.uniform(tuple(x.shape[1:]), dtype=x.dtype) * 2 - 1
        return self.project(x + noise * self._radius(x, radius), x, bounds, radius)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """The largest change of a value, (N,)."""
        return row_norm(x_adv - x, float("inf"))

    def pattern(self, x: Tensor, bounds: Bounds, draws: Draws) -> Tensor:
        """Stripes of plus and minus ``eps`` along the axis before the last, a sign for each, cut off at the bounds."""
        room = grid(x)
        stripes = (draws.bits((*room.shape[1:-2], 1, room.shape[-1])) & 1).to(x.dtype) * 2 - 1
        return bounds.clip(room + self.eps * stripes).reshape(x.shape)

    def patch(self, at: Place, share: float, luck: Tensor) -> Tensor:
        """Send the values of one window, ``share`` of a plane, to the far end of the set, a sign for each plane.

        Where the middle of the window would stay as it is in all planes, all signs are turned: half of the patches of a
        grey image would else change nothing (the paper's own code draws again until something changes)."""
        x, x_adv, size = grid(at.x), grid(at.x_adv), sides(grid(at.x), share)
        way = signs(x, luck)
        there, now = middle(x, size, luck), middle(x_adv, size, luck)
        idle = (
            at.bounds.picked(x, lambda side: middle(side, size, luck)).clip(there + self.eps * flat(way)) == now
        ).all(1)
        far = at.bounds.clip(x + self.eps * torch.where(per_row(idle, x), -way, way))
        return torch.where(within(x, size, luck), far, x_adv).reshape(at.x.shape)

    def onto_plane(self, x: Tensor, slope: Tensor, rise: Tensor, bounds: Bounds) -> Tensor:
        """The move from ``x`` (N, ...) of least size by which a linear function rises by ``rise`` (N,); exact."""
        return shortest(x, slope, rise, bounds, torch.ones_like(flat(slope)))  # all values go alike
