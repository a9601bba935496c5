"""What a training will ask of the machine: a few steps are measured, the whole is estimated, and nothing is trained."""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch

from brinell.case import Case, check_parts, is_count, make_case
from brinell.data import Source
from brinell.defenses.base import Recipe
from brinell.defenses.guard import hold_out
from brinell.defenses.meter import Meter, counting_passes
from brinell.defenses.training import Course
from brinell.errors import InputError
from brinell.models.classifier import Classifier
from brinell.models.state import same_random_state
from brinell.progress import Progress
from brinell.statistics import Interval
from brinell.threats import Threat

_CHECK = 12  # passes that the check of the held-out rows makes at most: clean, FGSM and PGD-10


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """What one recipe costs on one model, one set of rows and one machine.

    rows, held_out: to train on and to check on, in an epoch. timed: seconds of each step that was measured, reading the
    rows and the optimiser included. check: seconds for one look at the held-out rows, at most.
    peak: bytes by which memory grows at most from before the first of two steps: activations, gradients, the state of
    the optimiser. On a GPU as its allocator counts; on a CPU the tensors that PyTorch's operations make, without what a
    single operation borrows inside. forwards, gradients: passes for each row of a batch. flops: floating-point
    operations of a step, of products and convolutions alone."""

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
    flops: int
    device: str

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
        low, high = self.epoch_seconds
        return Interval(self.epochs * low, self.epochs * high)

    def facts(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "recipe": repr(self.recipe), "device": self.device, "epochs": self.epochs, "batch": self.batch,
            "rows": self.rows, "held_out": self.held_out, "step_seconds": self.step, "steps_measured": len(self.timed),
            "epoch_seconds": list(self.epoch_seconds), "seconds": list(self.seconds), "peak_bytes": self.peak,
            "forwards": self.forwards, "gradients": self.gradients, "flops": self.flops,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Trial:
    """A copy of the model that takes steps which nobody keeps."""

    model: Classifier
    rows: Source
    threat: Threat
    recipe: Recipe
    course: Course
    optimizer: torch.optim.Optimizer

    def cases(self) -> Iterator[tuple[Case, float]]:
        """Batches without end, each with the seconds that reading it took."""
        start, size = 0, min(self.course.batch, len(self.rows))
        while True:
            began = time.perf_counter()
            numbers = np.arange(start, start + size) % len(self.rows)
            x, y = self.rows.block(np.sort(numbers))
            x = x.to(self.model.anchor)
            seconds = time.perf_counter() - began
            self.model.eval()  # the border looks at a few rows
            case = make_case(self.model, x, y, self.threat, goal=None, seed=self.course.seed, ids=numbers, batch=size)
            self.model.train()
            yield case, seconds
            start += size

    def step(self, case: Case, done: float) -> None:
        """One step, as the training makes it."""
        self.optimizer.zero_grad(set_to_none=True)
        self.recipe.backward(case, done)
        self.optimizer.step()


def measure(
    model: Classifier, source: Source, threat: Threat, recipe: Recipe, course: Course, steps: int, progress: Progress
) -> TrainingCost:
    """Take ``steps`` timed steps with a copy of ``model``, after three to count and to warm up.

    Raises InputError."""
    _check(model, threat, course, steps)
    rows, held = hold_out(source, course.seed) if recipe.guarded else (source, None)
    student = copy.deepcopy(model).train()
    label = f"measuring: {type(recipe).__name__}"
    with same_random_state(course.seed):
        optimizer = torch.optim.Adam([p for p in student.parameters() if p.requires_grad], lr=course.lr)
        trial = _Trial(student, rows, threat, recipe, course, optimizer)
        batches = trial.cases()
        progress(label, 0, steps)
        size = min(course.batch, len(rows))
        pair = [next(batches)[0] for _ in range(2)]
        with counting_passes(student) as passes:
            peak, flops = _metered(trial, pair)
        timed = []
        trial.step(next(batches)[0], 0.5)  # a CPU's caches, a GPU's choice of kernels
        for number in range(steps):
            case, reading = next(batches)
            timed.append(reading + _seconds(partial(trial.step, case, number / steps), student))
            progress(label, number + 1, steps)
        check = _check_seconds(next(batches)[0], len(held)) if held is not None else 0.0
    return TrainingCost(
        recipe, course.epochs, course.batch, len(rows), len(held) if held is not None else 0, tuple(timed), check, peak,
        passes.forwards / (2 * size), passes.gradients / (2 * size), flops // 2, str(student.anchor.device),
    )  # fmt: skip


def _metered(trial: _Trial, cases: list[Case]) -> tuple[int, int]:
    """Peak bytes and operations of steps from an optimiser that has no state yet."""
    device = trial.model.anchor.device
    if cuda := device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    with Meter() as meter:
        for case in cases:
            trial.step(case, 0.5)
    if cuda:
        return torch.cuda.max_memory_allocated(device) - before, meter.flops
    return meter.peak, meter.flops


def _seconds(work: Any, model: Classifier) -> float:
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


def _check_seconds(case: Case, held_out: int) -> float:
    """How long a look at the held-out rows takes if all of them stand to the end."""

    def one_gradient() -> None:
        x = case.x.detach().requires_grad_()
        torch.autograd.grad(case.model.eval()(x).sum(), x)

    return _CHECK * held_out / len(case) * _seconds(one_gradient, case.model)


def _check(model: Classifier, threat: Threat, course: Course, steps: int) -> None:
    check_parts(model, threat, seed=course.seed)
    if not all(is_count(number) for number in (course.epochs, course.batch, steps)):
        raise InputError(
            f"epochs is {course.epochs}, batch_size {course.batch} and steps {steps}; all must be whole numbers, at "
            "least 1."
        )
    if not any(p.requires_grad for p in model.parameters()):
        raise InputError("no parameter of the model requires a gradient; thaw some, or there is nothing to train.")
