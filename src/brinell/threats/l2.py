"""L2: the root of the summed squares of all changes is at most eps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from brinell.bounds import Bounds
from brinell.draws import Draws
from brinell.rows import per_row, row_norm, unit_rows
from brinell.threats.base import Ball, Place

_ROUNDS = 8  # at most, in the search for the scale; each is feasible, and each closer to the nearest point


@dataclass(frozen=True, slots=True, init=False)
class L2(Ball):
    """The Euclidean length of the change is at most ``eps``, in the input's own unit.

    Source: Szegedy et al. 2014, arXiv:1312.6199; Madry et al. 2018, arXiv:1706.06083."""

    name = "l2"

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

    def step(self, grad: Tensor, size: float = 1.0, at: Place | None = None) -> Tensor:
        """``size`` along the direction of the gradient, (N, ...); a zero gradient gives no step.

        With a place it is longer by as much as the bounds will cut off, so that ``size`` is what is left of it."""
        step = unit_rows(grad, 2) * size
        if at is None:
            return step
        scale = self._scale(step, at.bounds.room(at.x_adv, grad), torch.as_tensor(size).to(grad))
        return step * per_row(scale.clamp(min=1), grad)

    def sample(self, x: Tensor, bounds: Bounds, draws: Draws, radius: Tensor | None = None) -> Tensor:
        """Uniform in the ball about each row, then projected into the bounds."""
        direction = unit_rows(draws.normal(tuple(x.shape[1:]), draw=0, dtype=x.dtype), 2)
        share = draws.uniform((), draw=1, dtype=x.dtype) ** (1 / max(x[0].numel(), 1))
        return self.project(x + direction * per_row(share, x) * self._radius(x, radius), x, bounds, radius)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """The Euclidean length of the change, (N,)."""
        return row_norm(x_adv - x, 2)
