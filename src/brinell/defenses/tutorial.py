"""The usual tutorial's adversarial training: clean loss plus FGSM loss."""

from dataclasses import dataclass

import torch
from torch import Tensor

from brinell.attacks.loop import move
from brinell.case import Case
from brinell.defenses.base import Recipe, check_steps, train_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Tutorial(Recipe):
    """``clean_weight * loss(x) + adversarial_weight * loss(FGSM(x))``, as adversarial training is usually taught.

    Not a defense: the network learns to answer FGSM and falls to PGD. The FGSM step is taken in train mode, since one
    backward pass through the clean loss gives the parameter gradients and the input gradient at once; the second
    pass needs its own graph only.
    Source: Goodfellow et al. 2015, arXiv:1412.6572, section 6."""

    epochs, lr, batch, schedule, guarded = 5, 1e-3, 64, "constant", False
    source = "arXiv:1412.6572"
    clean_weight: float = 0.5
    adversarial_weight: float = 0.5

    def __post_init__(self) -> None:
        check_steps(clean_weight=self.clean_weight, adversarial_weight=self.adversarial_weight)

    def backward(self, batch: Case, done: float) -> Tensor:  # noqa: ARG002 - the same from first to last
        """Two forward and two backward passes, one graph at a time."""
        loss, x_adv = self._clean_pass(batch)
        return loss + train_on(batch, x_adv, self.adversarial_weight)

    def _clean_pass(self, batch: Case) -> tuple[Tensor, Tensor]:
        """The clean loss, detached, and the FGSM inputs; all else of it is gone when the next pass begins."""
        x = batch.x.detach().requires_grad_()
        loss = train_on(batch, x, self.clean_weight)
        assert x.grad is not None
        with torch.no_grad():
            return loss, move(batch, batch.x, x.grad, share=1.0)
