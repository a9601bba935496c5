"""PGD training: the recipe that has held since 2018."""

from dataclasses import dataclass

from torch import Tensor

from brinell.attacks import PGD
from brinell.attacks.loop import Plan, ascend
from brinell.attacks.starts import uniform
from brinell.case import Case
from brinell.defenses.base import Recipe, attacking, check_share, check_steps, shrunk
from brinell.objectives import cross_entropy


@dataclass(frozen=True, slots=True, kw_only=True)
class PGDTraining(Recipe):
    """Train on the end of ``steps`` PGD steps from a random point of the set.

    rel_step: length of a step as a share of eps, ``2.5 / steps`` by default. warmup: share of the training over which
    eps grows from 0 to its full size; without it a network that starts from scratch may never leave chance. rel_eps:
    trained is on ``rel_eps`` times eps; a little more than 1 can hold better at eps, for some clean accuracy. Held-out
    rows are judged at eps.
    Source: Madry et al. 2018, arXiv:1706.06083 (which has no warm-up)."""

    epochs, lr, batch, schedule, guarded = 30, 5e-3, 64, "cyclic", True
    source = "arXiv:1706.06083"
    steps: int = 7
    rel_step: float | None = None
    warmup: float = 0.33
    rel_eps: float = 1.0

    def __post_init__(self) -> None:
        PGD(steps=self.steps, rel_step=self.rel_step)  # refuses the same
        check_share(warmup=self.warmup)
        check_steps(rel_eps=self.rel_eps)

    def search(self, batch: Case, done: float) -> Tensor:
        """``steps`` forward and backward passes, to the input alone."""
        sizes = (self.rel_step or 2.5 / self.steps,) * self.steps
        with attacking(batch):
            return ascend(shrunk(batch, done, self.warmup, self.rel_eps), Plan(uniform, cross_entropy, sizes))
