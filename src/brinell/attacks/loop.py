"""The one loop of all iterated gradient attacks: where to start, what to climb, how to step, when to stop."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from brinell.attacks.base import Found, restarted
from brinell.attacks.squads import Squad, march
from brinell.attacks.starts import Start
from brinell.case import Case
from brinell.errors import InputError
from brinell.goals import Goal
from brinell.objectives import Objective
from brinell.rows import unit_rows
from brinell.threats.base import Place

DECAY, LAST = 0.75, 0.05  # of annealed steps: what stays of earlier directions, and the last length


class Look(NamedTuple):
    """What one pass shows: the height (N,) that the attacker climbs, whether the goal is reached, and the slope."""

    height: Tensor
    reached: Tensor
    grad: Tensor


def look(case: Case, x_adv: Tensor, objective: Objective) -> Look:
    """One forward and one backward pass, to the input alone; where the slope is undefined (NaN), it is 0.

    Raises InputError where the model has no slope at all."""
    x_adv = x_adv.detach().requires_grad_()
    logits = case.logits(x_adv)
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
        logits = case.logits(x_adv)
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


def annealed(first: float, steps: int) -> tuple[float, ...]:
    """Step lengths that fall from ``first`` towards a twentieth of eps along half a cosine; to be taken with momentum
    of ``DECAY``."""
    return tuple(LAST + (first - LAST) * (1 + math.cos(math.pi * step / steps)) / 2 for step in range(steps))


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
class _Climbers(Squad):
    """Rows at ``x_adv``, with what the rule carries on of each."""

    x_adv: Tensor
    memory: Memory = ()


def climb(case: Case, plan: Plan) -> Found:
    """Walk every row until its goal is reached or the steps are spent; bring back the best point of each.

    Rows that are broken leave, and the rest are packed into full batches. A row's way does not depend on the others.
    Its cost is counted until it is broken."""
    start = plan.start(case)
    steps = [partial(_step, plan=plan, step=step, share=share) for step, share in enumerate(plan.sizes)]
    climbers = _Climbers.muster(case, start, x_adv=start)
    return march(climbers, [*steps, partial(_arrive, plan=plan)], plan.samples, plan.samples)


def climb_again(case: Case, plan: Plan, restarts: int, aims: Sequence[Goal] = ()) -> Found:
    """``climb`` from several starts for each aim, by default that of the case; only rows that still stand go on."""
    return restarted(case, restarts, partial(climb, plan=plan), aims)


def _step(squad: _Climbers, plan: Plan, step: int, share: float) -> _Climbers:
    seen = study(look, squad.case, squad.x_adv, plan)
    squad.gradients = torch.add(squad.gradients, ~squad.reached, alpha=plan.samples)
    squad.keep_better(squad.x_adv, seen.height, seen.reached)
    squad.memory, squad.x_adv = plan.rule(squad.memory, Spot(squad.case, squad.x_adv, seen, step, share))
    return squad


def _arrive(squad: _Climbers, plan: Plan) -> _Climbers:
    """Look at where the last step led."""
    seen = study(glance, squad.case, squad.x_adv, plan)
    squad.forwards = torch.add(squad.forwards, ~squad.reached, alpha=plan.samples)
    squad.keep_better(squad.x_adv, seen.height, seen.reached)
    return squad
