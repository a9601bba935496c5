"""TRADES: be right on the clean input, and say the same about all that is near."""

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from brinell.attacks import PGD
from brinell.attacks.loop import Plan, ascend
from brinell.case import Case
from brinell.defenses.base import Recipe, attacking, check_share, check_steps, mean_loss, pulled, shrunk
from brinell.models.state import same_buffers

_NUDGE = 1e-3  # of the bounds' width: at the input itself the divergence has no slope


@dataclass(frozen=True, slots=True, kw_only=True)
class TRADES(Recipe):
    """Cross-entropy on the clean inputs plus ``beta`` times the divergence KL(clean, adversarial) of the predictions.

    The adversarial inputs maximise the divergence: ``steps`` steps from beside the input. A large beta buys robust
    accuracy with clean accuracy. rel_step: length of a step as a share of eps, ``2.5 / steps`` by default. warmup:
    share of the training over which eps grows from 0 to its full size (the paper has none).
    Each side of the divergence gets its gradient in a pass of its own, while the other is held, so that one graph is
    alive at a time; the sum is the paper's gradient. That costs a forward pass without a graph.
    Source: Zhang et al. 2019, arXiv:1901.08573."""

    epochs, lr, batch, schedule, guarded = 30, 5e-3, 64, "cyclic", True
    source = "arXiv:1901.08573"
    beta: float = 6.0
    steps: int = 10
    rel_step: float | None = None
    warmup: float = 0.33

    def __post_init__(self) -> None:
        check_steps(beta=self.beta)
        PGD(steps=self.steps, rel_step=self.rel_step)  # refuses the same
        check_share(warmup=self.warmup)

    def search(self, batch: Case, done: float) -> Tensor:
        """One forward pass, then ``steps`` forward and backward passes, to the input alone."""
        sizes = (self.rel_step or 2.5 / self.steps,) * self.steps
        with attacking(batch):
            away = partial(divergence, log_probabilities(batch, batch.x))
            return ascend(shrunk(batch, done, self.warmup), Plan(_beside, away, sizes))

    def learn(self, batch: Case, x_adv: Tensor) -> Tensor:
        """One forward pass, then two forward and two backward passes, one graph at a time."""
        with same_buffers(batch.model):  # BatchNorm is to see these inputs once
            clean = log_probabilities(batch, batch.x)
        logits = batch.model(x_adv)
        held = logits.detach()
        pulled(self.beta * mean_loss(batch, divergence(clean, logits)))
        logits = batch.model(batch.x)
        apart = divergence(logits.log_softmax(1), held)
        return pulled(mean_loss(batch, F.cross_entropy(logits, batch.y, reduction="none") + self.beta * apart))


def divergence(clean: Tensor, logits: Tensor, labels: Tensor | None = None) -> Tensor:  # noqa: ARG001 - an objective
    """KL(clean, softmax(logits)) by row, (N,), in nats. clean: log probabilities (N, K)."""
    return F.kl_div(logits.log_softmax(1), clean, reduction="none", log_target=True).sum(1)


def log_probabilities(batch: Case, x: Tensor) -> Tensor:
    """What the model says of ``x`` (N, ...), (N, K), without a graph."""
    with torch.no_grad():
        logits: Tensor = batch.model(x)
        return logits.log_softmax(1)


def _beside(case: Case) -> Tensor:
    noise = _NUDGE * case.bounds.width * case.draws.normal(tuple(case.x.shape[1:]), dtype=case.x.dtype)
    return case.threat.project(case.x + noise, case.x, case.bounds)
