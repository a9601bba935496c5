"""Standard training: no attacker at all."""

from dataclasses import dataclass

from brinell.defenses.base import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard(Recipe):
    """Mean cross-entropy on clean inputs: the yardstick of all others. Source: none needed."""

    epochs, lr, batch, schedule, guarded = 5, 1e-3, 64, "constant", False
    attacks, source = False, "-"
