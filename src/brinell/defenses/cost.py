"""What a training will ask of the machine: a few steps are measured, the whole is estimated, and nothing is trained."""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch

from brinell.case import check_parts, is_count, make_case
from brinell.data import Source
from brinell.defenses.base import Lesson, Recipe, lesson_of
from brinell.defenses.holding import hold_out
from brinell.defenses.meter import Meter, counting_passes
from brinell.defenses.options import Training
from brinell.defenses.step import Learner
from brinell.errors import InputError
from brinell.models.classifier import Classifier
from brinell.models.state import same_random_state
from brinell.progress import Progress
from brinell.statistics import Interval
from brinell.threats import Threat

_CHECK = 12  # passes that the check of the held-out rows makes at most: clean, FGSM and PGD-10


@dataclass(frozen=True, slots=True)
class Ask:
    """Which training is to be measured, and by how many timed ``steps``."""

    epochs: int
    batch: int
    seed: int
    steps: int
    options: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if not all(is_count(number) for number in (self.epochs, self.batch, self.steps)):
            raise InputError(
                f"epochs is {self.epochs}, batch_size {self.batch} and steps {self.steps}; all must be whole numbers, "
                "at least 1."
            )


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """What one recipe costs on one model, one set of rows and one machine.

    rows, held_out: to train on and to check on, in an epoch. timed: seconds of each step that was measured, reading the
    rows and the optimiser included. check: seconds for one look at the held-out rows, at most.
    peak: bytes by which memory grows at most from before the first of two steps: activations, gradients, the state of
    the optimiser. On a GPU as its allocator counts; on a CPU the tensors that PyTorch's operations make, without what a
    single operation borrows inside. forwards, gradients: passes for each row of a batch. flops: floating-point
    operations for each row, of products and convolutions alone. teacher: the cost of the model that is trained first,
    where the recipe wants one; part of ``seconds``."""

    recipe: Recipe
    epochs: int
    batch: int
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
            "rows": self.rows, "held_out": self.held_out, "step_seconds": self.step, "steps_measured": len(self.timed),
            "epoch_seconds": list(self.epoch_seconds), "seconds": list(self.seconds), "peak_bytes": self.peak,
            "forwards": self.forwards, "gradients": self.gradients, "flops": self.flops,
        }  # fmt: skip


def measure(
    model: Classifier, source: Source, threat: Threat, recipe: Recipe, ask: Ask, progress: Progress
) -> TrainingCost:
    """Take timed steps with a copy of ``model``, after three to count and to warm up.

    Raises InputError, InputTypeError."""
    check_parts(model, threat, seed=ask.seed)
    if not any(p.requires_grad for p in model.parameters()):
        raise InputError("no parameter of the model requires a gradient; thaw some, or there is nothing to train.")
    tutor = recipe.teacher()
    taught = None if tutor is None else measure(model, source, threat, tutor, ask, progress)
    kept = hold_out(source, recipe, ask.options.over(recipe), ask.seed)
    rows, held = kept.rows, kept.held
    size, label = min(ask.batch, len(rows)), f"measuring: {type(recipe).__name__}"
    progress(label, 0, ask.steps)
    with same_random_state(ask.seed):
        learner = _learner(model, recipe, ask)
        batches = _batches(learner.model, rows, threat, size, ask.seed)
        if tutor is not None:
            teacher = copy.deepcopy(learner.model).eval().requires_grad_(False)
            batches = ((lesson_of(batch, teacher=teacher), reading) for batch, reading in batches)
        pair = [next(batches)[0] for _ in range(2)]
        with counting_passes(learner.model) as passes:
            peak, flops = _metered(learner, pair)
        learner.step(next(batches)[0], 0.5)  # a CPU's caches, a GPU's choice of kernels
        timed = []
        for number in range(ask.steps):
            batch, reading = next(batches)
            timed.append(reading + _seconds(partial(learner.step, batch, number / ask.steps), learner.model))
            progress(label, number + 1, ask.steps)
        check = _check_seconds(next(batches)[0], len(held)) if held is not None else 0.0
    seen = 2 * size  # rows, while passes and operations were counted
    return TrainingCost(
        recipe, ask.epochs, ask.batch, len(rows), len(held) if held is not None else 0, tuple(timed), check, peak,
        passes.forwards / seen, passes.gradients / seen, flops / seen, str(model.anchor.device), taught,
    )  # fmt: skip


def _learner(model: Classifier, recipe: Recipe, ask: Ask) -> Learner:
    """A copy that takes steps which nobody keeps."""
    student = copy.deepcopy(model)
    recipe.prepare(student, ask.seed)
    return Learner(student.train(), recipe, ask.options.over(recipe), recipe.lr)


def _batches(model: Classifier, rows: Source, threat: Threat, size: int, seed: int) -> Iterator[tuple[Lesson, float]]:
    """Batches without end, each with the seconds that reading it took."""
    start = 0
    while True:
        began = time.perf_counter()
        numbers = np.sort(np.arange(start, start + size) % len(rows))
        x, y = rows.block(numbers)
        x = x.to(model.anchor)
        seconds = time.perf_counter() - began
        model.eval()  # the border looks at a few rows
        case = make_case(model, x, y, threat, goal=None, seed=seed, ids=numbers, batch=size)
        model.train()
        yield lesson_of(case), seconds
        start += size


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
