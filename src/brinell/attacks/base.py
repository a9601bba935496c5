"""What every attack is: a frozen value that holds parameters, and makes candidates when called."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from brinell.case import Case, check_parts, make_case
from brinell.errors import InputError
from brinell.goals import Goal
from brinell.models.classifier import Classifier
from brinell.models.state import evaluating
from brinell.objectives import shortfall
from brinell.threats.base import Threat

POOL = 4  # batches whose survivors share a pool
FORWARD = 1 / 3  # of a gradient: about what a forward pass alone costs


class Found(NamedTuple):
    """What a search brings back: candidates (N, ...), whether the search itself saw the goal reached, and its cost."""

    x_adv: Tensor
    height: Tensor  # (N,) what the attacker climbed, at the candidate; -inf where nobody looked
    nominated: Tensor  # (N,) bool: for the judge to confirm
    gradients: Tensor  # (N,) int64: forward and backward passes spent on each row
    forwards: Tensor  # (N,) int64: forward passes without a backward

    @classmethod
    def nothing(cls, case: Case) -> "Found":
        """No candidate but the input itself, at no cost."""
        zeros = torch.zeros_like(case.y)
        height = torch.full_like(zeros, -torch.inf, dtype=case.x.dtype)
        return cls(case.x.clone(), height, zeros.bool(), zeros.clone(), zeros.clone())

    @property
    def spent(self) -> float:
        """What all rows cost, in gradients."""
        return float(self.gradients.sum() + FORWARD * self.forwards.sum())

    def improve(self, rows: Tensor, other: "Found") -> None:
        """Take over what ``other`` found better for ``rows``, ranked by (goal reached, height), and add its cost."""
        better = ~self.nominated[rows] & (other.nominated | (other.height > self.height[rows]))
        chosen = rows[better]
        self.x_adv[chosen] = other.x_adv[better]
        self.height[chosen] = other.height[better]
        self.nominated[chosen] = other.nominated[better]
        self.gradients[rows] += other.gradients
        self.forwards[rows] += other.forwards


def check_counts(**counts: object) -> None:
    """Raise InputError unless all are whole numbers, at least 1."""
    for name, count in counts.items():
        if not isinstance(count, int) or count < 1:
            raise InputError(f"{name} is {count!r}; it must be a whole number, at least 1.")


def restarted(case: Case, restarts: int, search: Callable[[Case], Found], aims: Sequence[Goal] = ()) -> Found:
    """Search several times for each aim in turn (by default the goal of the case itself); each further time with other
    draws, and only for the rows that still stand."""
    aims = aims or (case.goal,)
    found = search(replace(case, goal=aims[0]))
    for number in range(1, restarts * len(aims)):
        rows = (~found.nominated).nonzero().flatten()
        if not len(rows):
            break
        again = replace(case, goal=aims[number // restarts]).take(rows).at(restart=number).having_spent(found.spent)
        found.improve(rows, search(again))
    return found


class Attack(ABC):
    """A frozen set of parameters. Subclasses are frozen dataclasses that say how to search; none holds a model."""

    __slots__ = ()
    access: ClassVar[str] = "gradients"
    probes: ClassVar[bool] = False  # whether it also asks the model where no gradient leads
    goals: ClassVar[str] = "away, toward"
    threats: ClassVar[str] = "any"
    source: ClassVar[str]

    @property
    def carries(self) -> bool:
        """Whether it goes on from the best point that earlier attacks of a cascade found."""
        return False

    @property
    def budget(self) -> int:
        """The most gradients that a row can cost."""
        return 1

    def note(self, classes: int) -> str | None:
        """What is different on a model with so many classes, in words; or None."""
        objective = getattr(self, "objective", None)
        return None if objective is None else shortfall(objective, classes)

    def __call__(
        self, model: Classifier, x: Any, y: Any, threat: Threat, *, goal: Goal | None = None, seed: int = 0,
        ids: Any = None,
    ) -> Tensor:  # fmt: skip
        """Candidates for all rows, a tensor like ``x``: inside the threat set and the bounds, but not judged.

        x: (N, ...) numbers within the model's bounds. y: (N,) integers, the true labels. goal: ``Away()`` (default) or
        ``Toward(labels)``. ids: (N,) integers that stand for the rows in random draws, their positions by default.
        The model is left as it was. Raises InputError, InputTypeError."""
        check_parts(model, threat, goal, seed)
        with evaluating(model, seed):
            case = make_case(model, x, y, threat, goal=goal, seed=seed, ids=ids)
            return self.run(case).x_adv

    def run(self, case: Case) -> Found:
        """Search pool by pool, so that memory beyond the result does not grow with the number of rows; what is found is
        settled, as it has to be handed in."""
        size = POOL * case.batch
        parts = [self.search(case.take(slice(start, start + size))) for start in range(0, len(case), size)]
        found = Found(*(torch.cat(fields) for fields in zip(*parts, strict=True)))
        return found._replace(x_adv=case.settled(found.x_adv))

    @abstractmethod
    def search(self, case: Case) -> Found:
        """Look for adversarial examples of all rows at once; the model is in eval mode with frozen parameters."""
