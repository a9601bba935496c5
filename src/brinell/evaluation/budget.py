"""A limit on what an audit may spend on attacks: seconds in all, or gradients a row on average."""

import re
import time
from dataclasses import dataclass, field

from brinell.errors import InputError

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Budget:
    """``seconds`` for all rows, or ``gradients`` for each row on average; a forward pass counts as a third of one."""

    seconds: float | None = None
    gradients: float | None = None

    def __str__(self) -> str:
        return f"{self.seconds:g}s" if self.seconds is not None else f"{self.gradients:g} gradients a row"


def read_budget(budget: str | float) -> Budget:
    """A budget from "30s", "5m", "1h", or a number of gradients a row, at least 1. Raises InputError."""
    match = re.fullmatch(r"([0-9.]+) *([smh]?)", str(budget).strip())
    try:
        amount = float(match[1]) if match else 0.0
    except ValueError:
        amount = 0.0
    unit = match[2] if match else ""
    if match is None or isinstance(budget, bool) or amount <= 0 or (amount < 1 and not unit):
        raise InputError(
            f'budget is {budget!r}; give a time above 0 such as "30s" or "5m", or at least 1 gradient a row, such as '
            "100."
        )
    return Budget(seconds=amount * _SECONDS[unit]) if unit else Budget(gradients=amount)


@dataclass(frozen=True, slots=True)
class Purse:
    """A budget being spent, block by block: a block that leaves some of its time leaves it to those after it."""

    budget: Budget | None  # None: there is no limit
    first: int  # the row that this session begins with
    total: int
    began: float = field(default_factory=time.monotonic)

    def is_empty(self, start: int, stop: int, spent: float) -> bool:
        """Whether rows ``start`` to ``stop``, on which ``spent`` gradients went or would go, have had their share."""
        if self.budget is None:
            return False
        if self.budget.seconds is not None:
            share = (stop - self.first) / (self.total - self.first)
            return time.monotonic() - self.began > share * self.budget.seconds
        return spent > (self.budget.gradients or 0.0) * (stop - start)
