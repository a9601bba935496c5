"""What an attacker climbs: a number per row of logits (N, K) and labels (N,), larger is more adversarial.

Add one: a function here and a line in ``OBJECTIVES``; if it has a form for one rival class, a line in ``_DUELS``.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch.nn.functional as F
from torch import Tensor

from brinell.errors import InputError

Objective: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Duel: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
_TINY = 1e-12  # keeps a quotient finite where all logits are equal


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each row, (N,), at least 0. Source: Goodfellow et al. 2015, arXiv:1412.6572."""
    return F.cross_entropy(logits, labels, reduction="none")


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """The largest other logit less that of the label, (N,); above 0 the label is no longer the prediction.

    Source: the loss of Carlini and Wagner 2017, arXiv:1608.04644, without its floor."""
    own = logits.gather(1, labels[:, None])
    others = logits.scatter(1, labels[:, None], float("-inf"))
    return others.amax(1) - own[:, 0]


def dlr(logits: Tensor, labels: Tensor) -> Tensor:
    """Difference of logits ratio: the margin over the lead of the first logit on the third, (N,), no unit.

    At least -1 where the label is the prediction; neither shifting nor scaling the logits changes it. It needs three
    classes: with two it is the margin. Source: Croce and Hein 2020, arXiv:2003.01690."""
    if logits.shape[1] < 3:
        return margin(logits, labels)
    top = logits.topk(3, dim=1).values
    return margin(logits, labels) / (top[:, 0] - top[:, 2] + _TINY)


def probability_margin(logits: Tensor, labels: Tensor) -> Tensor:
    """The margin between probabilities in place of logits, (N,), in [-1, 1]: flat where the model is very sure.

    Source: the loss of PMA, Xie et al. 2024, arXiv:2411.15210."""
    return margin(logits.softmax(1), labels)


OBJECTIVES: dict[str, Objective] = {
    "cross_entropy": cross_entropy,
    "margin": margin,
    "dlr": dlr,
    "probability_margin": probability_margin,
}


def resolve(objective: str | Objective) -> Objective:
    """The objective of that name, or the callable itself. Raises InputError on an unknown name."""
    if callable(objective):
        return objective
    if not isinstance(objective, str) or objective not in OBJECTIVES:
        raise InputError(f"objective is {objective!r}; choose one of {', '.join(OBJECTIVES)}, or pass a callable.")
    return OBJECTIVES[objective]


def rival_margin(logits: Tensor, labels: Tensor, rivals: Tensor) -> Tensor:
    """The logit of the rival class less that of the label, (N,)."""
    return (logits.gather(1, rivals[:, None]) - logits.gather(1, labels[:, None]))[:, 0]


def rival_dlr(logits: Tensor, labels: Tensor, rivals: Tensor) -> Tensor:
    """Targeted DLR: the rival margin over the lead of the first logit on the mean of the third and fourth, (N,).

    It needs four classes: with fewer it is the rival margin. Source: Croce and Hein 2020, arXiv:2003.01690."""
    if logits.shape[1] < 4:
        return rival_margin(logits, labels, rivals)
    top = logits.topk(4, dim=1).values
    return rival_margin(logits, labels, rivals) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + _TINY)


def rival_probability_margin(logits: Tensor, labels: Tensor, rivals: Tensor) -> Tensor:
    """The probability of the rival class less that of the label, (N,), in [-1, 1]."""
    return rival_margin(logits.softmax(1), labels, rivals)


_DUELS: dict[str, Duel] = {
    "margin": rival_margin,
    "dlr": rival_dlr,
    "probability_margin": rival_probability_margin,
}


def duel(objective: Objective, logits: Tensor, labels: Tensor, rivals: Tensor) -> Tensor:
    """What an attacker climbs who wants one rival class to pass the label, (N,).

    That is the objective's own form for two classes, where it has one; else minus the objective at the rival."""
    for name, form in _DUELS.items():
        if objective is OBJECTIVES[name]:
            return form(logits, labels, rivals)
    return -objective(logits, rivals)


def approach(objective: Objective, logits: Tensor, wanted: Tensor) -> Tensor:
    """What an attacker climbs who wants a label on top, (N,): minus the objective there.

    DLR at a label far from the top is flat or leads away; targeted DLR against the class that leads is not."""
    if objective is dlr:
        leaders = logits.scatter(1, wanted[:, None], float("-inf")).argmax(1)
        return rival_dlr(logits, leaders, wanted)
    return -objective(logits, wanted)


def shortfall(objective: str | Objective, classes: int, rivals: bool = False) -> str | None:
    """Words where a model has too few classes for the objective, and the margin takes its place; or None."""
    needed = 4 if rivals else 3
    if resolve(objective) is not dlr or classes >= needed:
        return None
    name, stand_in = ("targeted DLR", "the rival margin") if rivals else ("DLR", "the margin")
    return f"{name} needs {needed} classes and the model has {classes}: {stand_in} is climbed in its place."
