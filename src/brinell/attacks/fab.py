"""FAB: the shortest way over the decision boundary, by projections onto its linearisation."""

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from brinell.attacks.base import FORWARD, Attack, Found, check_counts
from brinell.attacks.loop import Look, glance, look
from brinell.attacks.squads import Squad, march
from brinell.case import Case
from brinell.errors import InputError
from brinell.goals import Goal
from brinell.judge import logits_of
from brinell.objectives import margin
from brinell.rows import flat, per_row
from brinell.threats import Place, Planar, demand

_MOST_CLASSES = 100  # for a gradient of each


@dataclass(frozen=True, slots=True, kw_only=True)
class FAB(Attack):
    """Fast adaptive boundary attack: looks for the nearest adversarial example, and nominates those within eps.

    steps: projections for each target and restart, at one gradient and one forward pass each, in any number of classes.
    restarts: further ones start from random points of half the set.
    targets: how many of the likeliest wrong labels are tried in turn, at most all; toward a wanted label, that one.
        0 goes for whichever boundary is nearest, step by step: that takes a gradient of every class, at most 100.
    bias: the most weight that the projection of the input itself gets beside that of the current point, in [0, 1].
    overshoot: how far to go beyond the linear boundary, 1 being just onto it.
    backward: share of the way from the input that is kept once the goal is reached, in (0, 1).
    Linf and L2, inputs of any shape. What is linearised is the difference of two logits.
    A row leaves as soon as it is broken within eps. At the end the nearest example beyond eps is brought into the set
    and looked at (the paper searches the line to it, for the distance's sake).
    Source: Croce and Hein 2020, arXiv:1907.02044; the targeted version is that of arXiv:2003.01690."""

    threats = "linf, l2"
    source = "arXiv:1907.02044"
    steps: int = 100
    restarts: int = 1
    targets: int = 9
    bias: float = 0.1
    overshoot: float = 1.05
    backward: float = 0.9

    def __post_init__(self) -> None:
        check_counts(steps=self.steps, restarts=self.restarts)
        if not isinstance(self.targets, int) or self.targets < 0:
            raise InputError(f"targets is {self.targets!r}; it must be a whole number, 0 for the nearest boundary.")
        for name, value, good in (
            ("bias", self.bias, 0 <= self.bias <= 1),
            ("overshoot", self.overshoot, 1 <= self.overshoot < float("inf")),
            ("backward", self.backward, 0 < self.backward < 1),
        ):
            if not good:
                raise InputError(
                    f"{name} is {value}; bias lies in [0, 1], overshoot is at least 1, backward in (0, 1)."
                )

    @property
    def budget(self) -> int:
        """The most gradients that a row can cost in a model of many classes; with ``targets=0``, so many per class."""
        return self.steps * self.restarts * max(1, self.targets)

    def search(self, case: Case) -> Found:
        """At most ``steps`` gradients and one more forward pass a row, restart and target; and a look at the input."""
        demand(case.threat, "onto_plane", "FAB")
        logits = logits_of(case.model, case.x, case.batch)
        found = Found.nothing(case)
        found = found._replace(
            height=case.goal.gain(margin, logits, case.y), nominated=case.goal.reached(logits, case.y),
            forwards=found.forwards + 1,
        )  # fmt: skip
        aims = case.goal.aims(logits, case.y, self.targets) or (None,)
        for restart in range(self.restarts):
            for aim in aims:
                rows = (~found.nominated).nonzero().flatten()
                if not len(rows):
                    return found
                part = case.take(rows).at(restart=restart).having_spent(found.spent)
                found.improve(rows, self._walk(part, aim and aim.take(rows), logits.shape[1]))
        return found

    def _walk(self, case: Case, aim: Goal | None, classes: int) -> Found:
        half = case.x.new_full((len(case),), case.threat.eps / 2)
        start = case.threat.sample(case.x, case.bounds, case.draws, half) if case.draws.restart else case.x
        distance = torch.full_like(half, torch.inf)
        walkers = _Walkers.muster(case, start, x_adv=start, distance=distance)
        cost = FORWARD + (1 if aim else classes)
        return march(walkers, [*[partial(self._step, aim=aim)] * self.steps, _enter], cost)

    def _step(self, squad: "_Walkers", aim: Goal | None) -> "_Walkers":
        """One projection onto the linear boundary, from the point and from the input, and a look at where it leads."""
        case = squad.case
        if aim is None:
            seen, spent = _nearest(case, squad.x_adv)
        else:
            seen, spent = look(replace(case, goal=aim.take(squad.rows)), squad.x_adv, margin), 1
        x_adv = self._beyond(case, squad.x_adv, seen)
        after = glance(case, x_adv, margin)
        squad.gradients, squad.forwards = squad.gradients + spent * ~squad.reached, squad.forwards + ~squad.reached
        squad.keep_nearer(x_adv, after)
        back = case.x + self.backward * (x_adv - case.x)
        squad.x_adv = torch.where(per_row(after.reached, back), back, x_adv)
        return squad

    def _beyond(self, case: Case, x_adv: Tensor, seen: Look) -> Tensor:
        """The weighted mean of both projections, each a little too long."""
        threat: Planar = demand(case.threat, "onto_plane", "FAB")
        there = flat(seen.grad * (x_adv - case.x)).sum(1)
        step = threat.onto_plane(x_adv, seen.grad, -seen.height, case.bounds)
        leap = threat.onto_plane(case.x, seen.grad, there - seen.height, case.bounds)
        near, far = threat.distance(x_adv + step, x_adv), threat.distance(case.x + leap, case.x)
        weight = per_row((near / (near + far).clamp(min=torch.finfo(near.dtype).tiny)).clamp(max=self.bias), x_adv)
        point = (1 - weight) * (x_adv + self.overshoot * step) + weight * (case.x + self.overshoot * leap)
        return case.bounds.clip(point)


