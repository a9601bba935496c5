"""What every threat set can do, and what balls about the input share."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

from brinell.bounds import Bounds
from brinell.draws import Draws
from brinell.errors import InputError
from brinell.rows import per_row


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


@dataclass(frozen=True, slots=True, init=False)
class Ball(ABC):
    """All inputs within distance ``eps`` of the input. ``eps``: a number above 0, or text such as "8/255"."""

    eps: float
    name: ClassVar[str]

    def __init__(self, eps: float | str) -> None:
        object.__setattr__(self, "eps", read_eps(eps))

    @abstractmethod
    def project(self, x_adv: Tensor, x: Tensor, bounds: Bounds, radius: Tensor | None = None) -> Tensor:
        """Bring ``x_adv`` into the ball about ``x`` and into the bounds."""

    @abstractmethod
    def step(self, grad: Tensor, size: float | Tensor = 1.0, at: Place | None = None) -> Tensor:
        """The displacement of length ``size`` (one for all rows, or (N,)) along which a function of slope ``grad``
        rises most."""

    @abstractmethod
    def sample(self, x: Tensor, bounds: Bounds, draws: Draws, radius: Tensor | None = None) -> Tensor:
        """A random point of the ball about each row, within the bounds."""

    @abstractmethod
    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """How far each row moved, (N,), in the unit of ``eps``."""

    def contains(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Whether each row is within ``eps``, (N,) bool.

        The slack is what rounding of the coordinates to their dtype can do to the distance."""
        ulps = torch.finfo(x.dtype).eps * self.distance(torch.maximum(x.abs(), x_adv.abs()), torch.zeros_like(x))
        moved = self.distance(x_adv, x)
        return moved.isfinite() & (moved <= self.eps * (1 + 1e-6) + ulps)

    def scaled(self, share: float) -> "Ball":
        """A ball of the same kind with ``share`` of ``eps``."""
        return type(self)(self.eps * share)

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

    def suspicion(self, x: Tensor, bounds: Bounds) -> str | None:  # noqa: ARG002 - the shape matters to some sets
        """Words for an ``eps`` that looks as if it were meant for inputs in 0..1."""
        width = float(torch.as_tensor(bounds.width).max())
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
        return f"{self.name}:{short if float(short) == self.eps else repr(self.eps)}"  # reads back as it is
