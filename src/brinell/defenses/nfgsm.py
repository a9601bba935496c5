"""N-FGSM: one step from strong noise, so that the network cannot learn FGSM by heart."""

from dataclasses import dataclass

from torch import Tensor

from brinell.attacks.loop import look
from brinell.case import Case
from brinell.defenses.base import Recipe, attacking, check_share, check_steps, shrunk
from brinell.objectives import cross_entropy
from brinell.threats.base import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class NFGSM(Recipe):
    """Train on one FGSM step of ``rel_step`` times eps from noise of up to ``noise`` times eps, cut off at the bounds.

    The point is not brought back into the set: noise and step together may reach three times eps, which is what keeps
    this recipe from the collapse of ``FastFGSM``. The noise itself is not clipped either (the authors' code clips it
    to the bounds; see ``FastFGSM`` for what that does to inputs that stand at a bound).
    warmup: share of the training over which eps grows to its full size.
    Source: de Jorge et al. 2022, arXiv:2202.01181."""

    epochs, lr, schedule, guarded = 10, 5e-3, "cyclic", True
    source = "arXiv:2202.01181"
    noise: float = 2.0
    rel_step: float = 1.0
    warmup: float = 0.0

    def __post_init__(self) -> None:
        check_steps(noise=self.noise, rel_step=self.rel_step)
        check_share(warmup=self.warmup)

    def search(self, batch: Case, done: float) -> Tensor:
        """One forward and one backward pass, to the input alone."""
        case = shrunk(batch, done, self.warmup)
        beyond = case.bounds.widened()
        noisy = case.threat.scaled(self.noise).sample(case.x, beyond, case.draws)
        with attacking(batch):
            slope = look(case, noisy, cross_entropy).grad
        step = case.threat.step(slope, self.rel_step * case.threat.eps, Place(noisy, noisy, beyond))
        return case.bounds.clip(noisy + step)
