"""What an attacker climbs: a number per row of logits (N, K) and labels (N,), larger is more adversarial.

Add one: a function here and a line in ``OBJECTIVES``.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch.nn.functional as F
from torch import Tensor

from brinell.errors import InputError

Objective: TypeAlias = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each row, (N,), at least 0. Source: Goodfellow et al. 2015, arXiv:1412.6572."""
    return F.cross_entropy(logits, labels, reduction="none")


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """The largest other logit less that of the label, (N,); above 0 the label is no longer the prediction.

    Source: the loss of Carlini and Wagner 2017, arXiv:1608.04644, without its floor."""
    own = logits.gather(1, labels[:, None])
    others = logits.scatter(1, labels[:, None], float("-inf"))
    return others.amax(1) - own[:, 0]


OBJECTIVES: dict[str, Objective] = {"cross_entropy": cross_entropy, "margin": margin}


def resolve(objective: str | Objective) -> Objective:
    """The objective of that name, or the callable itself. Raises InputError on an unknown name."""
    if callable(objective):
        return objective
    if not isinstance(objective, str) or objective not in OBJECTIVES:
        raise InputError(f"objective is {objective!r}; choose one of {', '.join(OBJECTIVES)}, or pass a callable.")
    return OBJECTIVES[objective]
