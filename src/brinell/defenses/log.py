"""The record of a training."""

from typing import Any

from pydantic import Field

from brinell.facts import Frozen
from brinell.statistics import Rate


class EpochResult(Frozen):
    """One epoch: mean loss, and accuracy on the held-out rows (None where there are none), clean, FGSM and PGD.

    worst, worst_group: accuracy under PGD of the group that has least, where groups decide which epoch is best."""

    epoch: int
    loss: float
    clean: Rate | None = None
    fgsm: Rate | None = None
    pgd: Rate | None = None
    worst: Rate | None = None
    worst_group: str | None = None

    @property
    def score(self) -> float:
        """What the best epoch has most of."""
        deciding = self.worst or self.pgd
        return deciding.value if deciding else 0.0


class TrainingLog(Frozen):
    """Settings and course of a training. ``best_epoch`` (from 1) is the one whose weights were kept.

    model, data_sha256: sha256 of the weights at the start, and of the data where there is a run folder. teacher: the
    epochs of the teacher, of recipes that train one. finished: whether the training came to its end."""

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
    options: dict[str, Any] = Field(default_factory=dict)
    model: str = ""
    data_sha256: str = ""
    device: str = ""
    processes: int = 1
    teacher: tuple[EpochResult, ...] = ()
    epochs: tuple[EpochResult, ...] = ()
    best_epoch: int = 0
    notes: tuple[str, ...] = ()
    finished: bool = False

    @property
    def best(self) -> EpochResult | None:
        """The epoch whose weights were kept."""
        return self.epochs[self.best_epoch - 1] if self.best_epoch else None

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the outcome, as JSON has it."""
        course = {"device", "processes", "teacher", "epochs", "best_epoch", "notes", "finished"}
        return self.model_dump(mode="json", exclude=course)

    def noting(self, *notes: str) -> "TrainingLog":
        """The same log with notes that it has not got yet."""
        return self.model_copy(update={"notes": tuple(dict.fromkeys(self.notes + notes))})
