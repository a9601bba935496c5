"""IBP: training on interval bounds, for a model whose robustness can be proved."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brinell.case import Case
from brinell.certificates import Arithmetic, Interval, enclose, margins
from brinell.certificates.graph import trace
from brinell.defenses.base import Recipe, check_share, check_steps, mean_loss, pulled
from brinell.draws import Draws
from brinell.errors import InputError
from brinell.models.classifier import Classifier

_TAU = 0.5  # how much the bounds may widen, and the units be out of balance, before a regulariser speaks
_STILL, _LEAST = 0.04, 1e-3  # the share of the training before eps grows, and the share of eps until then
_LOOKED_AT = 32  # rows by which the regularisers go


@dataclass(frozen=True, slots=True, kw_only=True)
class IBP(Recipe):
    """Train on the worst logits that interval bounds allow, so that ``IntervalBounds`` can prove what was learnt.

    It starts from weights of its own, small enough that bounds neither grow nor shrink from layer to layer; eps grows
    in a line over the first ``warmup`` of the training, while two regularisers keep bounds narrow and units of all
    three kinds (on, off, undecided) in balance. Made for networks of linear or convolution layers, each with a
    BatchNorm and ReLU; narrow ones will do.

    rel_eps: trained is on ``rel_eps`` times eps, since what is proved at a little more holds better at eps (the first
    paper trains at 0.4 for 0.3). clean: the share of the clean loss in the end; it begins at 1 and falls with eps.
    regularize: weight of the regularisers. keep: start from the weights that the model has. BatchNorms learn from the
    middles of the bounds, and not from the clean inputs as the second paper has it: that saves a pass.
    Source: Gowal et al. 2018, arXiv:1810.12715; start and regularisers: Shi et al. 2021, arXiv:2103.17268."""

    epochs, lr, batch, schedule, guarded, attacks = 50, 1e-3, 128, "cosine", False, False
    source = "arXiv:1810.12715"
    warmup: float = 0.35
    rel_eps: float = 1.2
    clean: float = 0.0
    regularize: float = 0.5
    keep: bool = False

    def __post_init__(self) -> None:
        check_share(warmup=self.warmup, clean=self.clean)
        check_steps(rel_eps=self.rel_eps)
        if not 0 <= self.regularize < float("inf"):
            raise InputError(f"regularize is {self.regularize}; it must be 0 or above.")

    def prepare(self, model: Classifier, seed: int) -> None:
        """The weights to start from. Raises UnsupportedLayerError where the network cannot be traced."""
        trace(model.net)
        if self.keep:
            return
        layers = [each for each in model.modules() if isinstance(each, (nn.Linear, nn.modules.conv._ConvNd))]
        for place, layer in enumerate(layers):
            _begin(layer.weight, Draws(seed, torch.tensor([place], device=layer.weight.device)))
            if layer.bias is not None and layer.bias.requires_grad:
                nn.init.zeros_(layer.bias)

    def backward(self, batch: Case, done: float) -> Tensor:
        """One pass of the bounds, forward and backward; with ``clean``, one of the clean inputs as well."""
        share = min(1.0, max(_LEAST, (done - _STILL) / max(self.warmup - _STILL, 1e-9)))
        threat, how = batch.threat.scaled(self.rel_eps * share), Arithmetic()
        below = margins(batch.model, batch.x, batch.y, threat, bounds=batch.bounds, how=how)
        loss = mean_loss(batch, F.cross_entropy(-below, batch.y, reduction="none"))
        clean = 1 - share * (1 - self.clean) if self.clean else 0.0
        if clean:
            plain = mean_loss(batch, F.cross_entropy(batch.model(batch.x), batch.y, reduction="none"))
            loss = clean * plain + (1 - clean) * loss
        if share < 1 and self.regularize:
            loss = loss + self.regularize * (1 - share) * _unrest(enclose(batch.x, threat, batch.bounds, how), how)
        loss = pulled(loss)
        _remember(how, len(batch))
        return loss


@torch.no_grad()
def _begin(weight: Tensor, draws: Draws) -> None:
    """Normal weights with which, on average, the bounds come out of a layer and its ReLU as wide as they went in."""
    if weight.requires_grad:
        std = math.sqrt(2 * math.pi) / weight[0].numel()
        weight.copy_(std * draws.normal(tuple(weight.shape), dtype=weight.dtype)[0])


def _unrest(x: Interval, how: Arithmetic) -> Tensor:
    """Both regularisers together, of the first rows (arXiv:2103.17268)."""
    rows = torch.arange(min(_LOOKED_AT, len(x.like)), device=x.like.device)
    width = x.take(rows).radius.mean()
    total = x.like.new_zeros(())
    for entering in how.bent:
        part = entering.take(rows)
        total = total + F.relu(_TAU - width / part.radius.mean().clamp(min=1e-12)) / _TAU + _imbalance(part)
    return total / max(len(how.bent), 1)


def _imbalance(x: Interval) -> Tensor:
    """How far the units that are surely on and those that are surely off differ in their means and variances."""
    on, off = (x.low > 0).to(x.like), (x.high < 0).to(x.like)
    counts = [side.sum().clamp(min=1) for side in (on, off)]
    sums = [(x.center.abs() * side).sum() for side in (on, off)]
    means = [(x.center * side).sum() / count for side, count in zip((on, off), counts, strict=True)]
    spreads = [((x.center - mean).square() * side).sum() for side, mean in zip((on, off), means, strict=True)]
    total = x.like.new_zeros(())
    for first, second in (sums, spreads):
        ratio = torch.minimum(first, second) / torch.maximum(first, second).clamp(min=1e-12)
        total = total + F.relu(_TAU - ratio) / _TAU * (ratio > 0)  # where a side is empty there is nothing to balance
    return total


@torch.no_grad()
def _remember(how: Arithmetic, rows: int) -> None:
    """Move the running statistics of BatchNorms toward those of the batch, as their own forward pass does."""
    for layer, (mean, var) in how.moments.items():
        if layer.running_mean is None:
            continue
        layer.num_batches_tracked += 1
        pace = layer.momentum if layer.momentum is not None else 1 / float(layer.num_batches_tracked)
        layer.running_mean.lerp_(mean.to(layer.running_mean), pace)
        layer.running_var.lerp_(var.to(layer.running_var) * (rows / max(rows - 1, 1)), pace)
