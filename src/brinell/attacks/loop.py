"""The one loop of all iterated gradient attacks: where to start, what to climb, how to step, when to stop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from brinell.attacks.base import Found, restarted
from brinell.attacks.starts import Start
from brinell.case import Case
from brinell.errors import InputError
from brinell.goals import Goal
from brinell.objectives import Objective
from brinell.rows import per_row, unit_rows
from brinell.threats.base import Place

_FULL = 0.98  # a pool is packed anew when less than this share of it stands: packing costs 1/20 of a step
_PATIENCE = 4  # steps between two looks at a GPU pool: each look waits for the device


class Look(NamedTuple):
    """What one pass shows: the height (N,) that the attacker climbs, whether the goal is reached, and the slope."""

    height: Tensor
    reached: Tensor
    grad: Tensor


def look(case: Case, x_adv: Tensor, objective: Objective) -> Look:
    """One forward and one backward pass, to the input alone; where the slope is undefined (NaN), it is 0.

    Raises InputError where the model has no slope at all."""
    x_adv = x_adv.detach().requires_grad_()
    logits = case.model(x_adv)
    height = case.goal.gain(objective, logits, case.y)
    if not height.requires_grad:
        raise InputError(
            "the model gives no gradient with respect to its input; remove what cuts it in the forward "
            "(detach(), no_grad(), numpy, argmax), or use an attack that needs no gradients."
        )
    (grad,) = torch.autograd.grad(height.sum(), x_adv)
    return Look(height.detach(), case.goal.reached(logits.detach(), case.y), grad.nan_to_num_())


def glance(case: Case, x_adv: Tensor, objective: Objective) -> Look:
    """One forward pass; there is no slope."""
    with torch.no_grad():
        logits = case.model(x_adv)
        height = case.goal.gain(objective, logits, case.y)
        return Look(height, case.goal.reached(logits, case.y), torch.empty(0))


def move(case: Case, x_adv: Tensor, direction: Tensor, share: float | Tensor) -> Tensor:
    """One steepest step of ``share`` of eps, for all rows or for each (N,), along ``direction``, brought back into the
    set and the bounds."""
    step = case.threat.step(direction, share * case.threat.eps, Place(x_adv, case.x, case.bounds))
    return case.threat.project(x_adv + step, case.x, case.bounds)


class Spot(NamedTuple):
    """Where rows are when they step, and what they see there."""

    case: Case
    x_adv: Tensor
    seen: Look
    step: int  # how many came before
    share: float  # of eps: how long it is to be


Memory: TypeAlias = tuple[Tensor, ...]  # what a rule carries from step to step, row by row; empty at first
Rule: TypeAlias = Callable[[Memory, Spot], tuple[Memory, Tensor]]  # to what it carries on, and the next point


def plain(memory: Memory, at: Spot) -> tuple[Memory, Tensor]:
    """Step along the gradient."""
    return memory, move(at.case, at.x_adv, at.seen.grad, at.share)


@dataclass(frozen=True, slots=True)
class Momentum:
    """Step along a decaying sum of gradients, each of L1 norm 1. Source: Dong et al. 2018, arXiv:1710.06081."""

    decay: float = 1.0

    def __call__(self, memory: Memory, at: Spot) -> tuple[Memory, Tensor]:
        """The new sum, and the point a step along it."""
        total = unit_rows(at.seen.grad, 1)
        if memory:
            total = self.decay * memory[0] + total
        return (total,), move(at.case, at.x_adv, total, at.share)


class Plan(NamedTuple):
    """The four choices. ``sizes`` are step lengths as shares of eps, one for each step."""

    start: Start
    objective: Objective
    sizes: tuple[float, ...]
    rule: Rule = plain
    samples: int = 1  # passes averaged at each point: more than one where the model itself draws


def study(view: Callable[[Case, Tensor, Objective], Look], case: Case, x_adv: Tensor, plan: Plan) -> Look:
    """The mean of as many views as the plan wants; the goal counts as reached where most of them say so."""
    seen = view(case, x_adv, plan.objective)
    if plan.samples == 1:
        return seen
    height, votes, grad = seen.height, seen.reached.to(seen.height), seen.grad
    for _ in range(1, plan.samples):
        seen = view(case, x_adv, plan.objective)
        height, votes, grad = height + seen.height, votes + seen.reached, grad + seen.grad
    return Look(height / plan.samples, votes > plan.samples / 2, grad / plan.samples)


def ascend(case: Case, plan: Plan) -> Tensor:
    """All steps for all rows, and the last point: what training wants, and what FGSM is."""
    memory: Memory = ()
    x_adv = plan.start(case)
    for step, share in enumerate(plan.sizes):
        memory, x_adv = plan.rule(memory, Spot(case, x_adv, study(look, case, x_adv, plan), step, share))
    return x_adv


@dataclass(slots=True)
class _Squad:
    """Rows that walk together: state is per row, so that any of them can leave. ``spent``: gradients of each."""

    rows: Tensor
    case: Case
    x_adv: Tensor
    best: Tensor
    height: Tensor
    reached: Tensor
    spent: Tensor
    memory: Memory = ()

    def keep_better(self, seen: Look) -> None:
        """Rank points by (goal reached, height); the first point that reaches the goal stays."""
        better = ~self.reached & (seen.reached | (seen.height > self.height))
        self.best = torch.where(per_row(better, self.best), self.x_adv, self.best)
        self.height = torch.where(better, seen.height, self.height)
        self.reached = self.reached | seen.reached

    def take(self, rows: Tensor | slice) -> "_Squad":
        return _Squad(
            self.rows[rows], self.case.take(rows), self.x_adv[rows], self.best[rows], self.height[rows],
            self.reached[rows], self.spent[rows], tuple(part[rows] for part in self.memory),
        )  # fmt: skip


def climb(case: Case, plan: Plan) -> Found:
    """Walk every row until its goal is reached or the steps are spent; bring back the best point of each.

    Rows that are broken leave, and the rest are packed into full batches. A row's way does not depend on the others.
    Its cost is counted until it is broken."""
    found = Found.nothing(case)
    squads = _split(_muster(case, plan), case.batch)
    for step, share in enumerate((*plan.sizes, None)):
        for squad in squads:
            _advance(squad, plan, step, share, found)
        case.tick(plan.samples)
        if share is None or (step + 1) % (_PATIENCE if case.x.is_cuda else 1) == 0:
            squads = _discharge(squads, found, case, share is None)
        if not squads:
            break
    return found


def climb_again(case: Case, plan: Plan, restarts: int, aims: Sequence[Goal] = ()) -> Found:
    """``climb`` from several starts for each aim, by default that of the case; only rows that still stand go on."""
    return restarted(case, restarts, partial(climb, plan=plan), aims)


def _muster(case: Case, plan: Plan) -> _Squad:
    x_adv = plan.start(case)
    height = torch.full((len(case),), -torch.inf, dtype=case.x.dtype, device=case.x.device)
    rows = torch.arange(len(case), device=case.x.device)
    return _Squad(rows, case, x_adv, x_adv, height, height > 0, torch.zeros_like(rows))


def _advance(squad: _Squad, plan: Plan, step: int, share: float | None, found: Found) -> None:
    seen = study(glance if share is None else look, squad.case, squad.x_adv, plan)
    if share is None:
        found.forwards[squad.rows] += plan.samples * ~squad.reached
    else:
        squad.spent = torch.add(squad.spent, ~squad.reached, alpha=plan.samples)
    squad.keep_better(seen)
    if share is not None:
        squad.memory, squad.x_adv = plan.rule(squad.memory, Spot(squad.case, squad.x_adv, seen, step, share))


def _discharge(squads: list[_Squad], found: Found, case: Case, all_of_them: bool) -> list[_Squad]:
    """Write down what is done and pack the rest anew, once enough rows fell."""
    standing = sum(int((~squad.reached).sum()) for squad in squads)
    total = sum(len(squad.rows) for squad in squads)
    if not all_of_them and standing > _FULL * total:
        return squads
    for squad in squads:
        done = squad if all_of_them else squad.take(squad.reached)
        found.x_adv[done.rows] = done.best
        found.height[done.rows] = done.height
        found.nominated[done.rows] = done.reached
        found.gradients[done.rows] += done.spent
    if all_of_them or not standing:
        return []
    return _split(_join([squad.take(~squad.reached) for squad in squads], case), case.batch)


def _join(squads: list[_Squad], case: Case) -> _Squad:
    if len(squads) == 1:
        return squads[0]
    rows = torch.cat([squad.rows for squad in squads])
    memories = zip(*(squad.memory for squad in squads), strict=True)
    return _Squad(
        rows, case.take(rows),
        torch.cat([squad.x_adv for squad in squads]), torch.cat([squad.best for squad in squads]),
        torch.cat([squad.height for squad in squads]), torch.cat([squad.reached for squad in squads]),
        torch.cat([squad.spent for squad in squads]), tuple(torch.cat(parts) for parts in memories),
    )  # fmt: skip


def _split(squad: _Squad, batch: int) -> list[_Squad]:
    if len(squad.rows) <= batch:
        return [squad]
    return [squad.take(slice(start, start + batch)) for start in range(0, len(squad.rows), batch)]
