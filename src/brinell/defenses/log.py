"""The record of a training."""

from typing import Any

from brinell.facts import Frozen
from brinell.statistics import Rate


class EpochResult(Frozen):
    """One epoch: mean loss, and accuracy on the held-out rows (None where there are none), clean, FGSM and PGD."""

    epoch: int
    loss: float
    clean: Rate | None = None
    fgsm: Rate | None = None
    pgd: Rate | None = None


class TrainingLog(Frozen):
    """Settings and course of a training. ``best_epoch`` (from 1) is the one whose weights were kept."""

    recipe: str
    parameters: dict[str, Any]
    threat: str
    data: str
    n: int
    held_out: int
    planned_epochs: int
    batch_size: int
    lr: float
    seed: int
    epochs: tuple[EpochResult, ...] = ()
    best_epoch: int = 0
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> EpochResult | None:
        """The epoch whose weights were kept."""
        return self.epochs[self.best_epoch - 1] if self.best_epoch else None
