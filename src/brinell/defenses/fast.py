"""FastFGSM: adversarial training at twice the price of standard training."""

from dataclasses import dataclass

from torch import Tensor

from brinell.attacks.loop import Plan, ascend
from brinell.case import Case
from brinell.defenses.base import Recipe, attacking, check_share, check_steps, shrunk
from brinell.objectives import cross_entropy


@dataclass(frozen=True, slots=True, kw_only=True)
class FastFGSM(Recipe):
    """Train on one FGSM step of ``rel_step`` times eps from a random point of the set, bounds or not.

    As in the authors' code the point is brought into the bounds only after the step. Clipped before, the values of an
    input that stand at a bound would nearly all end at its corners, and the network would learn the corners alone.

    It can collapse from one epoch to the next (catastrophic overfitting): a PGD check on held-out rows notices, and the
    best epoch is kept. warmup: share of the training over which eps grows to its full size; none by default, as in the
    paper, since on MNIST it led to a collapse. Source: Wong et al. 2020, arXiv:2001.03994."""

    epochs, lr, schedule, guarded = 10, 5e-3, "cyclic", True
    source = "arXiv:2001.03994"
    rel_step: float = 1.25
    warmup: float = 0.0

    def __post_init__(self) -> None:
        check_steps(rel_step=self.rel_step)
        check_share(warmup=self.warmup)

    def search(self, batch: Case, done: float) -> Tensor:
        """One forward and one backward pass, to the input alone."""
        with attacking(batch):
            return ascend(shrunk(batch, done, self.warmup), Plan(_anywhere, cross_entropy, sizes=(self.rel_step,)))


def _anywhere(case: Case) -> Tensor:
    """A random point of the set, where the bounds do not yet count."""
    return case.threat.sample(case.x, case.bounds.widened(), case.draws)
