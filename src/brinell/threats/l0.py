"""L0: at most eps values change, each as far as the bounds allow."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from brinell.bounds import Bounds
from brinell.draws import Draws
from brinell.errors import InputError
from brinell.rows import flat
from brinell.threats.base import Ball, Place


@dataclass(frozen=True, slots=True, init=False, repr=False)
class L0(Ball):
    """At most ``eps`` values (a whole number; each channel of a pixel counts) change, anywhere within the bounds.

    Source: Papernot et al. 2016, arXiv:1511.07528; projection: Croce and Hein 2019, arXiv:1909.05040."""

    name = "l0"

    def __init__(self, eps: float | str, bits: int | None = None) -> None:
        Ball.__init__(self, eps, bits)
        if self.eps != int(self.eps):
            raise InputError(f"eps is {self.eps:g}; for l0 it counts values that change: a whole number above 0.")

    def project(self, x_adv: Tensor, x: Tensor, bounds: Bounds, radius: Tensor | None = None) -> Tensor:
        """The nearest point to ``x_adv`` (N, ...) in the set about ``x`` and in the bounds; exact."""
        wanted = flat(x_adv - x)
        moved = flat(bounds.clip(x_adv)) - flat(x)
        keep = self._largest(moved * (2 * wanted - moved), radius)
        return torch.where(keep.reshape(x.shape), bounds.clip(x_adv), x)

    def step(self, grad: Tensor, size: float | Tensor = 1.0, at: Place | None = None) -> Tensor:
        """Send the ``size`` values that gain most to their best bound, and take back those that help least.

        Returns (N, ...). Without a place, the ``size`` values of largest slope move by 1."""
        count = _whole(size, grad[0].numel())
        if at is None:
            return torch.where(_top(flat(grad.abs()), count).reshape(grad.shape), grad.sign(), 0.0)
        room, moved = at.bounds.room(at.x_adv, grad), at.x_adv - at.x
        place = _weakest(flat(grad * moved), self.eps).clamp(min=0)  # what a value has to beat to be taken in
        gain = flat(grad.abs() * room) - torch.where(flat(moved == 0), place, 0.0)
        after = moved + torch.where(_top(gain, count).reshape(grad.shape), grad.sign() * room, 0.0)
        keep = self._largest(flat(grad * after), None) & flat(after != 0)
        return torch.where(keep.reshape(grad.shape), after, 0.0) - moved

    def sample(self, x: Tensor, bounds: Bounds, draws: Draws, radius: Tensor | None = None) -> Tensor:
        """Random values, ``eps`` of them in a row, set to uniform numbers within the bounds."""
        chosen = self._largest(flat(draws.uniform(tuple(x.shape[1:]), draw=0, dtype=x.dtype)), radius)
        value = bounds.low + draws.uniform(tuple(x.shape[1:]), draw=1, dtype=x.dtype) * bounds.width
        return torch.where(chosen.reshape(x.shape), bounds.clip(value), x)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """How many values changed, (N,)."""
        return (flat(x_adv) != flat(x)).sum(1).to(x.dtype)

    def scaled(self, share: float) -> "L0":
        """A set with ``share`` of ``eps``, rounded, at least 1."""
        return L0(max(1, round(self.eps * share)), self.bits)

    def contains(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Whether at most ``eps`` values of each row changed, (N,) bool; a count needs no slack."""
        return self.distance(x_adv, x) <= self.eps

    def suspicion(self, x: Tensor, bounds: Bounds) -> str | None:  # noqa: ARG002 - a count has no unit
        """Words for an ``eps`` that leaves no input untouched."""
        size = x[0].numel()
        return f"eps {self.eps:g} lets more than half of the {size} values change." if self.eps > size / 2 else None

    def _largest(self, score: Tensor, radius: Tensor | None) -> Tensor:
        """A mask (N, D) of the ``eps`` (or ``radius``) largest scores of each row."""
        return _top(score, int(min(self.eps, score.shape[1])) if radius is None else radius)


def _weakest(score: Tensor, count: float) -> Tensor:
    """The ``count``-th largest score of each row, (N, 1)."""
    return score.topk(int(min(count, score.shape[1])), dim=1).values[:, -1:]


def _whole(size: float | Tensor, most: int) -> int | Tensor:
    """A size as a number of values: rounded up, at least 1."""
    if isinstance(size, Tensor):
        return (size - 1e-6).ceil().clamp(1, most)
    return max(1, min(math.ceil(size - 1e-6), most))


def _top(score: Tensor, count: int | Tensor) -> Tensor:
    """A mask (N, D) of the ``count`` largest scores of each row; ``count`` may differ by row, (N,)."""
    if isinstance(count, Tensor):
        order = score.argsort(dim=1, descending=True)
        rank = torch.arange(score.shape[1], device=score.device).expand_as(order)
        return torch.zeros_like(score, dtype=torch.bool).scatter(1, order, rank < count[:, None])
    return torch.zeros_like(score, dtype=torch.bool).scatter(1, score.topk(count, dim=1).indices, True)
