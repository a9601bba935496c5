"""What every input sanitiser is: a frozen value that holds parameters, with the way in which it is attacked."""

from abc import ABC, abstractmethod
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from brinell.bounds import Bounds
from brinell.draws import Draws
from brinell.errors import InputError
from brinell.models.bpda import BPDA


class Sanitiser(ABC):
    """A change of the input before the model sees it. Subclasses are frozen dataclasses; none holds a model.

    Called with ``x`` (N, ...) within ``bounds``, (0, 1) unless given, it returns what the model would see, of the same
    shape. It works in any unit: inside, values are brought to 0..1. Raises InputError."""

    __slots__ = ()
    source: ClassVar[str]
    random: ClassVar[bool] = False  # whether every pass draws anew
    substitutes: ClassVar[bool] = True  # whether an attack has to take another slope than the sanitiser's own
    adaptive: ClassVar[str]  # how it is attacked, in words

    def __call__(self, x: Tensor, bounds: Any = (0.0, 1.0), seed: int = 0) -> Tensor:
        """``x`` (N, ...) sanitised; seed: of what a random one draws."""
        bounds = Bounds.of(bounds).to(x)
        return self.within(bounds, bounds.check(x), draws_of(seed, 0))

    @abstractmethod
    def clean(self, x: Tensor, draws: Draws) -> Tensor:
        """``x`` (N, ...) in 0..1, sanitised as it is in use. draws: of one pass, the same for all rows."""

    def stand_in(self, x: Tensor, draws: Draws) -> Tensor:  # noqa: ARG002 - random ones have a use for them
        """A map with a slope that stands for that of ``clean``; the identity, where little is changed."""
        return x

    def check(self, x: Tensor) -> None:  # noqa: B027 - most take anything
        """Raise InputError where inputs like ``x`` (N, ...) are nothing that can be sanitised so."""

    def within(self, bounds: Bounds, x: Tensor, draws: Draws) -> Tensor:
        """``clean`` for inputs ``x`` (N, ...) within ``bounds``."""
        return _scaled(self, self.clean, bounds, x, draws)

    def gently(self, bounds: Bounds, x: Tensor, draws: Draws) -> Tensor:
        """``stand_in`` for inputs ``x`` (N, ...) within ``bounds``."""
        return _scaled(self, self.stand_in, bounds, x, draws)


def draws_of(seed: int, number: int, place: int = 0) -> Draws:
    """The draws of one pass through the sanitiser at one place: one row of them, for all rows alike."""
    return Draws(seed, torch.tensor([number]), stage=place)


def _scaled(sanitiser: Sanitiser, change: Any, bounds: Bounds, x: Tensor, draws: Draws) -> Tensor:
    sanitiser.check(x)
    bounds = bounds.to(x)
    inside = ((x - bounds.low) / bounds.width).clamp(0, 1)
    changed: Tensor = change(inside, draws)
    return bounds.low + changed * bounds.width


class Layer(nn.Module):
    """One sanitiser before a model, with the slope by which it is attacked."""

    def __init__(self, sanitiser: Sanitiser, bounds: Bounds) -> None:
        super().__init__()
        self.sanitiser, self.bounds = sanitiser, bounds
        nothing = draws_of(0, 0)
        self.through = None
        if sanitiser.substitutes:
            exact, gentle = partial(sanitiser.within, bounds), partial(sanitiser.gently, bounds)
            self.through = BPDA(partial(exact, draws=nothing), partial(gentle, draws=nothing))

    def forward(self, x: Tensor, draws: Draws) -> Tensor:
        """``x`` (N, ...) sanitised, with the slope of the stand-in where there is one."""
        if self.through is None:
            return self.sanitiser.within(self.bounds, x, draws)
        return self.through(x)  # type: ignore[no-any-return]


def check_whole(name: str, value: Any, low: int, high: int, remedy: str) -> None:
    """Raise InputError unless ``value`` is a whole number in low..high."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"{name} is {value!r}; it must be a whole number in {low}..{high}, {remedy}.")


def check_pictures(x: Tensor, what: str, channels: tuple[int, ...] = ()) -> None:
    """Raise InputError unless ``x`` are pictures (N, C, H, W), with so many channels if any are named."""
    if x.dim() == 4 and (not channels or x.shape[1] in channels):
        return
    wanted = f"(N, {' or '.join(map(str, channels)) or 'C'}, H, W)"
    raise InputError(
        f"{what} takes pictures {wanted}, and these inputs are {('N', *x.shape[1:])}; sanitise what is no picture "
        "with BitDepth or Median."
    )
