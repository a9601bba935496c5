"""L1: all changes together sum to at most eps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from brinell.bounds import Bounds
from brinell.draws import Draws
from brinell.rows import flat, per_row, row_norm, spread
from brinell.threats.base import Ball, Place


@dataclass(frozen=True, slots=True, init=False, repr=False)
class L1(Ball):
    """The absolute changes of all values sum to at most ``eps``, in the input's own unit.

    Source: Chen et al. 2018, arXiv:1709.04114; with bounds: Croce and Hein 2021, arXiv:2103.01208."""

    name, dual = "l1", float("inf")

    def project(self, x_adv: Tensor, x: Tensor, bounds: Bounds, radius: Tensor | None = None) -> Tensor:
        """The nearest point to ``x_adv`` (N, ...) in the set about ``x`` and in the bounds; exact up to rounding.

        Every change is shrunk by one threshold in a row and clipped to the bounds (arXiv:2103.01208)."""
        r = torch.as_tensor(self.eps if radius is None else radius, dtype=x.dtype, device=x.device).expand(len(x))
        delta = x_adv - x
        room = bounds.room(x, delta)
        cut = _threshold(flat(delta.abs()), flat(room), r)
        moved = torch.minimum((delta.abs() - per_row(cut, x)).clamp(min=0), room)
        total = row_norm(moved, 1)
        shrink = torch.where(total > r, r / total.clamp(min=torch.finfo(x.dtype).tiny), torch.ones_like(r))
        return bounds.clip(x + delta.sign() * moved * per_row(shrink, x))

    def step(self, grad: Tensor, size: float | Tensor = 1.0, at: Place | None = None) -> Tensor:
        """Spend ``size`` on the values of largest slope, each up to its bound, (N, ...)."""
        slope = flat(grad.abs())
        size = spread(size, slope)
        room = torch.zeros_like(slope) + size if at is None else flat(at.bounds.room(at.x_adv, grad))
        order = slope.argsort(dim=1, descending=True, stable=True)
        sorted_room = room.gather(1, order)
        before = sorted_room.cumsum(1) - sorted_room
        spent = torch.minimum((size - before).clamp(min=0), sorted_room)
        return torch.zeros_like(slope).scatter(1, order, spent).reshape(grad.shape) * grad.sign()

    def sample(self, x: Tensor, bounds: Bounds, draws: Draws, radius: Tensor | None = None) -> Tensor:
        """Uniform in the set about each row, then projected into the bounds."""
        size = x[0].numel()
        weights = -torch.log1p(-draws.uniform((size + 1,), draw=0, dtype=x.dtype))
        shares = (weights[:, :size] / weights.sum(1, keepdim=True)).reshape(x.shape)
        signs = (draws.bits(tuple(x.shape[1:]), draw=1) & 1).to(x.dtype) * 2 - 1
        return self.project(x + signs * shares * self._radius(x, radius), x, bounds, radius)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """The sum of the absolute changes, (N,)."""
        return row_norm(x_adv - x, 1)


def _threshold(length: Tensor, room: Tensor, r: Tensor) -> Tensor:
    """The cut at or above 0, (N,), with ``sum(min(max(length - cut, 0), room)) = r``; 0 where the sum is below r.

    The sum is piecewise linear in the cut; it bends where a value begins to move and where it meets its room."""
    bends = torch.cat([length, length - room], 1)
    points, order = bends.sort(dim=1, descending=True)
    starts = torch.where(order < length.shape[1], 1.0, -1.0).to(length.dtype)
    moving = starts.cumsum(1)[:, :-1]
    gaps = points[:, :-1] - points[:, 1:]
    total = torch.cat([torch.zeros_like(r)[:, None], (moving * gaps).cumsum(1)], 1)
    at = (total < r[:, None]).sum(1, keepdim=True).clamp(1, total.shape[1] - 1) - 1
    slope = moving.gather(1, at).clamp(min=1)
    cut = points.gather(1, at) - (r[:, None] - total.gather(1, at)) / slope
    reachable = torch.minimum(length, room).sum(1) > r
    return torch.where(reachable, cut[:, 0].clamp(min=0), torch.zeros_like(r))