@dataclass(slots=True)
class _Walkers(Squad):
    """``best`` is the nearest point that reaches the goal, at ``distance``; ``reached`` says that it is within eps."""

    x_adv: Tensor
    distance: Tensor

    def keep_nearer(self, x_adv: Tensor, seen: Look) -> None:
        distance = self.case.threat.distance(x_adv, self.case.x)
        nearer = ~self.reached & seen.reached & (distance < self.distance)
        self.best = torch.where(per_row(nearer, x_adv), x_adv, self.best)
        self.height = torch.where(nearer, seen.height, self.height)
        self.distance = torch.where(nearer, distance, self.distance)
        self.reached = self.reached | nearer & self.case.threat.contains(x_adv, self.case.x)


def _enter(squad: _Walkers) -> _Walkers:
    """Bring what is still outside into the set: the nearest point that reached the goal, or else the last one."""
    case = squad.case
    outside = torch.where(per_row(squad.distance < torch.inf, squad.best), squad.best, squad.x_adv)
    inside = case.threat.project(outside, case.x, case.bounds)
    seen = glance(case, inside, margin)
    squad.forwards = squad.forwards + ~squad.reached
    squad.best = torch.where(per_row(squad.reached, inside), squad.best, inside)
    squad.height = torch.where(squad.reached, squad.height, seen.height)
    squad.reached = squad.reached | seen.reached
    return squad


def _nearest(case: Case, x_adv: Tensor) -> tuple[Look, int]:
    """The boundary to the class whose linearisation is nearest, by the set's own measure; and the gradients spent."""
    x_adv = x_adv.detach().requires_grad_()
    logits = case.logits(x_adv)
    classes = logits.shape[1]
    if classes > _MOST_CLASSES:
        raise InputError(
            f"FAB(targets=0) takes a gradient of every class, at most {_MOST_CLASSES}; the model has {classes}. "
            "Set targets to the number of likely labels to try, such as 9."
        )
    rises = logits - logits.gather(1, case.y[:, None])
    height, slope = torch.full_like(rises[:, 0], -torch.inf), torch.zeros_like(x_adv)
    distance = torch.full_like(height, torch.inf)
    for label in range(classes):
        (grad,) = torch.autograd.grad(rises[:, label].sum(), x_adv, retain_graph=label < classes - 1)
        steep = flat(grad * case.threat.step(grad, 1.0, Place(x_adv, case.x, case.bounds))).sum(1)
        away = rises[:, label].abs() / steep.clamp(min=torch.finfo(steep.dtype).tiny)
        nearer = (away < distance) & (case.y != label)
        distance = torch.where(nearer, away, distance)
        height = torch.where(nearer, rises[:, label], height)
        slope = torch.where(per_row(nearer, slope), grad, slope)
    return Look(height.detach(), case.goal.reached(logits.detach(), case.y), slope.nan_to_num_()), classes
