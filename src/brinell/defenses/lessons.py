"""The rows to learn from, batch by batch, in an order and with changes that are functions of seed and epoch."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brinell.case import Case, as_inputs, as_labels
from brinell.data import Source
from brinell.data.sampling import labels
from brinell.defenses.augmentations import augmented
from brinell.defenses.base import Lesson, lesson_of
from brinell.defenses.task import Task
from brinell.defenses.workers import Workers
from brinell.draws import Draws
from brinell.errors import InputError
from brinell.goals import Away
from brinell.models.classifier import Classifier


class Lessons:
    """The rows of a task that are not held out, shared among the workers.

    classes: how many the model has. Raises InputError where batches are too small to be shared."""

    def __init__(self, task: Task, rows: Source, classes: int, workers: Workers) -> None:
        self.task, self.rows, self.classes, self.workers = task, rows, classes, workers
        self._weights = self._weigh_classes()
        smallest = min(task.course.batch, len(rows))
        if smallest < 2 * workers.count and workers.count > 1:
            raise InputError(
                f"{workers.count} processes cannot share batches of {smallest} rows; pass a batch_size (and rows) of "
                f"at least {2 * workers.count}, or start fewer processes."
            )

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, epoch: int) -> Iterator[np.ndarray[Any, Any]]:
        """All row numbers, shuffled by seed and epoch, batch by batch.

        Where a process would have a single row, the last batch joins the one before: BatchNorm cannot learn from it."""
        keys = np.random.PCG64([self.task.course.seed % (1 << 64), epoch]).random_raw(len(self.rows))
        order = np.argsort(keys, kind="stable")
        size, least = self.task.course.batch, 2 * self.workers.count
        cuts = [cut for cut in range(size, len(order), size) if len(order) - cut >= least or size == 1]
        yield from np.split(order, cuts)

    def lesson(self, batch: np.ndarray[Any, Any], epoch: int, model: Classifier, teacher: Classifier | None) -> Lesson:
        """This process's part of a batch, read, checked in the first epoch, and augmented."""
        rows, options = batch[self.workers.rank :: self.workers.count], self.task.options
        x, y = self.rows.block(rows)
        x = as_inputs(model, x) if epoch == 0 else x.to(model.anchor)
        bounds, truth = model.bounds.to(x), as_labels(y, len(x), x.device)
        if epoch == 0:
            self._check(truth, rows)
        draws = Draws(self.task.course.seed, torch.from_numpy(rows).to(x.device), stage=epoch)
        x = bounds.clip(augmented(x, draws, options.augment))
        case = Case(model, x, truth, self.task.threat, Away(), draws, bounds, len(x))
        weights = None if self._weights is None else self._weights.to(x.device)
        return lesson_of(case, class_weights=weights, teacher=teacher, attack_mode=options.attack_mode)

    def _check(self, y: Tensor, rows: np.ndarray[Any, Any]) -> None:
        wrong = ((y < 0) | (y >= self.classes)).nonzero().flatten()
        if len(wrong):
            raise InputError(
                f"label {int(y[wrong[0]])} of row {rows[int(wrong[0])]} is out of range; the model has classes "
                f"0..{self.classes - 1}."
            )

    def _weigh_classes(self) -> Tensor | None:
        """(K,), on average 1 over the rows."""
        wanted = self.task.options.class_weights
        if wanted is None:
            return None
        if wanted != "balanced" and len(wanted) != self.classes:
            raise InputError(f"class_weights are {len(wanted)} numbers; the model has {self.classes} classes.")
        counts = torch.bincount(labels(self.rows).clamp(0, self.classes - 1), minlength=self.classes)
        weights = 1 / counts.clamp(min=1) if wanted == "balanced" else torch.tensor(wanted)
        return weights / ((weights * counts).sum() / counts.sum())
