"""Gaussian augmentation: training for randomised smoothing."""

from dataclasses import dataclass

from torch import Tensor

from brinell.case import Case
from brinell.defenses.base import Recipe, check_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussian(Recipe):
    """Train on inputs with normal noise of standard deviation ``sigma``, in the input's own unit, not clipped.

    There is no attacker, so the threat set plays no part: the noise makes a network that still sees through it when a
    smoothed classifier votes over noisy copies of an input. By itself it resists weak attackers alone.
    Source: Cohen et al. 2019, arXiv:1902.02918."""

    epochs, lr, schedule, guarded = 10, 1e-3, "constant", False
    attacks, source = False, "arXiv:1902.02918"
    sigma: float = 0.25

    def __post_init__(self) -> None:
        check_steps(sigma=self.sigma)

    def search(self, batch: Case, done: float) -> Tensor:  # noqa: ARG002 - the same from first to last
        """A noisy copy of each input; new noise in every epoch."""
        return batch.x + self.sigma * batch.draws.normal(tuple(batch.x.shape[1:]), dtype=batch.x.dtype)
