"""Standard training: no attacker at all."""

from dataclasses import dataclass

from torch import Tensor

from brinell.case import Case
from brinell.defenses.base import Recipe, train_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard(Recipe):
    """Mean cross-entropy on clean inputs: the yardstick of all others. Source: none needed."""

    epochs, lr, batch, schedule, guarded = 5, 1e-3, 64, "constant", False
    attacks, source = False, "-"

    def backward(self, batch: Case, done: float) -> Tensor:  # noqa: ARG002 - the same from first to last
        """One forward and one backward pass."""
        return train_on(batch, batch.x)
