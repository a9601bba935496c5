"""Projected gradient ascent with steps of one size: BIM, PGD, and MI-FGSM with its momentum."""

from dataclasses import dataclass

from brinell.attacks.base import Attack, Found, check_counts
from brinell.attacks.loop import Momentum, Plan, climb, climb_again
from brinell.attacks.starts import Start, center
from brinell.attacks.starts import resolve as resolve_start
from brinell.case import Case
from brinell.errors import InputError
from brinell.objectives import Objective
from brinell.objectives import resolve as resolve_objective


def _check(steps: int, rel_step: float | None, restarts: int = 1) -> None:
    check_counts(steps=steps, restarts=restarts)
    if rel_step is not None and not 0 < rel_step < float("inf"):
        raise InputError(f"rel_step is {rel_step}; it is the step's length as a share of eps, above 0, such as 0.1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BIM(Attack):
    """Iterated FGSM: ``steps`` steps from the input itself, each brought back into the set.

    rel_step: length of a step as a share of eps, ``1 / steps`` by default. objective: see FGSM.
    A row leaves once it is broken; else its best point counts (the paper takes the last).
    Source: Kurakin et al. 2017, arXiv:1607.02533."""

    source = "arXiv:1607.02533"
    steps: int = 10
    rel_step: float | None = None
    objective: str | Objective = "cross_entropy"

    def __post_init__(self) -> None:
        _check(self.steps, self.rel_step)
        resolve_objective(self.objective)

    @property
    def budget(self) -> int:
        """The most gradients that a row can cost."""
        return self.steps

    def search(self, case: Case) -> Found:
        """At most ``steps`` gradients and one forward pass a row."""
        sizes = (self.rel_step or 1 / self.steps,) * self.steps
        return climb(case, Plan(center, resolve_objective(self.objective), sizes))


@dataclass(frozen=True, slots=True, kw_only=True)
class PGD(Attack):
    """``steps`` steps from a random point of the set, ``restarts`` times for the rows that still stand.

    rel_step: length of a step as a share of eps, ``2.5 / steps`` by default (the paper's choice); a step of 0.01 at
        eps 0.3 is ``rel_step=0.01 / 0.3``.
    objective: "cross_entropy" (default), "margin", "dlr", "probability_margin", or a callable of logits and labels.
    start: "uniform" (default), "center", "structured" (stripes, blocks and corners), or a callable.
    A row leaves once it is broken; else its best point counts (the paper takes the last).
    Source: Madry et al. 2018, arXiv:1706.06083."""

    source = "arXiv:1706.06083"
    steps: int = 40
    rel_step: float | None = None
    restarts: int = 1
    objective: str | Objective = "cross_entropy"
    start: str | Start = "uniform"

    def __post_init__(self) -> None:
        _check(self.steps, self.rel_step, self.restarts)
        resolve_objective(self.objective)
        resolve_start(self.start)

    @property
    def budget(self) -> int:
        """The most gradients that a row can cost."""
        return self.steps * self.restarts

    def search(self, case: Case) -> Found:
        """At most ``restarts`` times ``steps`` gradients and one forward pass a row."""
        sizes = (self.rel_step or 2.5 / self.steps,) * self.steps
        plan = Plan(resolve_start(self.start), resolve_objective(self.objective), sizes)
        return climb_again(case, plan, self.restarts)


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentumPGD(Attack):
    """MI-FGSM: steps along a decaying sum of gradients, from the input itself.

    decay: share of the sum that stays, 1 as in the paper. rel_step: ``1 / steps`` by default. objective: see FGSM.
    A row leaves once it is broken; else its best point counts (the paper takes the last).
    Source: Dong et al. 2018, arXiv:1710.06081."""

    source = "arXiv:1710.06081"
    steps: int = 10
    rel_step: float | None = None
    decay: float = 1.0
    objective: str | Objective = "cross_entropy"

    def __post_init__(self) -> None:
        _check(self.steps, self.rel_step)
        resolve_objective(self.objective)

    @property
    def budget(self) -> int:
        """The most gradients that a row can cost."""
        return self.steps

    def search(self, case: Case) -> Found:
        """At most ``steps`` gradients and one forward pass a row."""
        sizes = (self.rel_step or 1 / self.steps,) * self.steps
        return climb(case, Plan(center, resolve_objective(self.objective), sizes, Momentum(self.decay)))
