"""What is to be trained, on what, against whom and how; checked before anything is done."""

import copy
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from brinell.case import Case, check_parts, is_count, make_case
from brinell.data import Source
from brinell.defenses.base import Recipe
from brinell.defenses.log import TrainingLog
from brinell.defenses.options import Training
from brinell.errors import InputError, InputTypeError
from brinell.models.classifier import Classifier
from brinell.models.state import same_random_state
from brinell.models.weights import weights_sha256
from brinell.threats import Threat


class Course(NamedTuple):
    """How long and how fast: resolved from the recipe's own choices and the caller's."""

    epochs: int
    batch: int
    lr: float
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A training that is to be done. The model is left as it is. options: resolved, see ``Training.over``."""

    model: Classifier
    source: Source
    threat: Threat
    recipe: Recipe
    course: Course
    options: Training

    def new_log(self, data_sha256: str = "") -> TrainingLog:
        """The log before the first epoch."""
        recipe, course = self.recipe, self.course
        return TrainingLog(
            recipe=type(recipe).__name__, parameters=parameters_of(recipe), threat=str(self.threat),
            data=self.source.name, n=len(self.source), held_out=0, planned_epochs=course.epochs,
            batch_size=course.batch, lr=course.lr, seed=course.seed, options=self.options.facts(),
            model=weights_sha256(self.model), data_sha256=data_sha256,
        )  # fmt: skip


def parameters_of(recipe: Recipe) -> dict[str, Any]:
    """The parameters of a recipe by name; where one is itself a recipe or an attack, its text."""
    values = {field.name: getattr(recipe, field.name) for field in fields(recipe)}  # type: ignore[arg-type]
    return {name: repr(value) if is_dataclass(value) else value for name, value in values.items()}


def check(task: Task) -> int:
    """How many classes the model has, if all is well. Raises InputError, InputTypeError."""
    model, recipe, course = task.model, task.recipe, task.course
    check_parts(model, task.threat, seed=course.seed)
    if not isinstance(recipe, Recipe):
        raise InputTypeError(f"the recipe is {recipe!r}; pass a recipe such as PGDTraining().")
    if not (is_count(course.epochs) and is_count(course.batch) and 0 < course.lr < float("inf")):
        raise InputError(
            f"epochs is {course.epochs}, batch_size {course.batch} and lr {course.lr}; all must be above 0, epochs and "
            "batch_size whole numbers."
        )
    if not any(p.requires_grad for p in model.parameters()):
        raise InputError("no parameter of the model requires a gradient; thaw some, or there is nothing to train.")
    x, y = task.source.block(slice(0, min(32, len(task.source))))
    with same_random_state(0), torch.inference_mode(False), torch.enable_grad():
        trial = copy.deepcopy(model).eval()
        case = make_case(trial, x, y, task.threat, goal=None, seed=0)
        _check_slopes(case, recipe)
        return int(trial(case.x[:1]).shape[1])


def _check_slopes(case: Case, recipe: Recipe) -> None:
    """Raise InputError where the recipe would have nothing to learn from, or no slope to attack along."""
    name = type(recipe).__name__
    slopes, learns = _slopes(case)
    if not learns:
        raise InputError(
            f"the model's output has no gradient in any of its parameters, so {name} cannot train it; remove what cuts "
            "it in the forward (detach(), no_grad(), numpy, argmax)."
        )
    if not recipe.attacks or slopes:
        return
    with torch.no_grad():  # a last layer of zeros has no slope either, until the first step
        for parameter in case.model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.01)
    if not _slopes(case)[0]:
        raise InputError(
            f"the model's output has no gradient in its input, or it is 0 everywhere, so {name} cannot look for "
            "adversarial examples; remove what cuts it (round(), argmax, detach(), numpy), give that layer a stand-in "
            "with BPDA, or train with Standard()."
        )


def _slopes(case: Case) -> tuple[bool, bool]:
    """Whether the output changes with the input, and with any parameter, as far as gradients tell."""
    x = case.x.detach().clone().requires_grad_()
    logits: Tensor = case.model(x)
    if not logits.requires_grad:
        return False, False
    height = (logits * torch.linspace(1, 2, logits.shape[1]).to(logits)).sum()  # softmax's sum would be flat
    wanted = [x, *(p for p in case.model.parameters() if p.requires_grad)]
    slope, *others = torch.autograd.grad(height, wanted, allow_unused=True)
    return slope is not None and bool(slope.count_nonzero()), any(other is not None for other in others)
