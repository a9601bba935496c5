"""Defensive distillation: shown for what it is."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from brinell.case import Case
from brinell.defenses.base import Lesson, Recipe, check_steps, mean_loss, pulled
from brinell.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class DefensiveDistillation(Recipe):
    """A teacher is trained at ``temperature``, then a student on the teacher's probabilities at that temperature.

    Not a defense: to be measured, not used. The student works at temperature 1, where its logits are so large that
    probabilities are 0 or 1 to the last digit and the cross-entropy has no slope: FGSM and PGD on the cross-entropy go
    nowhere, and attacks on the margin of the logits break it (Carlini and Wagner 2016, arXiv:1607.04311).
    Teacher and student start from the same weights. Source: Papernot et al. 2016, arXiv:1511.04508."""

    epochs, lr, schedule, guarded = 10, 1e-3, "constant", False
    attacks, source = False, "arXiv:1511.04508"
    temperature: float = 100.0

    def __post_init__(self) -> None:
        check_steps(temperature=self.temperature)

    def teacher(self) -> Recipe:
        """The first half."""
        return AtTemperature(temperature=self.temperature)

    def learn(self, batch: Case, x_adv: Tensor) -> Tensor:
        """One forward pass of the teacher; one forward and one backward pass."""
        teacher = batch.teacher if isinstance(batch, Lesson) else None
        if teacher is None:
            raise InputError("DefensiveDistillation learns from a teacher; let harden train one.")
        with torch.no_grad():
            wanted = (teacher(x_adv) / self.temperature).softmax(1)
        return _learn_at(self.temperature, batch, x_adv, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtTemperature(Recipe):
    """Standard training with all logits divided by ``temperature``: how the teacher is trained."""

    epochs, lr, schedule, guarded = 10, 1e-3, "constant", False
    attacks, source = False, "arXiv:1511.04508"
    temperature: float

    def learn(self, batch: Case, x_adv: Tensor) -> Tensor:
        """One forward and one backward pass."""
        return _learn_at(self.temperature, batch, x_adv, batch.y)


def _learn_at(temperature: float, batch: Case, x: Tensor, wanted: Tensor) -> Tensor:
    """Learn labels (N,) or probabilities (N, K) with logits divided by the temperature; returns the loss, detached."""
    return pulled(mean_loss(batch, F.cross_entropy(batch.model(x) / temperature, wanted, reduction="none")))
