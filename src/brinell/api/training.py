"""The verbs that train: harden, what it will cost, and how it needs less memory."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from brinell.api.reading import read_for
from brinell.defenses import (
    Course,
    OnEpoch,
    Recipe,
    Task,
    Training,
    TrainingCost,
    TrainingFolder,
    least_pieces,
    measure,
    train,
)
from brinell.errors import InputError, InputTypeError
from brinell.models import Classifier
from brinell.progress import Progress, silent
from brinell.threats import Threat


def harden(
    model: Classifier, data: Any, threat: Threat, *, recipe: Recipe, epochs: int | None = None, seed: int = 0,
    batch_size: int | None = None, lr: float | None = None, options: Training | None = None,
    groups: Mapping[str, Any] | None = None, out: str | Path | None = None, resume: bool = False,
    progress: Progress = silent, on_epoch: OnEpoch | None = None,
) -> Classifier:  # fmt: skip
    """Train a copy of ``model`` with a recipe; the given one is left as it was.

    data: as for ``audit``; never the rows that you will judge it on. recipe: such as ``PGDTraining()``.
    epochs, batch_size, lr: the recipe's own choice by default.
    options: weight averaging, early stopping, optimiser, schedule, augmentation and more, see ``Training``; groups:
    attributes of the rows, each (N,), for those that name a column.
    out: a folder for the best weights (``weights.safetensors``), the log (``training.json``) and a checkpoint, all
    written whole at every epoch and every minute. resume: go on with what lies there; on a CPU with the same weights in
    the end, bit for bit, as if nothing had stopped it. Another model, recipe, threat, seed, choice or other data are
    refused.
    on_epoch: called with the best model so far and its log after every epoch.
    Several processes that a launcher started (``torchrun``, ``accelerate launch``) share every batch; each returns the
    same model. On a machine with a GPU a model on the CPU is trained there; ``ACCELERATE_USE_CPU=1`` prevents it.
    Returns a new Classifier in eval mode; its ``training_log`` has the settings, every epoch and notes in words.
    The model starts from the weights that it has. Same seed, same weights, on one machine.
    Raises InputError, InputTypeError, OutputExistsError; also where the loss is no longer finite."""
    course, chosen = _course(recipe, epochs, batch_size, lr, seed), _options(recipe, options)
    if resume and out is None:
        raise InputError("resume needs the run folder: pass out=...")
    task = Task(model, read_for(model, data, groups, progress), threat, recipe, course, chosen)
    return train(task, progress, on_epoch, None if out is None else TrainingFolder(out), resume)


def training_cost(
    model: Classifier, data: Any, threat: Threat, *, recipe: Recipe, epochs: int | None = None, seed: int = 0,
    batch_size: int | None = None, options: Training | None = None, groups: Mapping[str, Any] | None = None,
    steps: int = 5, progress: Progress = silent,
) -> TrainingCost:  # fmt: skip
    """Measure what ``harden`` with the same arguments will cost: a few steps, on your model, rows and machine.

    Nothing is trained: the steps are taken by a copy of the model. steps: how many are timed; three more come first.
    Returns a TrainingCost: ``.seconds`` of the whole training from the quickest and the slowest step, ``.peak`` in
    bytes, ``.gradients`` for each row of a batch, and more. Raises InputError, InputTypeError."""
    course, chosen = _course(recipe, epochs, batch_size, None, seed), _options(recipe, options)
    task = Task(model, read_for(model, data, groups, progress), threat, recipe, course, chosen)
    return measure(task, steps, progress)


def save_memory(
    model: Classifier, data: Any, threat: Threat, *, recipe: Recipe, batch_size: int | None = None, seed: int = 0,
    options: Training | None = None, progress: Progress = silent,
) -> Training:  # fmt: skip
    """The options with which a recipe needs no more memory than standard training: batches in as few pieces as will do.

    Measured by steps of a copy of the model: ``accumulate`` is the least with which a step holds at most 1.1 times what
    a standard step holds with the same batch. Gradients are those of the whole batch, but for BatchNorm, which sees the
    pieces. options: what else is chosen. Use it as ``harden(..., options=save_memory(...))``.
    Raises InputError, InputTypeError."""
    course, chosen = _course(recipe, None, batch_size, None, seed), _options(recipe, options)
    task = Task(model, read_for(model, data, None, progress), threat, recipe, course, chosen)
    return replace(options or Training(), accumulate=least_pieces(task))


def _course(recipe: object, epochs: int | None, batch: int | None, lr: float | None, seed: int) -> Course:
    """What the caller chose, and the recipe's own choice of the rest."""
    if not isinstance(recipe, Recipe):
        raise InputTypeError(f"the recipe is {recipe!r}; pass a recipe such as PGDTraining().")
    return Course(
        recipe.epochs if epochs is None else epochs, recipe.batch if batch is None else batch,
        recipe.lr if lr is None else lr, seed,
    )  # fmt: skip


def _options(recipe: Recipe, options: object) -> Training:
    if not isinstance(options, Training | None):
        raise InputTypeError(f"options is {options!r}; pass Training(...), such as Training(average=0.999).")
    return (options or Training()).over(recipe)
