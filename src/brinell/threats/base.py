"""What every threat set can do, and what balls about the input share."""

import math
from abc import ABC, abstractmethod
from copy import copy
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

from brinell.bounds import Bounds
from brinell.draws import Draws
from brinell.errors import InputError, InputTypeError
from brinell.models.bpda import as_if
from brinell.rows import per_row
from brinell.threats.levels import Levels, read_bits

_HALVINGS = 12  # in the search for the scale of a change that is rounded


class Place(NamedTuple):
    """Where a step starts: the point ``x_adv`` about the input ``x``, both (N, ...), within ``bounds``."""

    x_adv: Tensor
    x: Tensor
    bounds: Bounds


class Threat(Protocol):
    """The set of inputs that the attacker may reach from ``x``; it owns all that depends on its geometry.

    Shapes: x, x_adv, grad (N, ...), any trailing shape; ``radius`` (N,) stands for ``eps`` where rows differ.
    """

    @property
    def eps(self) -> float:
        """The size of the set."""
        ...

    def project(self, x_adv: Tensor, x: Tensor, bounds: Bounds, radius: Tensor | None = None) -> Tensor:
        """Bring ``x_adv`` into the set about ``x`` and into the bounds."""
        ...

    def step(self, grad: Tensor, size: float | Tensor = 1.0, at: Place | None = None) -> Tensor:
        """The displacement of length ``size`` (one for all rows, or (N,)) along which a function of slope ``grad``
        rises most."""
        ...

    def sample(self, x: Tensor, bounds: Bounds, draws: Draws, radius: Tensor | None = None) -> Tensor:
        """A random point of the set about each row, within the bounds."""
        ...

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """How far each row moved, (N,), in the unit of ``eps``."""
        ...

    def contains(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Whether each row lies in the set, up to rounding, (N,) bool."""
        ...

    def settle(self, x_adv: Tensor, x: Tensor, bounds: Bounds) -> Tensor:
        """The points that are handed in for ``x_adv``: near it and of the set. Itself where any value can be handed in,
        and where it is not of the set.

        Settling twice is settling once. Slopes pass straight through."""
        ...

    def scaled(self, share: float) -> "Threat":
        """A set of the same kind with ``share`` of ``eps``."""
        ...

    def check(self, x: Tensor, bounds: Bounds) -> None:
        """Raise InputError where the set makes no sense for such inputs."""
        ...

    def suspicion(self, x: Tensor, bounds: Bounds) -> str | None:
        """What is legal but looks like a slip, in words; or None."""
        ...


class Patched(Threat, Protocol):
    """A set that can be searched without slopes, patch by patch."""

    def pattern(self, x: Tensor, bounds: Bounds, draws: Draws) -> Tensor:
        """Where such a search starts: a random pattern at the far end of the set, within the bounds."""
        ...

    def patch(self, at: Place, share: float, luck: Tensor) -> Tensor:
        """The point of a place with one random window, ``share`` of the input, changed; inside set and bounds.

        luck: what is random about it, see ``threats.windows.draw_luck``."""
        ...


class Planar(Threat, Protocol):
    """A set that knows the shortest way onto a plane."""

    def onto_plane(self, x: Tensor, slope: Tensor, rise: Tensor, bounds: Bounds) -> Tensor:
        """The move from ``x`` of least distance, within the bounds, along which a linear function rises by ``rise``.

        x, slope: (N, ...); rise: (N,), a fall where it is negative. Where the bounds allow no such rise, the move goes
        as far as it can."""
        ...


def read_eps(eps: float | str) -> float:
    """A positive number from ``0.3`` or ``"8/255"``. Raises InputError."""
    try:
        top, slash, bottom = str(eps).partition("/")
        value = float(top) / float(bottom if slash else 1)
    except (ValueError, ZeroDivisionError) as problem:
        raise InputError(f'eps is {eps!r}; give a number, or a fraction such as "8/255".') from problem
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"eps is {eps}; it must be a finite number above 0.")
    return value


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Ball(ABC):
    """All inputs within distance ``eps`` of the input. ``eps``: a number above 0, or text such as "8/255".

    bits: the attacker has to hand in a file of so many bits a value, such as 8 for pictures: of the set, only points
    whose values stand on one of ``2 ** bits`` levels between the bounds. None: any value.

    A set of one's own names itself, and says how to ``project``, how to ``step`` and what ``distance`` is. Fields that
    it declares are given by name."""

    eps: float
    bits: int | None
    name: ClassVar[str]
    dual: ClassVar[float | None] = None  # the exponent of the dual norm, where the distance is a norm

    def __init__(self, eps: float | str, bits: int | None = None, **more: Any) -> None:
        own = [field.name for field in fields(self)[2:]]
        if sorted(more) != sorted(own):
            raise InputTypeError(f"{type(self).__name__} takes {', '.join(['eps', 'bits', *own])}; it got {more}.")
        for name, value in ({"eps": read_eps(eps), "bits": read_bits(bits)} | more).items():
            object.__setattr__(self, name, value)

    @abstractmethod
    def project(self, x_adv: Tensor, x: Tensor, bounds: Bounds, radius: Tensor | None = None) -> Tensor:
        """Bring ``x_adv`` into the ball about ``x`` and into the bounds."""

    @abstractmethod
    def step(self, grad: Tensor, size: float | Tensor = 1.0, at: Place | None = None) -> Tensor:
        """The displacement of length ``size`` (one for all rows, or (N,)) along which a function of slope ``grad``
        rises most."""

    def sample(self, x: Tensor, bounds: Bounds, draws: Draws, radius: Tensor | None = None) -> Tensor:
        """A random point of the ball about each row, within the bounds: a step of a random length, in the direction
        that suits a random slope best. Sets that know how draw evenly."""
        slope = draws.uniform(tuple(x.shape[1:]), dtype=x.dtype) * 2 - 1
        share = draws.uniform((), draw=1, dtype=x.dtype)
        size = share * (self.eps if radius is None else radius.to(x))
        return self.project(x + self.step(slope, size, Place(x, x, bounds)), x, bounds, radius)

    @abstractmethod
    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """How far each row moved, (N,), in the unit of ``eps``."""

    def contains(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Whether each row is within ``eps``, (N,) bool.

        The slack is what rounding of the coordinates to their dtype can do to the distance."""
        ulps = torch.finfo(x.dtype).eps * self.distance(torch.maximum(x.abs(), x_adv.abs()), torch.zeros_like(x))
        moved = self.distance(x_adv, x)
        return moved.isfinite() & (moved <= self.eps * (1 + 1e-6) + ulps)

    def settle(self, x_adv: Tensor, x: Tensor, bounds: Bounds) -> Tensor:
        """What is handed in for ``x_adv`` (N, ...): itself, or, with ``bits``, a point of the set on levels.

        A point outside the set or the bounds stays as it is. Settling twice is settling once. Slopes pass straight
        through, as in BPDA (Athalye et al. 2018, arXiv:1802.00420)."""
        if self.bits is None:
            return x_adv
        with torch.no_grad():
            there = per_row(self.contains(x_adv, x) & bounds.contain(x_adv), x)
            settled = torch.where(there, self._on_levels(x_adv, x, Levels.of(self.bits, bounds)), x_adv)
        return as_if(settled, x_adv)

    def _on_levels(self, x_adv: Tensor, x: Tensor, levels: Levels) -> Tensor:
        """Every value on its nearest level; where that leads out of the set, the change is scaled down, no more than it
        has to be, until what is rounded lies inside: so the values move that are nearest to two levels."""
        low, high = x.new_zeros(len(x)), x.new_ones(len(x))

        def rounded(scale: Tensor) -> Tensor:
            return levels.values(levels.nearest(x + per_row(scale, x) * (x_adv - x)), x)

        scale = high
        for _ in range(_HALVINGS):
            inside = self.contains(rounded(scale), x)
            low, high = torch.where(inside, scale, low), torch.where(inside, high, scale)
            if not x.is_cuda and bool((low == high).all()):  # on a GPU, looking would mean waiting
                break
            scale = (low + high) / 2
        return rounded(low)

    def scaled(self, share: float) -> "Ball":
        """A ball of the same kind with ``share`` of ``eps``."""
        other = copy(self)
        object.__setattr__(other, "eps", read_eps(self.eps * share))
        return other

    def check(self, x: Tensor, bounds: Bounds) -> None:
        """Raise InputError where ``eps`` exceeds the distance between opposite corners of the bounds."""
        low, high = bounds.corners(x)
        largest = self.distance(high, low).item()
        if self.eps > largest * (1 + 1e-6):
            raise InputError(
                f"eps is {self.eps:g}; it must be above 0 and at most {largest:g}, the largest {self.name} distance "
                f"within bounds {bounds}. For pixels in 0..1 write an eps given in 0..255 as a fraction: "
                f'"{self.eps:g}/255".'
            )
        settled = self.settle(x, x, bounds)
        if not (reachable := self.contains(settled, x)).all():
            row = int((~reachable).nonzero()[0])
            raise InputError(
                f"row {row} does not stand on the levels of {self.bits} bits, and the nearest point that does is "
                f"{self.distance(settled, x)[row].item():.4g} away, more than eps {self.eps:g}: hand in inputs as such "
                "a file holds them, or leave the bits out."
            )

    def suspicion(self, x: Tensor, bounds: Bounds) -> str | None:  # noqa: ARG002 - the shape matters to some sets
        """Words for an ``eps`` that looks as if it were meant for inputs in 0..1, or that no level is within."""
        width = float(torch.as_tensor(bounds.width).max())
        if self.bits is not None and self.eps * (2**self.bits - 1) < width * (1 - 1e-6):
            return f"eps {self.eps:g} is less than the step between two levels of {self.bits} bits: nothing can change."
        if width < 16 or self.eps > 1:
            return None
        return (
            f"eps {self.eps:g} is small for bounds {bounds}: it looks as if it were meant for inputs in 0..1. "
            f"In these units that would be {self.eps * width:g}."
        )

    def _radius(self, x: Tensor, radius: Tensor | None) -> Tensor | float:
        return self.eps if radius is None else per_row(radius.to(x), x)

    def __str__(self) -> str:
        short = f"{self.eps:g}"
        size = short if float(short) == self.eps else repr(self.eps)  # reads back as it is
        own = "".join(f" {name}={_text(value)}" for name, value in self._own)
        return f"{self.name}:{size}" + ("" if self.bits is None else f"@{self.bits}bit") + own

    def __repr__(self) -> str:
        bits = "" if self.bits is None else f", bits={self.bits}"
        return (
            f"{type(self).__name__}(eps={self.eps}{bits}{''.join(f', {name}={value!r}' for name, value in self._own)})"
        )

    @property
    def _own(self) -> list[tuple[str, Any]]:
        """What a subclass has beside ``eps`` and ``bits``, by name."""
        return [(field.name, getattr(self, field.name)) for field in fields(self)[2:]]


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
