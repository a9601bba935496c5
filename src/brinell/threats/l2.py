"""L2: the root of the summed squares of all changes is at most eps."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from brinell.bounds import Bounds
from brinell.draws import Draws
from brinell.rows import flat, per_row, row_norm, spread, unit_rows
from brinell.threats.base import Ball, Place
from brinell.threats.planes import shortest
from brinell.threats.windows import bumps, cells, grid, odd_sides, planes, signs, tiles

_ROUNDS = 8  # at most, in the search for the scale; each is feasible, and each closer to the nearest point


@dataclass(frozen=True, slots=True, init=False, repr=False)
class L2(Ball):
    """The Euclidean length of the change is at most ``eps``, in the input's own unit.

    Source: Szegedy et al. 2014, arXiv:1312.6199; Madry et al. 2018, arXiv:1706.06083."""

    name, dual = "l2", 2.0

    def project(self, x_adv: Tensor, x: Tensor, bounds: Bounds, radius: Tensor | None = None) -> Tensor:
        """Bring ``x_adv`` (N, ...) into the ball about ``x`` and into the bounds.

        The nearest point of both is ``clip(x + s * (x_adv - x))`` for one scale ``s`` in a row. Exact for ball or
        bounds alone; for both, ``s`` is approached from below, so the result is inside and nearly the nearest."""
        r = torch.as_tensor(self.eps if radius is None else radius, dtype=x.dtype, device=x.device)
        delta = x_adv - x
        inside = row_norm(bounds.clip(x_adv) - x, 2) <= r
        scale = self._scale(delta, bounds.room(x, delta), r)
        return bounds.clip(x + delta * per_row(torch.where(inside, torch.ones_like(scale), scale), x))

    def _scale(self, delta: Tensor, room: Tensor, r: Tensor) -> Tensor:
        length = delta.abs()
        scale = r / row_norm(delta, 2).clamp(min=torch.finfo(delta.dtype).tiny)
        for _ in range(_ROUNDS):  # what is clipped at this scale leaves its share to the rest
            stuck = length * per_row(scale, delta) >= room
            spent = row_norm(room * stuck, 2).square()
            free = row_norm(length * ~stuck, 2)
            better = (r.square() - spent).clamp(min=0).sqrt() / free.clamp(min=torch.finfo(delta.dtype).tiny)
            before, scale = scale, torch.where(free > 0, torch.maximum(scale, better), scale)
            if not scale.is_cuda and torch.equal(scale, before):  # on a GPU, looking would mean waiting
                break
        return scale * (1 - 4 * torch.finfo(delta.dtype).eps)

    def step(self, grad: Tensor, size: float | Tensor = 1.0, at: Place | None = None) -> Tensor:
        """``size`` along the direction of the gradient, (N, ...); a zero gradient gives no step.

        With a place it is longer by as much as the bounds will cut off, so that ``size`` is what is left of it."""
        step = unit_rows(grad, 2) * spread(size, grad)
        if at is None:
            return step
        r = torch.as_tensor(size, dtype=grad.dtype, device=grad.device).expand(len(grad))
        scale = self._scale(step, at.bounds.room(at.x_adv, grad), r)
        return step * per_row(scale.clamp(min=1), grad)

    def sample(self, x: Tensor, bounds: Bounds, draws: Draws, radius: Tensor | None = None) -> Tensor:
        """Uniform in the ball about each row, then projected into the bounds."""
        direction = unit_rows(draws.normal(tuple(x.shape[1:]), draw=0, dtype=x.dtype), 2)
        share = draws.uniform((), draw=1, dtype=x.dtype) ** (1 / max(x[0].numel(), 1))
        return self.project(x + direction * per_row(share, x) * self._radius(x, radius), x, bounds, radius)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """The Euclidean length of the change, (N,)."""
        return row_norm(x_adv - x, 2)

    def pattern(self, x: Tensor, bounds: Bounds, draws: Draws) -> Tensor:
        """A hill beside its mirror image in each of 5 times 5 tiles, with random signs, of length ``eps`` in all."""
        hills = unit_rows(tiles(grid(x), 5, draws), 2).reshape(x.shape)
        return bounds.clip(x + hills * self._safe_eps(x))

    def patch(self, at: Place, share: float, luck: Tensor) -> Tensor:
        """Take the change out of one window and put it, and what of ``eps`` is not spent, into another.

        There it keeps its shape, with a hill beside its mirror image added. arXiv:1912.00049, algorithm 3."""
        x, size = grid(at.x), odd_sides(grid(at.x), share)
        here, there = cells(x, size, luck), cells(x, size, luck, second=True)
        move = (at.x_adv - at.x).reshape(len(x), planes(x), -1)
        unspent = (self._safe_eps(x) ** 2 - flat(move).square().sum(1)).reshape(-1, 1, 1) / planes(x)
        old = move.gather(2, here)
        lost = move.scatter_(2, here, 0.0).gather(2, there)  # without what both windows share
        length = (old.square().sum(2, keepdim=True) + lost.square().sum(2, keepdim=True) + unspent).clamp(min=0).sqrt()
        hill = bumps(x, size, luck) * signs(x, luck).reshape(len(x), -1, 1)
        fresh = F.normalize(F.normalize(old, dim=2) + hill, dim=2) * length  # so the whole has length eps again
        move.scatter_(2, there, 0.0).scatter_(2, here, fresh)
        return at.bounds.clip(at.x + move.reshape(at.x.shape))

    def _safe_eps(self, x: Tensor) -> float:
        return self.eps * (1 - 4 * torch.finfo(x.dtype).eps)

    def onto_plane(self, x: Tensor, slope: Tensor, rise: Tensor, bounds: Bounds) -> Tensor:
        """The move from ``x`` (N, ...) of least length by which a linear function rises by ``rise`` (N,); exact."""
        return shortest(x, slope, rise, bounds, flat(unit_rows(slope, float("inf"))).abs())  # in step with the slope
