"""Feature squeezing: a detector that looks whether the answer changes when the input is squeezed."""

import math
from typing import Self

import torch
from torch import Tensor, nn

from brinell.bounds import Bounds
from brinell.errors import InputError, InputTypeError
from brinell.models.bpda import as_if
from brinell.models.classifier import Classifier, Guard
from brinell.models.sanitised import Guarded
from brinell.models.sanitisers import BitDepth, Layer, Median, Sanitiser, draws_of
from brinell.models.state import evaluating

_BATCH = 256  # rows at a time, while a threshold is chosen
_SOFT = 16.0  # what a row's range of logits comes to in the slope: not so sure that a softmax is flat there


class FeatureSqueezing(Guarded):
    """A classifier that turns an input away where squeezing it changes the answer too much.

    The score of an input is the largest L1 distance, over the squeezers, between the probabilities that the model gives
    to the input and to the squeezed input; it lies in 0..2. Above the threshold the input is turned away.

    It is a Classifier with one class more: the last logit is on top where the input is turned away, so a clean row that
    is turned away counts as wrong. What an attacker wants of it is to be wrong and not turned away; ``attack`` and
    ``audit`` know that, climb what is missing of the two through the squeezers, and count a row that is turned away
    under attack as standing. ``audit.false_alarms`` is the share of clean rows that are turned away.

    model: a Classifier. squeezers: sanitisers that draw nothing; the paper's for MNIST are 1 bit and a small median.
    threshold: in 0..2; better chosen from clean rows by ``calibrated``.
    Raises InputError, InputTypeError. Source: Xu et al. 2017, arXiv:1704.01155; the class for what is turned away and
    the attack on both are Carlini and Wagner 2017, arXiv:1705.07263, one part at a time Bryniarski et al. 2021,
    arXiv:2106.15023; that this detector falls, He et al. 2017, arXiv:1706.04701."""

    def __init__(
        self, model: Classifier, squeezers: tuple[Sanitiser, ...] = (BitDepth(1), Median(3)), threshold: float = 1.0
    ) -> None:
        _check(model, squeezers, threshold)
        super().__init__(_Squeezed(model, squeezers, float(threshold)), model)
        self.squeezers, self.threshold = squeezers, float(threshold)
        if model.classes is not None:
            self.classes = (*model.classes, "turned away")

    @property
    def guards(self) -> tuple[Guard, ...]:
        """The detector, then what stands behind it."""
        names = ", ".join(map(repr, self.squeezers))
        label = f"FeatureSqueezing({names}, threshold={self.threshold:.6g})"
        way = (
            "a goal that wants to be wrong and not turned away, through every squeezer and with softened probabilities"
        )
        return (Guard(label, way), *self.inner.guards)

    @property
    def rejects(self) -> bool:
        """The last class stands for inputs that are turned away."""
        return True

    def afresh(self) -> Self | None:
        """The same over a model with other random draws; None where nothing is drawn."""
        inner = self.inner.afresh()
        return None if inner is None else type(self)(inner, self.squeezers, self.threshold)

    def scores(self, x: Tensor) -> Tensor:
        """How much squeezing changes the answer to each row of ``x`` (N, ...), (N,) in 0..2."""
        net: _Squeezed = self.net  # type: ignore[assignment]
        x = x.to(self.anchor)
        x = Bounds.of(self.bounds).to(x).check(x)
        with evaluating(self), torch.no_grad():
            parts = [net.look(part)[1] for part in torch.split(x, _BATCH)]
        return torch.cat(parts)

    def calibrated(self, x: Tensor, false_alarms: float = 0.05) -> Self:
        """The same detector with the lowest threshold that promises so small a share of false alarms.

        x: clean rows (N, ...) that were not trained on, and that no audit will see. The promise: a further row of the
        same kind is turned away with a chance of ``false_alarms`` at most, on average over the choice of ``x``
        (a conformal quantile: Vovk et al. 2005, Algorithmic Learning in a Random World). Raises InputError."""
        if not 0 < false_alarms < 1:
            raise InputError(f"false_alarms is {false_alarms!r}; it must be above 0 and below 1, such as 0.05.")
        place = math.ceil((len(x) + 1) * (1 - false_alarms))
        if place > len(x):
            needed = math.ceil(1 / false_alarms) - 1
            raise InputError(
                f"{len(x)} rows cannot promise {false_alarms:g} false alarms; pass at least {needed} clean rows."
            )
        threshold = float(self.scores(x).sort().values[place - 1])
        return type(self)(self.inner, self.squeezers, threshold)


def _check(model: Classifier, squeezers: tuple[Sanitiser, ...], threshold: float) -> None:
    if not isinstance(model, Classifier) or model.rejects:
        raise InputTypeError(f"the model is {type(model).__name__}; pass a Classifier that turns nothing away yet.")
    if not squeezers or not all(isinstance(each, Sanitiser) and not each.random for each in squeezers):
        raise InputTypeError(f"squeezers are {squeezers!r}; pass sanitisers that draw nothing, such as (Median(3),).")
    if not 0 <= threshold <= 2:
        raise InputError(f"threshold is {threshold!r}; scores lie in 0..2. calibrated(x) chooses it from clean rows.")


class _Squeezed(nn.Module):
    """The model's logits, and one more that is above them where the score is above the threshold."""

    def __init__(self, model: Classifier, squeezers: tuple[Sanitiser, ...], threshold: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(each, model.bounds) for each in squeezers)
        self.model, self.threshold = model, threshold

    def forward(self, x: Tensor) -> Tensor:
        logits, score = self.look(x)
        top = logits.amax(1)
        turned_away = top + _range(logits) / 2 * (score - self.threshold)
        return torch.cat([logits, turned_away[:, None]], 1)

    def look(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, K) and score (N,), each with a slope that an attacker can use.

        That of the logits is the mean over the input and all its squeezed forms: who moves them together is not turned
        away. That of the score is of softened probabilities: where two forms are sure of different classes, its own is
        flat."""
        logits: Tensor = self.model(x)
        nothing = draws_of(0, 0)
        views = [self.model(layer(x, nothing)) for layer in self.layers]
        soften = _SOFT / _range(logits)[:, None]
        score, soft = (_furthest(logits, views, scale) for scale in (torch.ones_like(soften), soften))
        together = torch.stack([logits, *views]).mean(0)
        return as_if(logits.detach(), together), as_if(score.detach(), soft)


def _range(logits: Tensor) -> Tensor:
    """The range of each row's logits, (N,), without a slope."""
    logits = logits.detach()
    return (logits.amax(1) - logits.amin(1)).clamp(min=torch.finfo(logits.dtype).tiny ** 0.5)


def _furthest(logits: Tensor, views: list[Tensor], scale: Tensor) -> Tensor:
    """The largest L1 distance of the probabilities of any view, (N,)."""
    own = (logits * scale).softmax(1)
    return torch.stack([((view * scale).softmax(1) - own).abs().sum(1) for view in views]).amax(0)
