"""The one place that decides. Every number of a report comes from here; no attack grades itself."""

from typing import NamedTuple

import torch
from torch import Tensor

from brinell.case import Case
from brinell.models.classifier import Classifier
from brinell.objectives import margin
from brinell.rows import flat


class Verdict(NamedTuple):
    """What the judge saw, a value per row, (N,)."""

    success: Tensor  # bool: goal reached, in the threat set, in bounds, finite
    valid: Tensor  # bool: in the threat set, in bounds, finite
    prediction: Tensor  # int64
    confidence: Tensor  # the probability that the model gives its prediction (softmax)
    distance: Tensor  # in the unit of the threat set's eps
    height: Tensor  # the margin that the attacker climbs: above 0 where the goal is reached, NaN where logits are


def logits_of(model: Classifier, x: Tensor, batch: int) -> Tensor:
    """Logits (N, K) by fresh forward passes in one fixed layout, without gradients.

    Rows go in their order, in batches of ``batch``; the last batch is filled up to a power of two with copies of its
    last row, so that few shapes occur and a row's neighbours hardly matter to its rounding."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(x), batch):
            part = x[start : start + batch]
            missing = min(batch, 1 << (len(part) - 1).bit_length()) - len(part)
            filled = torch.cat([part, part[-1:].expand(missing, *part.shape[1:])]) if missing else part
            parts.append(model(filled)[: len(part)])
    return torch.cat(parts)


def judge(case: Case, x_adv: Tensor) -> Verdict:
    """Decide for each row of ``x_adv`` (N, ...) whether it is an adversarial example of ``case``.

    The model must be in eval mode (see ``evaluating``). A point that is not finite, outside the bounds or outside the
    threat set, or that cannot be handed in as it is, is no success, whatever the model says of it; its distance is NaN
    where it is not finite."""
    finite = flat(x_adv).isfinite().all(1)
    settled = flat(case.settled(x_adv) == x_adv).all(1)
    valid = finite & settled & case.bounds.contain(x_adv) & case.threat.contains(x_adv, case.x)
    logits = logits_of(case.model, x_adv, case.batch)
    success = case.goal.reached(logits, case.y) & valid & logits.isfinite().all(1)
    height = case.goal.gain(margin, logits, case.y)
    prediction = predictions(logits, case.y)
    distance = case.threat.distance(x_adv, case.x)
    return Verdict(success, valid, prediction, confidences(logits, prediction), distance, height)


def predictions(logits: Tensor, y: Tensor) -> Tensor:
    """The class of the top logit of each row, (N,) int64; in a tie with the true label ``y``, the true label."""
    return torch.where(margin(logits, y) > 0, logits.argmax(1), y)


def confidences(logits: Tensor, prediction: Tensor) -> Tensor:
    """The probability that the softmax of ``logits`` (N, K) gives the classes ``prediction`` (N,), as (N,)."""
    shares: Tensor = logits.softmax(1)
    return shares.gather(1, prediction[:, None]).flatten()
