"""What counts as success. ``y`` is always the truth; a goal is a value beside it, and knows its own sign.

No other part of the package asks whether an attack is targeted.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from brinell.errors import InputError
from brinell.models.bpda import as_if
from brinell.objectives import Objective, approach, duel, margin


class Goal(Protocol):
    """What an attacker wants of the logits (N, K) of rows whose true labels are ``y`` (N,)."""

    def gain(self, objective: Objective, logits: Tensor, y: Tensor) -> Tensor:
        """What the attacker climbs, (N,)."""
        ...

    def reached(self, logits: Tensor, y: Tensor) -> Tensor:
        """Whether each row is where the attacker wants it, (N,) bool. A tie of the top logits is not."""
        ...

    def take(self, rows: Tensor | slice) -> "Goal":
        """The same goal for the chosen rows."""
        ...

    def bind(self, y: Tensor, classes: int) -> "Goal":
        """The goal checked against all rows, on their device. Raises InputError."""
        ...

    def aims(self, logits: Tensor, y: Tensor, count: int) -> "tuple[Goal, ...]":
        """At most ``count`` goals, each for all rows, whose reaching reaches this one: for an attacker who tries one
        rival class after the other. ``logits`` (N, K) are those of the clean input."""
        ...


@dataclass(frozen=True, slots=True)
class Away:
    """Any label but the true one: the untargeted goal, and the default."""

    def gain(self, objective: Objective, logits: Tensor, y: Tensor) -> Tensor:
        """The objective at the true label, (N,)."""
        return objective(logits, y)

    def reached(self, logits: Tensor, y: Tensor) -> Tensor:
        """Whether some other logit is above that of the true label, (N,) bool."""
        return margin(logits, y) > 0

    def take(self, rows: Tensor | slice) -> "Away":  # noqa: ARG002 - the same for all rows
        """Itself."""
        return self

    def bind(self, y: Tensor, classes: int) -> "Away":  # noqa: ARG002 - nothing to check
        """Itself."""
        return self

    def aims(self, logits: Tensor, y: Tensor, count: int) -> tuple[Goal, ...]:
        """Via each of the ``count`` most likely wrong classes, the likeliest first; fewer where there are fewer."""
        wrong = logits.scatter(1, y[:, None], float("-inf"))
        rivals = wrong.topk(min(count, logits.shape[1] - 1), dim=1).indices
        return tuple(Via(rival) for rival in rivals.unbind(1))


@dataclass(frozen=True, slots=True, eq=False)
class Via:
    """Any label but the true one, as for ``Away``; but the attacker climbs toward one rival class.

    rivals: (N,) integers in [0, K), one for each row, or one integer for all; a rival should not be the true label."""

    rivals: Any

    def gain(self, objective: Objective, logits: Tensor, y: Tensor) -> Tensor:
        """The objective between rival and true label, (N,)."""
        return duel(objective, logits, y, self.rivals)

    def reached(self, logits: Tensor, y: Tensor) -> Tensor:
        """Whether any other logit, the rival's or not, is above that of the true label, (N,) bool."""
        return margin(logits, y) > 0

    def take(self, rows: Tensor | slice) -> "Via":
        """The goal of the chosen rows."""
        return Via(self.rivals[rows])

    def bind(self, y: Tensor, classes: int) -> "Via":
        """The goal with its rivals checked, as an int64 tensor on the device of ``y``. Raises InputError."""
        return Via(_bound(self.rivals, "rival label", y, classes))

    def aims(self, logits: Tensor, y: Tensor, count: int) -> tuple[Goal, ...]:  # noqa: ARG002 - it is chosen
        """Itself."""
        return (self,)


