"""From the threat set to the margins: how far each logit stays below that of the true label, at least."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brinell.bounds import Bounds
from brinell.certificates.graph import Ends, walk
from brinell.certificates.interval import Arithmetic, Interval, Reach
from brinell.errors import InputError, UnsupportedLayerError
from brinell.models.classifier import Classifier, along_channels
from brinell.rows import per_row
from brinell.threats import Threat


def margins(
    model: Classifier, x: Tensor, y: Tensor, threat: Threat, *, bounds: Bounds, how: Arithmetic
) -> Tensor:  # fmt: skip
    """Lower bounds (N, K) of the logit of the true label less each logit, over the threat set within the bounds.

    x: (N, ...), in whose dtype the bounds are computed; y: (N,) int64. 0 for the true label itself. Differentiable in
    the parameters. With ``how.unit``, the set is what the judge counts as such, slack and all.
    Source: Gowal et al. 2018, arXiv:1810.12715; the last layer merged with the difference as in section 3."""
    check_threat(threat)
    if type(model).forward is not Classifier.forward:
        raise UnsupportedLayerError(f"{type(model).__name__} has a forward of its own, which no bounds are known for.")
    with torch.autocast(x.device.type, enabled=False):
        box = enclose(x, threat, bounds, how)
        return merge(walk(model.net, _normalized(model, box, how), how), y, how)


def check_threat(threat: Threat) -> None:
    """Raise InputError where the set is no ball of a norm."""
    if getattr(threat, "dual", None) is None:
        raise InputError(
            f"there are no interval bounds for the threat set {threat}: within it a value may take any value of the "
            "bounds; certify under linf, l2 or l1."
        )


def enclose(x: Tensor, threat: Threat, bounds: Bounds, how: Arithmetic) -> Interval:
    """The smallest box about the set within the bounds, and the set itself where the box has corners that it lacks."""
    eps, slack = x.new_full((len(x),), threat.eps), 0.0
    if how.unit:  # what ``Threat.contains`` and ``Bounds.contain`` let pass
        eps = eps * (1 + 2e-6) + 4 * how.unit * (threat.distance(x, torch.zeros_like(x)) + eps)
        slack = 2e-6
    room = Bounds(bounds.low - slack * bounds.width, bounds.high + slack * bounds.width).to(x)
    low, high = room.clip(x - per_row(eps, x)), room.clip(x + per_row(eps, x))
    dual: float = threat.dual  # type: ignore[attr-defined]
    if dual == 1:  # the box is the set
        return Interval(low, high)
    return Interval(low, high, Reach(x, torch.ones_like(x), torch.zeros_like(x), eps, dual))


def _normalized(model: Classifier, x: Interval, how: Arithmetic) -> Interval:
    if model.mean is None or model.std is None:
        return x
    mean, std = along_channels(model.mean, x.low), along_channels(model.std, x.low)
    return how.scaled(x, 1 / std, -mean / std)


def merge(ends: Ends, y: Tensor, how: Arithmetic) -> Tensor:
    """The margins (N, K), through the differences of the rows of the last linear layer where there is one."""
    if ends.last is None:
        low, high = (_two_at_least(end) for end in (ends.interval.low, ends.interval.high))
        margin = low.gather(1, y[:, None]) - high
    else:
        margin = _last_layer(ends.interval, ends.last, y, how)
    return margin.scatter(1, y[:, None], 0.0)


def _last_layer(x: Interval, last: nn.Linear, y: Tensor, how: Arithmetic) -> Tensor:
    weight = last.weight.to(x.low)
    bias = weight.new_zeros(len(weight)) if last.bias is None else last.bias.to(x.low)
    if len(weight) == 1:  # one logit z stands for (0, z)
        weight, bias = F.pad(weight, (0, 0, 1, 0)), F.pad(bias, (1, 0))
    below = x.low.new_empty(len(y), len(weight))
    exact = Arithmetic()
    for label in y.unique().tolist():  # type: ignore[no-untyped-call]
        rows = (y == label).nonzero().flatten()
        steps, shift = weight[label] - weight, bias[label] - bias
        below = below.index_copy(0, rows, exact.linear(x.take(rows), F.linear, steps, shift).low)
    if not how.unit:
        return below
    error = how.gamma(weight.shape[1]) * F.linear(x.magnitude, weight.abs(), bias.abs())
    return below - error - error.gather(1, y[:, None])


def _two_at_least(logits: Tensor) -> Tensor:
    """Logits (N, K); one logit z stands for (0, z)."""
    logits = logits.reshape(len(logits), -1)
    return F.pad(logits, (1, 0)) if logits.shape[1] == 1 else logits
