"""Linf: every value may change by at most eps."""

from dataclasses import dataclass

from torch import Tensor

from brinell.bounds import Bounds
from brinell.draws import Draws
from brinell.rows import row_norm, spread
from brinell.threats.base import Ball, Place


@dataclass(frozen=True, slots=True, init=False)
class Linf(Ball):
    """Every value may change by at most ``eps``, in the input's own unit.

    Source: Goodfellow et al. 2015, arXiv:1412.6572; Madry et al. 2018, arXiv:1706.06083."""

    name = "linf"

    def project(self, x_adv: Tensor, x: Tensor, bounds: Bounds, radius: Tensor | None = None) -> Tensor:
        """The nearest point to ``x_adv`` (N, ...) in the set about ``x`` and in the bounds; exact."""
        r = self._radius(x, radius)
        return bounds.clip(x_adv.clamp(x - r, x + r))

    def step(self, grad: Tensor, size: float | Tensor = 1.0, at: Place | None = None) -> Tensor:  # noqa: ARG002
        """``size`` along the sign of every value, (N, ...)."""
        return grad.sign().mul_(spread(size, grad))

    def sample(self, x: Tensor, bounds: Bounds, draws: Draws, radius: Tensor | None = None) -> Tensor:
        """Uniform in the cube about each row, clipped to the bounds."""
        noise = draws.uniform(tuple(x.shape[1:]), dtype=x.dtype) * 2 - 1
        return self.project(x + noise * self._radius(x, radius), x, bounds, radius)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """The largest change of a value, (N,)."""
        return row_norm(x_adv - x, float("inf"))