@dataclass(frozen=True, slots=True, eq=False)
class Toward:
    """A wanted label: the targeted goal.

    labels: (N,) integers in [0, K), one for each row, or one integer for all. A row whose wanted label is the true
    one cannot be broken: being right is no success."""

    labels: Any

    def gain(self, objective: Objective, logits: Tensor, y: Tensor) -> Tensor:  # noqa: ARG002
        """Minus the objective at the wanted label, or what stands for it there, (N,)."""
        return approach(objective, logits, self.labels)

    def reached(self, logits: Tensor, y: Tensor) -> Tensor:
        """Whether the wanted label has the top logit and is not the true one, (N,) bool."""
        wanted: Tensor = self.labels
        return (margin(logits, wanted) < 0) & (wanted != y)

    def take(self, rows: Tensor | slice) -> "Toward":
        """The goal of the chosen rows."""
        return Toward(self.labels[rows])

    def bind(self, y: Tensor, classes: int) -> "Toward":
        """The goal with its labels checked, as an int64 tensor on the device of ``y``. Raises InputError."""
        return Toward(_bound(self.labels, "wanted label", y, classes))

    def aims(self, logits: Tensor, y: Tensor, count: int) -> tuple[Goal, ...]:  # noqa: ARG002 - there is but one
        """Itself."""
        return (self,)


@dataclass(frozen=True, slots=True, eq=False)
class Unnoticed:
    """Another goal, reached without being turned away: for a model whose last class stands for what it turns away.

    goal: what is wanted of the other classes, ``Away()`` or ``Toward(labels)``."""

    goal: Goal

    @property
    def labels(self) -> Any:
        """The labels that are wanted, or None."""
        return getattr(self.goal, "labels", None)

    def gain(self, objective: Objective, logits: Tensor, y: Tensor) -> Tensor:
        """The lesser of what the other goal gains and of the headroom under the detector, (N,); for objectives that
        are not 0 at the boundary, their sum as long as there is no headroom.

        The slope is that of one part alone: of the other goal until that is reached, then of the headroom. Steps are
        scaled, so along their sum they would follow the steeper part and lose the other. Source: Selective PGD,
        Bryniarski et al. 2021, arXiv:2106.15023."""
        climbed, headroom = self.goal.gain(objective, logits[:, :-1], y), _headroom(logits)
        height = torch.minimum(climbed, headroom) if objective is margin else climbed + headroom.clamp(max=0)
        missing = torch.where(self.goal.reached(logits[:, :-1], y), headroom, climbed)
        return as_if(height.detach(), missing)

    def reached(self, logits: Tensor, y: Tensor) -> Tensor:
        """Whether the other goal is reached and the row is not turned away, (N,) bool."""
        return self.goal.reached(logits[:, :-1], y) & (_headroom(logits) >= 0)

    def take(self, rows: Tensor | slice) -> "Unnoticed":
        """The goal of the chosen rows."""
        return Unnoticed(self.goal.take(rows))

    def bind(self, y: Tensor, classes: int) -> "Unnoticed":
        """The goal checked: the last class is nobody's label. Raises InputError."""
        return Unnoticed(self.goal.bind(y, classes - 1))

    def aims(self, logits: Tensor, y: Tensor, count: int) -> tuple[Goal, ...]:
        """The aims of the other goal, each unnoticed."""
        return tuple(Unnoticed(aim) for aim in self.goal.aims(logits[:, :-1], y, count))


def _headroom(logits: Tensor) -> Tensor:
    """How far the last logit is below the top of the others, (N,)."""
    return logits[:, :-1].amax(1) - logits[:, -1]


def _bound(labels: Any, name: str, y: Tensor, classes: int) -> Tensor:
    """Labels of classes, one for each row or one for all, as int64 (N,) on the device of ``y``. Raises InputError."""
    try:
        labels = torch.as_tensor(labels, device=y.device)
    except (TypeError, ValueError, RuntimeError) as problem:
        raise InputError(f"the {name}s are {labels!r}; pass integers in 0..{classes - 1}.") from problem
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise InputError(f"the {name}s are {labels.dtype}; pass integers in 0..{classes - 1}.")
    if labels.dim() == 0:
        labels = labels.expand(len(y))
    if labels.shape != y.shape:
        raise InputError(f"{tuple(labels.shape)} {name}s for {len(y)} rows; give one for each row, or one for all.")
    if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < classes):
        worst = int(labels.max()) if int(labels.max()) >= classes else int(labels.min())
        raise InputError(f"a {name} is {worst}; the model's classes are 0..{classes - 1}.")
    bound: Tensor = labels.long()
    return bound
