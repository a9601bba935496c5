"""FastFGSM: adversarial training at twice the price of standard training."""

from dataclasses import dataclass

from torch import Tensor

from brinell.attacks.loop import Plan, ascend
from brinell.attacks.starts import uniform
from brinell.case import Case
from brinell.defenses.base import Recipe, attacking, check_steps, train_on
from brinell.objectives import cross_entropy


@dataclass(frozen=True, slots=True, kw_only=True)
class FastFGSM(Recipe):
    """Train on one FGSM step of ``rel_step`` times eps from a random point of the set.

    It can collapse from one epoch to the next (catastrophic overfitting): a PGD check on held-out rows notices, and the
    best epoch is kept. Source: Wong et al. 2020, arXiv:2001.03994."""

    epochs, lr, schedule, guarded = 10, 5e-3, "cyclic", True
    source = "arXiv:2001.03994"
    rel_step: float = 1.25

    def __post_init__(self) -> None:
        check_steps(rel_step=self.rel_step)

    def backward(self, batch: Case, done: float) -> Tensor:  # noqa: ARG002 - the same from first to last
        """Two forward and two backward passes, the first to the input alone."""
        with attacking(batch.model):
            x_adv = ascend(batch, Plan(uniform, cross_entropy, sizes=(self.rel_step,)))
        return train_on(batch.model, x_adv, batch.y)
