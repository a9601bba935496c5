"""FastFGSM: adversarial training at twice the price of standard training."""

from dataclasses import dataclass

from torch import Tensor

from brinell.attacks.loop import Plan, ascend
from brinell.attacks.starts import uniform
from brinell.case import Case
from brinell.defenses.base import Recipe, attacking, check_steps, shrunk, train_on
from brinell.objectives import cross_entropy


@dataclass(frozen=True, slots=True, kw_only=True)
class FastFGSM(Recipe):
    """Train on one FGSM step of ``rel_step`` times eps from a random point of the set.

    It can collapse from one epoch to the next (catastrophic overfitting): a PGD check on held-out rows notices, and the
    best epoch is kept. warmup: share of the training over which eps grows to its full size; without it small data may
    never leave chance. Source: Wong et al. 2020, arXiv:2001.03994 (which has no warm-up)."""

    epochs, lr, schedule, guarded = 10, 5e-3, "cyclic", True
    source = "arXiv:2001.03994"
    rel_step: float = 1.25
    warmup: float = 0.33

    def __post_init__(self) -> None:
        check_steps(rel_step=self.rel_step, warmup=self.warmup)

    def backward(self, batch: Case, done: float) -> Tensor:
        """Two forward and two backward passes, the first to the input alone."""
        with attacking(batch.model):
            x_adv = ascend(shrunk(batch, done, self.warmup), Plan(uniform, cross_entropy, sizes=(self.rel_step,)))
        return train_on(batch.model, x_adv, batch.y)
