"""Intervals: two ends for every value, with room for what rounding does to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from brinell.rows import per_row

Map: TypeAlias = Callable[[Tensor], Tensor]
Run: TypeAlias = Callable[[Tensor, Tensor, Tensor | None], Tensor]
Moments: TypeAlias = dict[Any, tuple[Tensor, Tensor]]  # mean and variance by BatchNorm


class Reach(NamedTuple):
    """What is known of an input beyond its ends: ``|(value - center) / scale|`` is at most ``eps`` in a norm.

    center, scale (N, ...); eps (N,); dual: the exponent of the dual norm. fuzz (N, ...): by how much rounding may
    have moved a value, beside that."""

    center: Tensor
    scale: Tensor
    fuzz: Tensor
    eps: Tensor
    dual: float

    def moved(self, way: Map) -> "Reach":
        """The same where all values are brought into another shape."""
        return self._replace(center=way(self.center), scale=way(self.scale), fuzz=way(self.fuzz))

    def scaled(self, scale: Tensor, shift: Tensor, error: float | Tensor = 0.0) -> "Reach":
        """The same where every value is ``value * scale + shift``, up to an error."""
        size = scale.abs()
        return self._replace(
            center=self.center * scale + shift, scale=self.scale * size, fuzz=self.fuzz * size + error
        )  # fmt: skip


class Interval:
    """Every value lies between ``low`` and ``high``, ends included; told by these or by ``center`` and ``radius``.

    All are (N, ...); two are worked out from the other two when they are first asked for."""

    def __init__(self, low: Tensor, high: Tensor, reach: Reach | None = None) -> None:
        self.low, self.high, self.reach = low, high, reach

    @classmethod
    def about(cls, center: Tensor, radius: Tensor, reach: Reach | None = None) -> "Interval":
        """The interval of that middle and half width."""
        made = cls.__new__(cls)
        made.center, made.radius, made.reach = center, radius, reach
        return made

    @cached_property
    def low(self) -> Tensor:
        """The lower end."""
        return self.center - self.radius

    @cached_property
    def high(self) -> Tensor:
        """The upper end."""
        return self.center + self.radius

    @cached_property
    def center(self) -> Tensor:
        """The middle."""
        return torch.lerp(self.low, self.high, 0.5)

    @cached_property
    def radius(self) -> Tensor:
        """Half the width."""
        return self.high - self.center

    @property
    def like(self) -> Tensor:
        """A tensor of its shape, dtype and device, at no cost."""
        tensor: Tensor = self.__dict__["low"] if "low" in self.__dict__ else self.__dict__["center"]
        return tensor

    @property
    def magnitude(self) -> Tensor:
        """The largest absolute value."""
        return torch.maximum(self.low.abs(), self.high.abs())

    def take(self, rows: Tensor) -> "Interval":
        """The chosen rows."""
        reach = self.reach and self.reach._replace(eps=self.reach.eps[rows]).moved(lambda value: value[rows])
        return Interval.about(self.center[rows], self.radius[rows], reach)

    def widened(self, by: Tensor) -> "Interval":
        """Both ends further out."""
        return Interval(self.low - by, self.high + by, self.reach)


@dataclass
class Arithmetic:
    """How bounds are computed, and what is remembered of it.

    unit: the unit roundoff of the network; its ends then enclose what it computes in its own precision, in whatever
        order it sums. 0: those of real numbers, as training wants them.
    moments: mean and variance by which BatchNorms in train mode have just normalised.
    bent: the intervals that enter activations, in training."""

    unit: float = 0.0
    moments: Moments = field(default_factory=dict)
    bent: list[Interval] = field(default_factory=list)

    def note(self, x: Interval) -> None:
        """Remember what enters an activation, where a regulariser may ask for it."""
        if not self.unit:
            self.bent.append(x)

    def gamma(self, terms: int) -> float:
        """The most that a sum of so many products can err, relative to the sum of their absolute values.

        Source: Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1; twice that, which covers
        that the bounds themselves are rounded."""
        error = (terms + 2) * self.unit
        return 2 * error / (1 - error) if error < 1 else float("inf")

    def linear(self, x: Interval, run: Run, weight: Tensor, bias: Tensor | None) -> Interval:
        """The ends of ``run(x, weight, bias)``, linear in x and in the weight, of which each row makes one output: the
        middle goes its way, the radius that of the absolute weights.

        Source: Gowal et al. 2018, arXiv:1810.12715, section 3."""
        size = weight.abs()
        center, radius = run(x.center, weight, bias), run(x.radius, size, None)
        ends = Interval.about(center, radius)
        if x.reach is not None:
            ends = _nearer(ends, x.reach, run, weight, bias)
        if not self.unit:
            return ends
        error = self.gamma(weight[0].numel())
        return ends.widened(error * run(x.magnitude, size, None if bias is None else bias.abs()))

    def scaled(self, x: Interval, scale: Tensor, shift: Tensor, beside: Tensor | None = None) -> Interval:
        """The ends of ``x * scale + shift``, value by value. beside: what is summed up for the shift, in absolute
        value, where that is more than the shift itself."""
        center, radius = torch.addcmul(shift, x.center, scale), x.radius * scale.abs()
        if not self.unit:
            return Interval.about(center, radius, x.reach and x.reach.scaled(scale, shift))
        error = self.gamma(8) * (x.magnitude * scale.abs() + (shift.abs() if beside is None else beside))
        return Interval.about(center, radius + error, x.reach and x.reach.scaled(scale, shift, error))


def _nearer(ends: Interval, reach: Reach, run: Run, weight: Tensor, bias: Tensor | None) -> Interval:
    """The ends where the set that the input comes from has no corners, as its box has: by the dual norm of each row."""
    middle, size = run(reach.center, weight, bias), weight.abs()
    if reach.dual == float("inf"):  # of no value's slope more than the kernel's largest
        norm = size.flatten(1).amax(1).reshape(-1, *[1] * (weight.dim() - 2)) * reach.scale.max()
    else:
        norm = run(reach.scale**reach.dual, size**reach.dual, None) ** (1 / reach.dual)
    radius = norm * per_row(reach.eps, middle) + run(reach.fuzz, size, None)
    return Interval(torch.maximum(ends.low, middle - radius), torch.minimum(ends.high, middle + radius))
