"""Square: random search with scores alone, patch by patch."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from brinell.attacks.base import FORWARD, Attack, Found, check_counts, restarted
from brinell.attacks.loop import glance
from brinell.attacks.squads import Squad, march
from brinell.case import Case
from brinell.errors import InputError
from brinell.objectives import Objective, resolve
from brinell.threats import Patched, Place, demand
from brinell.threats.windows import BLOCK, draw_luck

_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of the share, at these of 10,000 queries
_FIRST = 1  # of the draws; number 0 is the start's


@dataclass(frozen=True, slots=True, kw_only=True)
class Square(Attack):
    """Random search: every query changes one square window of the best point so far, and stays if that is better.

    queries: forward passes that a row and restart can cost; the first one is spent on the start.
    restarts: runs from new starts for the rows that still stand.
    p: share of the input that the first windows cover, in (0, 1]; it is halved nine times on the way.
    objective: "margin" (default), "cross_entropy" (the paper's choice toward a label), or a callable of logits, labels.
    Needs no slopes. Linf and L2, inputs of any shape: windows lie along the last two axes (along the last alone for
    (N, D)), and cover a share of each. Every row draws windows of its own.
    Source: Andriushchenko et al. 2020, arXiv:1912.00049."""

    access = "scores"
    threats = "linf, l2"
    source = "arXiv:1912.00049"
    queries: int = 5000
    restarts: int = 1
    p: float = 0.8
    objective: str | Objective = "margin"

    def __post_init__(self) -> None:
        check_counts(queries=self.queries, restarts=self.restarts)
        if not 0 < self.p <= 1:
            raise InputError(f"p is {self.p}; it is the share of the input that a window covers, above 0, at most 1.")
        resolve(self.objective)

    @property
    def budget(self) -> int:
        """The most forward passes that a row can cost; it costs no gradients."""
        return self.queries * self.restarts

    def search(self, case: Case) -> Found:
        """At most ``restarts`` times ``queries`` forward passes a row."""
        return restarted(case, self.restarts, self._run)

    def _run(self, case: Case) -> Found:
        threat: Patched = demand(case.threat, "patch", "Square")
        shares = [shrunk(self.p, query, self.queries) for query in range(self.queries - 1)]
        return hunt(case, threat.pattern(case.x, case.bounds, case.draws), shares, resolve(self.objective))


def shrunk(share: float, query: int, queries: int) -> float:
    """The share of the input that a window covers at one of ``queries`` queries: the paper's schedule, rescaled."""
    return share * 0.5 ** bisect_left(_HALVINGS, query * 10_000 // queries)


def propose(case: Case, x_adv: Tensor, share: float, luck: Tensor) -> Tensor:
    """``x_adv`` (N, ...) in the set, with one random window of ``share`` of the input changed in each row.

    luck: (N, L), a line of ``draw_luck(case.x, case.draws, block)``. Raises InputError where the set has no patches."""
    threat: Patched = demand(case.threat, "patch", "Square")
    return threat.patch(Place(x_adv, case.x, case.bounds), share, luck)


def hunt(
    case: Case, start: Tensor, shares: Sequence[float], objective: Objective, height: Tensor | None = None
) -> Found:  # fmt: skip
    """Random search from ``start`` (N, ...) in the set: a look at it, then a window of each share, best point kept.

    height: (N,), that of the start, where it is known and the goal is not reached there; it spares the look.

    One forward pass a row and look; rows leave once they are broken. No slopes are asked for. The windows are drawn for
    the stage and restart of the case: a second hunt in one stage needs another restart, ``case.at(restart=1)``."""
    turns = [partial(_query, share=share, query=query, objective=objective) for query, share in enumerate(shares)]
    hunters = _Hunters.muster(case, start, luck=draw_luck(case.x, case.draws, _FIRST))
    if height is None:
        return march(hunters, [partial(_see_start, objective=objective), *turns], FORWARD)
    hunters.height = height
    return march(hunters, turns, FORWARD)


@dataclass(slots=True)
class _Hunters(Squad):
    """``luck``: what is random about the next queries."""

    luck: Tensor

    def try_out(self, x_adv: Tensor, objective: Objective) -> "_Hunters":
        """Look at a point of each row, and keep it if it is better."""
        seen = glance(self.case, x_adv, objective)
        self.forwards = self.forwards + ~self.reached
        self.keep_better(x_adv, seen.height, seen.reached)
        return self


def _see_start(squad: _Hunters, objective: Objective) -> _Hunters:
    return squad.try_out(squad.best, objective)


def _query(squad: _Hunters, share: float, query: int, objective: Objective) -> _Hunters:
    if query and query % BLOCK == 0:
        squad.luck = draw_luck(squad.case.x, squad.case.draws, _FIRST + query // BLOCK)
    return squad.try_out(propose(squad.case, squad.best, share, squad.luck[:, query % BLOCK]), objective)
