"""The one training loop of all recipes."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from brinell.data import fingerprint
from brinell.defenses.base import Recipe
from brinell.defenses.checkpoint import Checkpoint, Place, pack, unpack
from brinell.defenses.folder import TrainingFolder
from brinell.defenses.guard import Guard
from brinell.defenses.holding import Held, hold_out
from brinell.defenses.lessons import Lessons
from brinell.defenses.log import EpochResult, TrainingLog
from brinell.defenses.schedules import height
from brinell.defenses.step import Learner, seed_step
from brinell.defenses.task import Task, check
from brinell.defenses.workers import Workers
from brinell.errors import InputError
from brinell.models.classifier import Classifier
from brinell.models.state import same_random_state
from brinell.progress import Progress, silent

OnEpoch: TypeAlias = Callable[[Classifier, TrainingLog], None]
_PHASES = ("teacher", "student")


def train(
    task: Task, progress: Progress = silent, on_epoch: OnEpoch | None = None, folder: TrainingFolder | None = None,
    resume: bool = False,
) -> Classifier:  # fmt: skip
    """A trained copy of the task's model, in eval mode, with its ``training_log``; the given one is left as it was.

    folder: where the best model, the log and checkpoints go; with ``resume`` a training goes on from there.
    Raises InputError on data that do not fit the model, on a loss that is no longer finite, and on a folder of another
    training."""
    classes = check(task)
    held = hold_out(task.source, task.recipe, task.options, task.course.seed)
    log = task.new_log(fingerprint(task.source) if folder else "").noting(*held.notes)
    log = log.model_copy(update={"held_out": len(held.held) if held.held else 0})
    found = folder.open(log, resume) if folder else None
    if folder and isinstance(found, TrainingLog):
        return folder.graduate(task.model, found)
    workers = Workers()
    workers.wait()  # all have looked into the folder before one writes
    with same_random_state(task.course.seed):
        lessons = Lessons(task, held.rows, classes, workers)
        school = _School(task, held, log, lessons, _Audience(progress, on_epoch, folder))
        graduate = school.run(found if isinstance(found, Checkpoint) else None)
    workers.wait()
    return graduate


class _Audience(NamedTuple):
    """Who is told how it goes, and where it is written."""

    progress: Progress
    on_epoch: OnEpoch | None
    folder: TrainingFolder | None


@dataclass
class _Phase:
    """One walk of epochs: who learns, and from whom."""

    name: str
    learner: Learner
    teacher: Classifier | None = None

    @property
    def number(self) -> int:
        return _PHASES.index(self.name)


class _School:
    """A training under way."""

    def __init__(self, task: Task, held: Held, log: TrainingLog, lessons: Lessons, audience: _Audience) -> None:
        self.task, self.lessons, self.workers = task, lessons, lessons.workers
        self.progress = audience.progress if self.workers.leads else silent
        self.on_epoch = audience.on_epoch if self.workers.leads else None
        self.folder = audience.folder
        self.device = self.workers.device(task.model)
        self.log = log.model_copy(update={"device": str(self.device), "processes": self.workers.count})
        self.guard = Guard(held.held, task.threat, task.course.seed, held.groups, self.workers) if held.held else None
        self.saved = time.monotonic()

    def run(self, found: Checkpoint | None) -> Classifier:
        """All phases, from the beginning or from a checkpoint."""
        teacher = None
        if (recipe := self.task.recipe.teacher()) is not None:
            teacher, found = self._teacher(recipe, found)
        student = _Phase("student", self._learner(self.task.recipe), teacher)
        self._walk(student, found)
        self.log = self.log.model_copy(update={"finished": True})
        graduate = self._finish(student.learner.judged)
        if self.folder and self.workers.leads:
            self.folder.keep(graduate, self.log)
            self.folder.close()
        return graduate

    def _teacher(self, recipe: Recipe, found: Checkpoint | None) -> tuple[Classifier, Checkpoint | None]:
        """The trained teacher, and the checkpoint if it lies beyond."""
        phase = _Phase("teacher", self._learner(recipe))
        teacher = phase.learner.judged
        if found and found.place.phase == "student":
            teacher.load_state_dict(found.part("teacher"), strict=False)
        else:
            self._walk(phase, found)
            found = None
        return teacher.eval().requires_grad_(False), found

    def _learner(self, recipe: Recipe) -> Learner:
        """A copy of the given model that is ready to learn."""
        model = copy.deepcopy(self.task.model).to(self.device)
        seed_step(self.task.course.seed)
        recipe.prepare(model, self.task.course.seed)
        self.workers.agree(model)
        return Learner(model, recipe, self.task.options, self.task.course.lr, self.workers)

    def _walk(self, phase: _Phase, found: Checkpoint | None) -> None:
        """All epochs of a phase that are still to come."""
        place = Place(phase.name)
        if found:
            unpack(phase.learner, found)
            place, self.log = found.place, found.log
            if self.guard:
                self.guard.weights = {name: value.to(self.device) for name, value in found.part("best").items()}
        while place.epoch < self.task.course.epochs and not self._weary():
            loss = self._epoch(phase, place)
            place = Place(phase.name, place.epoch + 1)
            self._end_epoch(phase, EpochResult(epoch=place.epoch, loss=loss))
            self._save(phase, place)
            if phase.name == "student":
                self._show(phase.learner.judged)

    def _epoch(self, phase: _Phase, place: Place) -> float:
        """One walk over all rows in a new order, from a place in it; returns the mean loss."""
        task, learner, n, total = self.task, phase.learner, len(self.lessons), place.total
        learner.model.train()
        for step, rows in enumerate(self.lessons.batches(place.epoch)):
            if step < place.step:
                continue
            done = (place.epoch + step * task.course.batch / n) / task.course.epochs
            learner.set_lr(task.course.lr * height(done, task.options.schedule or "constant"))
            seed_step(task.course.seed, phase.number, place.epoch, step, self.workers.rank)
            lesson = self.lessons.lesson(rows, place.epoch, learner.model, phase.teacher)
            loss = learner.step(lesson, done, len(rows))
            if not math.isfinite(loss):
                raise InputError(self._diverged(loss, place.epoch, step))
            total += loss * len(rows)
            over = place.epoch * n + step * task.course.batch + len(rows)
            self.progress("training" + " the teacher" * (phase.name == "teacher"), over, task.course.epochs * n)
            if self.folder and time.monotonic() - self.saved >= task.options.checkpoint:
                self._save(phase, replace(place, step=step + 1, total=total))
        return total / n

    def _end_epoch(self, phase: _Phase, result: EpochResult) -> None:
        """Put an epoch into the log, judged where it is watched."""
        if phase.name == "teacher":
            self.log = self.log.model_copy(update={"teacher": (*self.log.teacher, result)})
        elif self.guard:
            self.log = self.guard.look(phase.learner.judged, self.log, result)
            if self._weary():
                self.log = self.log.noting(
                    f"Stopped after epoch {result.epoch}: {self.task.options.patience} without a better one."
                )
        else:
            self.log = self.log.model_copy(update={"epochs": (*self.log.epochs, result), "best_epoch": result.epoch})

    def _weary(self) -> bool:
        """Whether so many epochs were no better than an earlier one that the training ends."""
        scores = [epoch.score for epoch in self.log.epochs]
        patience = self.task.options.patience
        return bool(patience and scores) and len(scores) - 1 - scores.index(max(scores)) >= (patience or 0)

    def _save(self, phase: _Phase, place: Place) -> None:
        """Write a checkpoint, unless the weights are no numbers any more."""
        if self.folder and self.workers.leads and phase.learner.finite:
            checkpoint = Checkpoint(place, self.log)
            pack(phase.learner, checkpoint)
            checkpoint.put("best", self.guard.weights if self.guard else {})
            checkpoint.put("teacher", phase.teacher.state_dict() if phase.teacher else {})
            self.folder.save(checkpoint)
        self.saved = time.monotonic()

    def _show(self, judged: Classifier) -> None:
        """Hand the best model so far to those who wait for it."""
        writes = self.folder if self.workers.leads else None
        if writes or self.on_epoch:
            model = self._finish(judged)
            if writes:
                writes.keep(model, self.log)
            if self.on_epoch:
                self.on_epoch(model, self.log)

    def _finish(self, judged: Classifier) -> Classifier:
        """A copy with the best weights so far, where the given model is."""
        graduate = copy.deepcopy(judged)
        if self.guard and self.guard.weights:
            graduate.load_state_dict(self.guard.weights)
        for parameter in graduate.parameters():
            parameter.grad = None
        graduate.training_log = self.log
        return graduate.to(self.task.model.anchor.device).eval()

    def _diverged(self, loss: float, epoch: int, step: int) -> str:
        best, kept = self.log.best_epoch, "No epoch was finished, so nothing is kept."
        if best:
            place = f"is kept in {self.folder.weights}" if self.folder else "would be kept with out=FOLDER"
            kept = f"The best epoch, {best}, {place}."
        return (
            f"the loss became {loss} in epoch {epoch + 1}, step {step + 1}, at learning rate "
            f"{self.task.course.lr:g}; lower lr, or check the inputs and their normalisation. {kept}"
        )
