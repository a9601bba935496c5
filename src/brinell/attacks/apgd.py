"""APGD: projected gradient ascent that halves a row's step, and goes back to its best point, where progress stalls."""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from brinell.attacks.base import FORWARD, Attack, Found, check_counts
from brinell.attacks.loop import Memory, Plan, Spot, climb_again, move
from brinell.attacks.starts import Start
from brinell.attacks.starts import resolve as resolve_start
from brinell.case import Case
from brinell.errors import InputError
from brinell.judge import logits_of
from brinell.objectives import Objective, shortfall
from brinell.objectives import resolve as resolve_objective
from brinell.rows import per_row

_FIRST_STEP = 2.0  # shares of eps
_INERTIA = 0.25  # share of the move before in each move: 1 - alpha in the paper


@dataclass(frozen=True, slots=True, kw_only=True)
class APGD(Attack):
    """Auto-PGD: ``steps`` steps that choose their length by themselves, row by row, beginning with 2 eps.

    A step also keeps a quarter of the move before. At each checkpoint a row's step is halved, and the row goes back to
    its highest point, if fewer than ``rho`` of the steps since the last checkpoint led up, or if neither its best
    height nor its step changed since then.

    restarts: from further starts, for the rows that still stand.
    objective: "cross_entropy" (default), "dlr", "margin", "probability_margin", or a callable of logits and labels.
    targets: 0 (default) is untargeted; k is against each of the k most likely wrong classes of the clean input (all, if
        there are fewer), one after the other, for the rows that still stand. The objective then is its form between
        that class and the true one: "dlr" is targeted DLR, "margin" a difference of two logits. Toward a wanted label
        there is one target anyway.
    start: "uniform" (default), "center", "structured", or a callable.
    samples: passes averaged for each gradient, for models that draw random numbers (EOT, arXiv:1707.07397).
    DLR needs 3 classes, targeted DLR 4; with fewer the margin takes its place.
    A row leaves once it is broken; else its best point counts.
    Source: Croce and Hein 2020, arXiv:2003.01690; here for any threat set and goal."""

    source = "arXiv:2003.01690"
    steps: int = 100
    restarts: int = 1
    objective: str | Objective = "cross_entropy"
    targets: int = 0
    start: str | Start = "uniform"
    rho: float = 0.75
    samples: int = 1

    def __post_init__(self) -> None:
        check_counts(steps=self.steps, restarts=self.restarts, samples=self.samples)
        if not isinstance(self.targets, int) or self.targets < 0:
            raise InputError(f"targets is {self.targets!r}; it must be a whole number of classes, or 0 for untargeted.")
        if not 0 <= self.rho <= 1:
            raise InputError(f"rho is {self.rho}; it is a share of steps, in 0..1, such as 0.75.")
        resolve_objective(self.objective)
        resolve_start(self.start)

    @property
    def budget(self) -> int:
        """The most gradients that a row can cost."""
        return self.steps * self.restarts * max(self.targets, 1) * self.samples

    def note(self, classes: int) -> str | None:
        """Whether the margin takes the place of DLR on a model with so many classes, in words; or None."""
        return shortfall(self.objective, classes, rivals=self.targets > 0)

    def search(self, case: Case) -> Found:
        """At most ``budget`` gradients a row, a forward pass at each end, and one before all if there are targets."""
        sizes = (_FIRST_STEP,) * self.steps
        rule = StepControl(_spans(self.steps), self.rho)
        plan = Plan(resolve_start(self.start), resolve_objective(self.objective), sizes, rule, self.samples)
        if not self.targets:
            return climb_again(case, plan, self.restarts)
        logits = logits_of(case.model, case.x, case.batch)
        aims = case.goal.aims(logits, case.y, self.targets)
        found = climb_again(case.having_spent(FORWARD * len(case)), plan, self.restarts, aims)
        return found._replace(forwards=found.forwards + 1)


def checkpoints(steps: int) -> list[int]:
    """The steps before which progress is looked at, for so many in all.

    The shares are 0.22, 0.41, 0.57, ...: gaps shrink by 0.03 down to 0.06. Here they are counted in hundredths."""
    shares = [0, 22]
    while shares[-1] < 100:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 3, 6))
    at = dict.fromkeys(-(-share * steps // 100) for share in shares[1:])
    return [step for step in at if step < steps]


def _spans(steps: int) -> tuple[int, ...]:
    """For each step how many steps it looks back on, which is 0 unless it is a checkpoint."""
    spans = [0] * steps
    for before, now in pairwise([0, *checkpoints(steps)]):
        spans[now] = now - before
    return tuple(spans)


class _Trail(NamedTuple):
    """What a row remembers of its way: one value or one point for each."""

    previous: Tensor  # the point before this one
    best: Tensor  # its highest point,
    slope: Tensor  # the gradient there,
    peak: Tensor  # and its height
    height: Tensor  # of the point that it stepped from last
    rises: Tensor  # how many steps led up since the last checkpoint
    share: Tensor  # what is left of the first step after halving
    old_peak: Tensor  # the best height at the last checkpoint
    halved: Tensor  # whether the step was halved there

    @classmethod
    def begin(cls, at: Spot) -> "_Trail":
        height = at.seen.height
        none = torch.zeros_like(height)
        return cls(at.x_adv, at.x_adv, at.seen.grad, height, height, none, none + 1, height, none > 0)

    def arrive(self, at: Spot) -> "_Trail":
        """The trail after a step that led to ``at``."""
        height = at.seen.height
        higher = height > self.peak
        return self._replace(
            best=torch.where(per_row(higher, self.best), at.x_adv, self.best),
            slope=torch.where(per_row(higher, self.best), at.seen.grad, self.slope),
            peak=torch.where(higher, height, self.peak),
            height=height,
            rises=self.rises + (height > self.height),
        )  # fmt: skip

    def check(self, least: float) -> "_Trail":
        """The trail after a checkpoint at which fewer than ``least`` rises are too few."""
        stuck = ~self.halved & (self.peak <= self.old_peak)
        halved = (self.rises < least) | stuck
        return self._replace(
            height=torch.where(halved, self.peak, self.height),
            rises=torch.zeros_like(self.rises),
            share=torch.where(halved, self.share / 2, self.share),
            old_peak=self.peak,
            halved=halved,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class StepControl:
    """APGD's steps: momentum, and a length that each row halves at checkpoints where it made too little progress.

    spans: for each step how many steps it looks back on, 0 unless it is a checkpoint. rho: the share of them that has
    to lead up. Source: Croce and Hein 2020, arXiv:2003.01690, Algorithm 1."""

    spans: tuple[int, ...]
    rho: float

    def __call__(self, memory: Memory, at: Spot) -> tuple[Memory, Tensor]:
        """The trail with this point, and the next point."""
        trail = _Trail(*memory).arrive(at) if memory else _Trail.begin(at)
        x_adv, grad = at.x_adv, at.seen.grad
        if span := self.spans[at.step]:
            trail = trail.check(self.rho * span)
            back = per_row(trail.halved, x_adv)
            x_adv, grad = torch.where(back, trail.best, x_adv), torch.where(back, trail.slope, grad)
        ahead = move(at.case, x_adv, grad, at.share * trail.share)
        if memory:
            straight_on = 2 * x_adv - trail.previous
            ahead = at.case.threat.project(torch.lerp(ahead, straight_on, _INERTIA), at.case.x, at.case.bounds)
        return trail._replace(previous=x_adv), ahead
