"""What a training will ask of the machine: a few steps are measured, the whole is estimated, and nothing is trained."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from statistics import median
from typing import Any

import torch

from brinell.case import is_count
from brinell.defenses.base import Lesson, Recipe
from brinell.defenses.holding import hold_out
from brinell.defenses.lessons import Lessons
from brinell.defenses.meter import Meter, counting_passes
from brinell.defenses.standard import Standard
from brinell.defenses.step import Learner
from brinell.defenses.task import Task, check
from brinell.defenses.workers import Workers
from brinell.errors import InputError
from brinell.models.classifier import Classifier
from brinell.models.state import same_random_state
from brinell.progress import Progress
from brinell.statistics import Interval

_LEAN, _HELPS = 1.1, 0.98  # of a standard step's memory: what saving aims at; of a step's own: what is no saving
_CHECK = 12  # passes that the check of the held-out rows makes at most: clean, FGSM and PGD-10


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """What one recipe costs on one model, one set of rows and one machine.

    pieces: in which a batch is worked on. rows, held_out: to train on and to check on, in an epoch. timed: seconds of
    each step that was measured, reading the rows and the optimiser included. check: seconds for one look at the
    held-out rows, at most.
    peak: bytes by which memory grows at most from before the first of two steps: activations, gradients, the state of
    the optimiser. On a GPU as its allocator counts; on a CPU the tensors that PyTorch's operations make, without what a
    single operation borrows inside. forwards, gradients: passes for each row of a batch. flops: floating-point
    operations for each row, of products and convolutions alone. teacher: the cost of the model that is trained first,
    where the recipe wants one; part of ``seconds``."""

    recipe: Recipe
    epochs: int
    batch: int
    pieces: int
    rows: int
    held_out: int
    timed: tuple[float, ...]
    check: float
    peak: int
    forwards: float
    gradients: float
    flops: float
    device: str
    teacher: "TrainingCost | None" = None

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-self.rows // self.batch)

    @property
    def step(self) -> float:
        """Seconds of a step: the median of those measured."""
        return median(self.timed)

    @property
    def epoch_seconds(self) -> Interval:
        """An epoch, if every step took as long as the quickest and as the slowest of those measured."""
        return Interval(self.steps * min(self.timed), self.steps * max(self.timed) + self.check)

    @property
    def seconds(self) -> Interval:
        """The whole training, from the quickest and the slowest step measured."""
        first = self.teacher.seconds if self.teacher else Interval(0.0, 0.0)
        low, high = self.epoch_seconds
        return Interval(first.low + self.epochs * low, first.high + self.epochs * high)

    def facts(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "recipe": repr(self.recipe), "device": self.device, "epochs": self.epochs, "batch": self.batch,
            "pieces": self.pieces, "rows": self.rows, "held_out": self.held_out, "step_seconds": self.step,
            "steps_measured": len(self.timed), "epoch_seconds": list(self.epoch_seconds),
            "seconds": list(self.seconds), "peak_bytes": self.peak, "forwards": self.forwards,
            "gradients": self.gradients, "flops": self.flops,
        }  # fmt: skip


def measure(task: Task, steps: int, progress: Progress) -> TrainingCost:
    """Take ``steps`` timed steps of a task with a copy of its model, after three to count and to warm up.

    Raises InputError, InputTypeError."""
    if not is_count(steps):
        raise InputError(f"steps is {steps}; it must be a whole number, at least 1.")
    classes, recipe, course = check(task), task.recipe, task.course
    tutor = recipe.teacher()
    taught = None if tutor is None else measure(replace(task, recipe=tutor), steps, progress)
    held = hold_out(task.source, recipe, task.options, course.seed)
    label = f"measuring: {type(recipe).__name__}"
    progress(label, 0, steps)
    with same_random_state(course.seed):
        learner = _learner(task)
        lessons = _lessons(Lessons(task, held.rows, classes, learner.workers), learner)
        pair = [next(lessons)[0] for _ in range(2)]
        with counting_passes(learner.model) as passes:
            peak, flops = _metered(learner, pair)
        learner.step(next(lessons)[0], 0.5)  # a CPU's caches, a GPU's choice of kernels
        timed = []
        for number in range(steps):
            lesson, reading = next(lessons)
            timed.append(reading + _seconds(partial(learner.step, lesson, number / steps), learner.model))
            progress(label, number + 1, steps)
        held_out = len(held.held) if held.held else 0
        look = _check_seconds(next(lessons)[0], held_out) if held_out else 0.0
    seen = sum(map(len, pair))
    return TrainingCost(
        recipe, course.epochs, course.batch, task.options.accumulate, len(held.rows), held_out, tuple(timed), look,
        peak, passes.forwards / seen, passes.gradients / seen, flops / seen, str(learner.model.anchor.device), taught,
    )  # fmt: skip


def least_pieces(task: Task) -> int:
    """The fewest pieces of a batch with which a step holds at most 1.1 times what a standard step does with it whole.

    Where no number of pieces is enough (weights alone may be more), the last that helped. Raises InputError."""
    classes = check(task)
    standard = replace(task, recipe=Standard(), options=replace(task.options, accumulate=1))
    limit, most = _LEAN * _peak(standard, classes), max(1, min(task.course.batch, len(task.source)) // 2)
    pieces, peak = 1, _peak(_in_pieces(task, 1), classes)
    while peak > limit and pieces < most:
        more = min(most, max(pieces + 1, math.ceil(pieces * peak / limit)))
        less = _peak(_in_pieces(task, more), classes)
        if less > _HELPS * peak:
            break
        pieces, peak = more, less
    return pieces


def _in_pieces(task: Task, pieces: int) -> Task:
    return replace(task, options=replace(task.options, accumulate=pieces))


def _peak(task: Task, classes: int) -> int:
    """Bytes that two steps of a task hold at most."""
    with same_random_state(task.course.seed):
        learner = _learner(task)
        lessons = _lessons(Lessons(task, task.source, classes, learner.workers), learner)
        return _metered(learner, [next(lessons)[0] for _ in range(2)])[0]


def _learner(task: Task) -> Learner:
    """One that takes steps which nobody keeps, where the training would take them."""
    workers = Workers()
    student = copy.deepcopy(task.model).to(workers.device(task.model))
    task.recipe.prepare(student, task.course.seed)
    return Learner(student.train(), task.recipe, task.options, task.course.lr, workers)


def _lessons(lessons: Lessons, learner: Learner) -> Iterator[tuple[Lesson, float]]:
    """Batches without end, each with the seconds that reading it took. A teacher knows as little as its pupil."""
    teacher = None
    if learner.recipe.teacher() is not None:
        teacher = copy.deepcopy(learner.model).eval().requires_grad_(False)
    for epoch in count():
        for rows in lessons.batches(epoch):
            began = time.perf_counter()
            lesson = lessons.lesson(rows, epoch, learner.model, teacher)
            yield lesson, time.perf_counter() - began


def _metered(learner: Learner, batches: list[Lesson]) -> tuple[int, int]:
    """Peak bytes and operations of steps from an optimiser that has no state yet."""
    device = learner.model.anchor.device
    before = 0
    if cuda := device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    with Meter() as meter:
        for batch in batches:
            learner.step(batch, 0.5)
    if cuda:
        return torch.cuda.max_memory_allocated(device) - before, meter.flops
    return meter.peak, meter.flops


def _seconds(work: Callable[[], object], model: Classifier) -> float:
    """How long ``work`` takes; a GPU's is done when it says so."""
    device = model.anchor.device
    _wait_for(device)
    began = time.perf_counter()
    work()
    _wait_for(device)
    return time.perf_counter() - began


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _check_seconds(batch: Lesson, held_out: int) -> float:
    """How long a look at the held-out rows takes if all of them stand to the end."""

    def one_gradient() -> None:
        x = batch.x.detach().requires_grad_()
        torch.autograd.grad(batch.model.eval()(x).sum(), x)

    return _CHECK * held_out / len(batch) * _seconds(one_gradient, batch.model)
