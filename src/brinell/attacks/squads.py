"""Rows that walk together through a search of any kind: who reached the goal leaves, and the rest close ranks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeAlias, TypeVar

import torch
from torch import Tensor

from brinell.attacks.base import FORWARD, Found
from brinell.case import Case, never
from brinell.rows import per_row

_FULL = 0.98  # squads are packed anew when less than this share of them stands: packing costs a fraction of a pass
_PATIENCE = 4  # turns between two looks at a GPU: each look waits for the device

_Value: TypeAlias = Tensor | tuple[Tensor, ...]


@dataclass(slots=True)
class Squad:
    """Rows and what is known of each, (N, ...): subclasses add tensors, or tuples of them, with one value a row."""

    case: Case
    rows: Tensor  # (N,) int64: where the row stands in the search
    best: Tensor  # (N, ...) the best point so far
    height: Tensor  # (N,) what the attacker climbed there
    reached: Tensor  # (N,) bool: whether the goal is reached there
    gradients: Tensor  # (N,) int64: forward and backward passes spent
    forwards: Tensor  # (N,) int64: forward passes spent without a backward

    @classmethod
    def muster(cls, case: Case, best: Tensor, **more: Tensor) -> Self:
        """All rows of a case at their first point, at which nobody has looked yet."""
        rows = torch.arange(len(case), device=case.x.device)
        nothing = torch.zeros_like(case.y)
        height = torch.full_like(nothing, -torch.inf, dtype=case.x.dtype)
        return cls(case, rows, best, height, nothing.bool(), nothing, nothing, **more)

    def keep_better(self, x_adv: Tensor, height: Tensor, reached: Tensor) -> None:
        """Rank points by (goal reached, height); the first point that reaches the goal stays."""
        better = ~self.reached & (reached | (height > self.height))
        self.best = torch.where(per_row(better, self.best), x_adv, self.best)
        self.height = torch.where(better, height, self.height)
        self.reached = self.reached | reached

    def take(self, rows: Tensor | slice) -> Self:
        """The chosen rows."""
        return self._anew(self.case.take(rows), [self], lambda parts: parts[0][rows])

    def join(self, others: Sequence[Self], case: Case) -> Self:
        """These rows and those of ``others``, of one ``case``."""
        parts = [self, *others]
        if len(parts) == 1:
            return self
        return self._anew(case.take(torch.cat([part.rows for part in parts])), parts, torch.cat)

    def _anew(self, case: Case, parts: Sequence[Self], call: Callable[[Any], Tensor]) -> Self:
        names = [field.name for field in fields(self) if field.name != "case"]
        values: dict[str, Any] = {name: _each([getattr(part, name) for part in parts], call) for name in names}
        return replace(self, case=case, **values)


def _each(values: Sequence[_Value], call: Callable[[Any], Tensor]) -> _Value:
    if isinstance(values[0], tuple):
        return tuple(call(parts) for parts in zip(*values, strict=True))
    return call(values)


S = TypeVar("S", bound=Squad)


def march(squad: S, turns: Sequence[Callable[[S], S]], cost: float, passes: int = 1) -> Found:
    """Lead all rows through the turns, in batches, until their goal is reached; bring back the best point of each.

    A turn gets a squad that it may keep or change. cost: the most that a turn takes of a row, in gradients: where a
    budget cannot pay for another turn, the march ends. passes: how many steps of progress a turn is. A row's way must
    not depend on the others."""
    case, found = squad.case, Found.nothing(squad.case)
    squads = _split(squad)
    for count, turn in enumerate(turns, 1):
        if case.enough is not never and _cannot_pay(squads, found, case, cost):
            break
        squads = [turn(part) for part in squads]
        case.tick(passes)
        if count < len(turns) and count % (_PATIENCE if case.x.is_cuda else 1) == 0 and _thinned(squads):
            squads = _discharge(squads, found, case)
            if not squads:
                break
    for part in squads:
        _write_down(part, found)
    return found


def _standing(squads: list[S]) -> int:
    return sum(int((~part.reached).sum()) for part in squads)


def _thinned(squads: list[S]) -> bool:
    return _standing(squads) <= _FULL * sum(len(part.rows) for part in squads)


def _cannot_pay(squads: list[S], found: Found, case: Case, cost: float) -> bool:
    walking = sum(float(part.gradients.sum() + FORWARD * part.forwards.sum()) for part in squads)
    return case.enough(found.spent + walking + cost * _standing(squads))


def _discharge(squads: list[S], found: Found, case: Case) -> list[S]:
    """Write down the rows that are done, and pack the rest anew."""
    for part in squads:
        _write_down(part.take(part.reached), found)
    first, *others = [part.take(~part.reached) for part in squads]
    return _split(first.join(others, case))


def _write_down(squad: Squad, found: Found) -> None:
    found.x_adv[squad.rows] = squad.best
    found.height[squad.rows] = squad.height
    found.nominated[squad.rows] = squad.reached
    found.gradients[squad.rows] = squad.gradients
    found.forwards[squad.rows] = squad.forwards


def _split(squad: S) -> list[S]:
    if len(squad.rows) <= squad.case.batch:
        return [squad] if len(squad.rows) else []
    return [squad.take(slice(at, at + squad.case.batch)) for at in range(0, len(squad.rows), squad.case.batch)]
