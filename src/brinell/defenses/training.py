"""The one training loop of all recipes."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch

from brinell.case import Case, as_inputs, as_labels, check_parts, is_count, make_case
from brinell.data import Source
from brinell.defenses.base import Lesson, Recipe, lesson_of, parameters_of
from brinell.defenses.guard import Guard, hold_out
from brinell.defenses.log import EpochResult, TrainingLog
from brinell.defenses.options import Training
from brinell.defenses.step import Learner, seed_step
from brinell.draws import Draws
from brinell.errors import InputError, InputTypeError
from brinell.goals import Away
from brinell.models.classifier import Classifier
from brinell.models.state import same_random_state
from brinell.progress import Progress
from brinell.threats import Threat

OnEpoch: TypeAlias = Callable[[Classifier, TrainingLog], None]


class Course(NamedTuple):
    """How long and how fast: resolved from the recipe's own choices and the caller's."""

    epochs: int
    batch: int
    lr: float
    seed: int


@dataclass
class _School:
    """A training under way."""

    learner: Learner
    rows: Source
    threat: Threat
    course: Course
    progress: Progress
    classes: int
    teacher: Classifier | None = None

    def train_epoch(self, epoch: int) -> float:
        """One walk over all rows in a new order; returns the mean loss."""
        model, schedule = self.learner.model, self.learner.options.schedule or "constant"
        model.train()
        total, n = 0.0, len(self.rows)
        for step, rows in enumerate(self._order(epoch)):
            done = (epoch + step * self.course.batch / n) / self.course.epochs
            self.learner.set_lr(self.course.lr * _height(done, schedule))
            seed_step(self.course.seed, epoch, step)
            loss = self.learner.step(self._batch(model, rows, epoch), done)
            if not math.isfinite(loss):
                raise InputError(
                    f"the loss became {loss} in epoch {epoch + 1}, step {step + 1}, at learning rate "
                    f"{self.course.lr:g}; lower lr, or check the inputs and their normalisation."
                )
            total += loss * len(rows)
            over = step * self.course.batch + len(rows)
            self.progress("training", epoch * n + over, self.course.epochs * n)
        return total / n

    def _order(self, epoch: int) -> Iterator[np.ndarray[Any, Any]]:
        """All row numbers, shuffled by seed and epoch, batch by batch.

        A row that would be a batch of its own joins the last batch: BatchNorm cannot learn from one row."""
        keys = np.random.PCG64([self.course.seed % (1 << 64), epoch]).random_raw(len(self.rows))
        order = np.argsort(keys, kind="stable")
        size = self.course.batch
        cuts = [cut for cut in range(size, len(order), size) if cut < len(order) - 1 or size == 1]
        yield from np.split(order, cuts)

    def _batch(self, model: Classifier, rows: np.ndarray[Any, Any], epoch: int) -> Lesson:
        x, y = self.rows.block(rows)
        x = as_inputs(model, x) if epoch == 0 else model.bounds.to(x).clip(x.to(model.anchor))
        draws = Draws(self.course.seed, torch.from_numpy(rows).to(x.device), stage=epoch)
        labels = as_labels(y, len(x), x.device)
        wrong = ((labels < 0) | (labels >= self.classes)).nonzero().flatten() if epoch == 0 else labels[:0]
        if len(wrong):
            raise InputError(
                f"label {int(labels[wrong[0]])} of row {rows[int(wrong[0])]} is out of range; the model has classes "
                f"0..{self.classes - 1}."
            )
        case = Case(model, x, labels, self.threat, Away(), draws, model.bounds.to(x), len(x))
        return lesson_of(case, attack_mode=self.learner.options.attack_mode, teacher=self.teacher)


def train(
    model: Classifier, source: Source, threat: Threat, recipe: Recipe, course: Course, progress: Progress,
    on_epoch: OnEpoch | None,
) -> Classifier:  # fmt: skip
    """A trained copy of ``model``, in eval mode, with its ``training_log``; the given one is left as it was.

    Raises InputError on data that do not fit the model and on a loss that is no longer finite."""
    classes = _check(model, source, threat, recipe, course)
    student = copy.deepcopy(model)
    rows, held = hold_out(source, course.seed) if recipe.guarded else (source, None)
    guard = Guard(held, threat, course.seed) if held is not None else None
    learner = Learner(student, recipe, Training().over(recipe), course.lr)
    first = recipe.teacher()
    teacher = train(model, source, threat, first, course, _of_teacher(progress), None) if first else None
    school = _School(learner, rows, threat, course, progress, classes, teacher)
    log = _new_log(source, threat, recipe, course, len(held) if held is not None else 0)
    with same_random_state(course.seed):
        for epoch in range(course.epochs):
            result = EpochResult(epoch=epoch + 1, loss=school.train_epoch(epoch))
            log = _extend(log, guard.look(student, result) if guard else result, guard)
            if on_epoch is not None:
                on_epoch(_finish(student, log, guard), log)
    return _finish(student, log, guard)


def _of_teacher(progress: Progress) -> Progress:
    return lambda label, done, total: progress(f"{label} the teacher", done, total)


def _finish(student: Classifier, log: TrainingLog, guard: Guard | None) -> Classifier:
    """A copy with the best weights so far."""
    graduate = copy.deepcopy(student)
    if guard is not None:
        graduate.load_state_dict(guard.weights)
    for parameter in graduate.parameters():
        parameter.grad = None
    graduate.training_log = log
    return graduate.eval()


def _extend(log: TrainingLog, result: EpochResult, guard: Guard | None) -> TrainingLog:
    best = guard.best.epoch if guard and guard.best else result.epoch
    notes = log.notes + tuple(note for note in (guard.notes if guard else []) if note not in log.notes)
    return log.model_copy(update={"epochs": (*log.epochs, result), "best_epoch": best, "notes": notes})


def _new_log(source: Source, threat: Threat, recipe: Recipe, course: Course, held_out: int) -> TrainingLog:
    small = recipe.guarded and not held_out
    return TrainingLog(
        recipe=type(recipe).__name__, parameters=parameters_of(recipe), threat=str(threat), data=source.name,
        n=len(source), held_out=held_out, planned_epochs=course.epochs, batch_size=course.batch, lr=course.lr,
        seed=course.seed,
        notes=("Too few rows to hold some out: nobody checked for catastrophic overfitting.",) if small else (),
    )  # fmt: skip


def _height(done: float, schedule: str) -> float:
    """The learning rate as a share of its peak."""
    if schedule == "constant":
        return 1.0
    return float(np.interp(done, [0, 0.4, 1], [0, 1, 0]))


def _check(model: Classifier, source: Source, threat: Threat, recipe: Recipe, course: Course) -> int:
    """How many classes the model has, if all is well."""
    check_parts(model, threat, seed=course.seed)
    if not isinstance(recipe, Recipe):
        raise InputTypeError(f"the recipe is {recipe!r}; pass a recipe such as PGDTraining().")
    if not (is_count(course.epochs) and is_count(course.batch) and 0 < course.lr < float("inf")):
        raise InputError(
            f"epochs is {course.epochs}, batch_size {course.batch} and lr {course.lr}; all must be above 0, epochs and "
            "batch_size whole numbers."
        )
    if not any(p.requires_grad for p in model.parameters()):
        raise InputError("no parameter of the model requires a gradient; thaw some, or there is nothing to train.")
    x, y = source.block(slice(0, min(32, len(source))))
    with same_random_state(), torch.no_grad():
        trial = copy.deepcopy(model).eval()
        case = make_case(trial, x, y, threat, goal=None, seed=0)
        return int(trial(case.x[:1]).shape[1])
