"""What a training costs, and how it needs less memory: measured before it begins."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from brinell.case import check_parts
from brinell.data import read
from brinell.defenses import Course, Recipe, Task, Training, TrainingCost, least_pieces, measure, resolved
from brinell.models import Classifier
from brinell.progress import Progress, silent
from brinell.threats import Threat


def training_cost(
    model: Classifier, data: Any, threat: Threat, *, recipe: Recipe, epochs: int | None = None, seed: int = 0,
    batch_size: int | None = None, options: Training | None = None, groups: Mapping[str, Any] | None = None,
    steps: int = 5, progress: Progress = silent,
) -> TrainingCost:  # fmt: skip
    """Measure what ``harden`` with the same arguments will cost: a few steps, on your model, rows and machine.

    Nothing is trained: the steps are taken by a copy of the model. steps: how many are timed; three more come first.
    Returns a TrainingCost: ``.seconds`` of the whole training from the quickest and the slowest step, ``.peak`` in
    bytes, ``.gradients`` for each row of a batch, and more. Raises InputError, InputTypeError."""
    course = Course.of(recipe, epochs, batch_size, None, seed)
    return measure(_task(model, data, threat, recipe, course, options, groups, progress), steps, progress)


def save_memory(
    model: Classifier, data: Any, threat: Threat, *, recipe: Recipe, batch_size: int | None = None, seed: int = 0,
    options: Training | None = None, progress: Progress = silent,
) -> Training:  # fmt: skip
    """The options with which a recipe needs no more memory than standard training: batches in as few pieces as will do.

    Measured by steps of a copy of the model: ``accumulate`` is the least with which a step holds at most 1.1 times what
    a standard step holds with the same batch. Gradients are those of the whole batch, but for BatchNorm, which sees the
    pieces. options: what else is chosen. Use it as ``harden(..., options=save_memory(...))``.
    Raises InputError, InputTypeError."""
    course = Course.of(recipe, None, batch_size, None, seed)
    pieces = least_pieces(_task(model, data, threat, recipe, course, options, None, progress))
    return replace(options or Training(), accumulate=pieces)


def _task(
    model: Classifier, data: Any, threat: Threat, recipe: Recipe, course: Course, options: Training | None,
    groups: Mapping[str, Any] | None, progress: Progress,
) -> Task:  # fmt: skip
    """The training that is asked about."""
    check_parts(model, threat, seed=course.seed)
    source = read(data, groups, progress, frame=model.frame, classes=model.classes)
    return Task(model, source, threat, recipe, course, resolved(options, recipe))
