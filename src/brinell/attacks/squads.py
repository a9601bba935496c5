"""Rows that walk together through searches of their own kind: who reached the goal leaves, and the rest close ranks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Self, TypeVar

import torch
from torch import Tensor

from brinell.attacks.base import Found
from brinell.case import Case

_FULL = 0.98  # as in the gradient loop: packing costs a fraction of a pass
_PATIENCE = 4  # turns between two looks at a GPU: each look waits for the device


@dataclass(slots=True)
class Squad:
    """Rows and what is known of each, (N, ...): subclasses add tensors of their own, one value a row."""

    case: Case
    rows: Tensor  # (N,) int64: where the row stands in the search
    best: Tensor  # (N, ...) the best point so far
    height: Tensor  # (N,) what the attacker climbed there
    reached: Tensor  # (N,) bool: whether the goal is reached there
    forwards: Tensor  # (N,) int64: forward passes spent

    @classmethod
    def muster(cls, case: Case, best: Tensor, **more: Tensor) -> Self:
        """All rows of a case at their first point, at which nobody has looked yet."""
        nothing = Found.nothing(case)
        rows = torch.arange(len(case), device=case.x.device)
        return cls(case, rows, best, nothing.height, nothing.nominated, nothing.forwards, **more)

    def take(self, rows: Tensor | slice) -> Self:
        """The chosen rows."""
        tensors = {name: getattr(self, name)[rows] for name in self._names()}
        return replace(self, case=self.case.take(rows), **tensors)

    def _names(self) -> list[str]:
        return [field.name for field in fields(self) if field.name != "case"]


S = TypeVar("S", bound=Squad)


def march(squad: S, turns: Iterable[Callable[[S], S]]) -> S:
    """Lead all rows through the turns, in batches, until their goal is reached; the rows come back in their order.

    A turn gets a squad that it may keep or change. A row's way must not depend on the others."""
    case, squads, done = squad.case, _split(squad), []
    for count, turn in enumerate(turns, 1):
        squads = [turn(part) for part in squads]
        case.tick(1)
        if count % (_PATIENCE if case.x.is_cuda else 1) == 0 and _thinned(squads):
            done += [part.take(part.reached) for part in squads]
            squads = _split(_join([part.take(~part.reached) for part in squads], case))
        if not squads:
            break
    whole = _join(done + squads, case)
    return whole.take(whole.rows.argsort())


def _thinned(squads: list[S]) -> bool:
    standing = sum(int((~part.reached).sum()) for part in squads)
    return standing <= _FULL * sum(len(part.rows) for part in squads)


def _split(squad: S) -> list[S]:
    if len(squad.rows) <= squad.case.batch:
        return [squad] if len(squad.rows) else []
    return [squad.take(slice(at, at + squad.case.batch)) for at in range(0, len(squad.rows), squad.case.batch)]


def _join(squads: list[S], case: Case) -> S:
    first = squads[0]
    if len(squads) == 1:
        return first
    tensors = {name: torch.cat([getattr(part, name) for part in squads]) for name in first._names()}
    return replace(first, case=case.take(tensors["rows"]), **tensors)
