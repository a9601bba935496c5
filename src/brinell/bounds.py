"""The lowest and highest value that an input may take, in the model's own raw units."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from brinell.errors import InputError

Limit: TypeAlias = float | Tensor
_SLACK = 1e-6  # of the width: rounding that is clipped away; more is an error


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """``low`` and ``high``: both floats, or both tensors that broadcast against one input (without the row axis)."""

    low: Limit
    high: Limit

    @classmethod
    def of(cls, pair: Any) -> "Bounds":
        """Read ``(low, high)``: numbers or arrays, finite, low below high. Raises InputError."""
        if isinstance(pair, Bounds):
            return pair
        try:
            low, high = (torch.as_tensor(side, dtype=torch.float64) for side in pair)
            low, high = low + 0 * high, high + 0 * low  # of one shape
        except (TypeError, ValueError, RuntimeError) as problem:
            raise InputError(f"bounds are {pair!r}; give (low, high), numbers or arrays.") from problem
        if not (low.isfinite().all() and high.isfinite().all() and (low < high).all()):
            raise InputError(
                f"bounds are {pair!r}; low must be below high and both finite: the lowest and highest value "
                "that a real input may take, such as (0, 1) for pixels or the range of each column of a table."
            )
        if low.dim() == 0 and high.dim() == 0:
            return cls(low.item(), high.item())
        return cls(low.float().contiguous(), high.float().contiguous())

    def to(self, like: Tensor) -> "Bounds":
        """The same bounds on the device and in the dtype of ``like``."""
        if isinstance(self.low, Tensor) and isinstance(self.high, Tensor):
            return Bounds(self.low.to(like), self.high.to(like))
        return self

    @property
    def width(self) -> Limit:
        """``high - low``."""
        return self.high - self.low

    def widened(self) -> "Bounds":
        """Bounds three times as wide about the same middle: for points that are clipped later."""
        return Bounds(self.low - self.width, self.high + self.width)

    def clip(self, x: Tensor) -> Tensor:
        """``x`` (N, ...) with every value brought within the bounds."""
        return x.clamp(self.low, self.high)  # type: ignore[arg-type]

    def picked(self, x: Tensor, pick: Callable[[Tensor], Tensor]) -> "Bounds":
        """The bounds of those values that ``pick`` takes of a tensor like ``x``."""
        if isinstance(self.low, Tensor) and isinstance(self.high, Tensor):
            return Bounds(pick(self.low.expand(x.shape)), pick(self.high.expand(x.shape)))
        return self

    def room(self, x: Tensor, direction: Tensor) -> Tensor:
        """How far each value of ``x`` can move along the sign of ``direction`` before it meets a bound, (N, ...)."""
        return torch.where(direction > 0, self.high - x, x - self.low).clamp(min=0)

    def corners(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """The lowest and the highest input, each shaped like one row of ``like``, (1, ...)."""
        one = torch.zeros_like(like[:1], dtype=torch.float64)
        return one + self.low, one + self.high

    def contain(self, x: Tensor) -> Tensor:
        """Whether each row of ``x`` lies within the bounds, up to the slack, (N,) bool."""
        slack = _SLACK * self.width
        inside = (x >= self.low - slack) & (x <= self.high + slack)
        return inside.reshape(len(x), -1).all(1)

    def check(self, x: Tensor, name: str = "x") -> Tensor:
        """``x`` (N, ...) clipped to the bounds; raises InputError where it leaves them by more than rounding."""
        self._fit(x)
        slack = _SLACK * self.width
        excess = torch.maximum(x - (self.high + slack), (self.low - slack) - x)
        worst = excess.reshape(-1).argmax()
        if excess.reshape(-1)[worst] > 0:
            value = x.reshape(-1)[worst].item()
            raise InputError(
                f"{name} holds {value:.6g}, outside the bounds {self}. Attacks work on raw inputs: give {name} as it "
                "is before normalisation and put mean and std into Classifier(normalize=...), scale it into the "
                "bounds, or give the bounds that it really has."
            )
        return self.clip(x)

    def _fit(self, x: Tensor) -> None:
        if isinstance(self.low, Tensor):
            try:
                self.low.expand(x.shape[1:])
            except RuntimeError as problem:
                raise InputError(
                    f"bounds have shape {tuple(self.low.shape)} and one input has {tuple(x.shape[1:])}; give "
                    "numbers, or arrays that broadcast against one input, such as (C, 1, 1) for image channels."
                ) from problem

    def __str__(self) -> str:
        if isinstance(self.low, Tensor) and isinstance(self.high, Tensor):
            lows, highs = self.low, self.high
            return f"({lows.min():g}..{lows.max():g}, {highs.min():g}..{highs.max():g}), {lows.numel()} columns"
        return f"({self.low:g}, {self.high:g})"
