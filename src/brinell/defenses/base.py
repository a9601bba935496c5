"""What every training recipe is: a frozen value that turns a batch into parameter gradients."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, TypeAlias

import torch.nn.functional as F
from torch import Tensor

from brinell.case import Case
from brinell.errors import InputError
from brinell.models.classifier import Classifier
from brinell.models.state import sloping

Schedule: TypeAlias = Literal["constant", "cyclic", "cosine", "step"]
Optimizer: TypeAlias = Literal["adam", "adamw", "sgd"]
AttackMode: TypeAlias = Literal["eval", "train"]


@dataclass(frozen=True, slots=True)
class Lesson(Case):
    """A case to learn from: rows, and what the caller of ``harden`` wants for every recipe.

    class_weights: (K,), how much a row of each class counts, on average 1 over the data; None: all alike. teacher: the
    model that ``Recipe.teacher`` trained, in eval mode and frozen. attack_mode: of the modules while an attack looks
    for its examples."""

    class_weights: Tensor | None = None
    teacher: Classifier | None = None
    attack_mode: AttackMode = "eval"


def lesson_of(case: Case, **options: Any) -> Lesson:
    """A case as a lesson, with options such as ``teacher=``; a lesson keeps those that it has."""
    return Lesson(**{field.name: getattr(case, field.name) for field in fields(case)} | options)


class Recipe:
    """A way to train. Subclasses are frozen dataclasses; the class says what suits the recipe best.

    epochs, lr, batch: defaults of ``harden``; schedule, optimizer, momentum, weight_decay, average and attack_mode:
    those of ``Training``. guarded: whether a held-out slice is attacked with PGD after every epoch, so that the best
    epoch is kept and catastrophic overfitting noticed. attacks: whether it needs the slope of the loss in the input."""

    __slots__ = ()
    epochs: ClassVar[int]
    lr: ClassVar[float]
    batch: ClassVar[int] = 128
    schedule: ClassVar[Schedule]
    optimizer: ClassVar[Optimizer] = "adam"
    momentum: ClassVar[float] = 0.9
    weight_decay: ClassVar[float] = 0.0
    average: ClassVar[float] = 0.0
    attack_mode: ClassVar[AttackMode] = "eval"
    guarded: ClassVar[bool]
    attacks: ClassVar[bool] = True
    source: ClassVar[str]

    def search(self, batch: Case, done: float) -> Tensor:  # noqa: ARG002 - the same from first to last
        """The inputs to learn from, (N, ...), detached: the clean ones, unless the recipe looks for others."""
        return batch.x

    def learn(self, batch: Case, x_adv: Tensor) -> Tensor:
        """Add the gradients of the loss at ``x_adv`` (N, ...) to those that the parameters have; returns the loss,
        detached. Each row counts as ``mean_loss`` says."""
        return train_on(batch, x_adv)

    def backward(self, batch: Case, done: float) -> Tensor:
        """Search, then learn; a recipe whose halves cannot be told apart overrides this.

        batch: rows with the model in train mode, a ``Lesson`` where ``harden`` calls. done: share of the training that
        is over, in [0, 1). Returns the loss, detached."""
        return self.learn(batch, self.search(batch, done))

    def prepare(self, model: Classifier, seed: int) -> None:
        """Change the copy that is to be trained, in place, once before its first step; or refuse it by InputError."""

    def teacher(self) -> "Recipe | None":
        """How to train a teacher first, on a copy of the same model; the batches then carry it. None: no teacher."""
        return None


def mean_loss(batch: Case, losses: Tensor) -> Tensor:
    """The mean of losses (N,) over the rows of the batch, each as much as its class counts."""
    weights = batch.class_weights if isinstance(batch, Lesson) else None
    return losses.mean() if weights is None else (weights[batch.y] * losses).mean()


def train_on(batch: Case, x: Tensor, weight: float = 1.0) -> Tensor:
    """One forward and one backward pass of the mean cross-entropy at ``x`` (N, ...); returns the loss, detached."""
    return pulled(weight * mean_loss(batch, F.cross_entropy(batch.model(x), batch.y, reduction="none")))


def pulled(loss: Tensor) -> Tensor:
    """Add the gradients of a loss to those that the parameters have; returns it detached, for its graph is spent."""
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()


def shrunk(batch: Case, done: float, warmup: float, rel_eps: float = 1.0) -> Case:
    """The same batch under a threat set whose eps grows in a line, to ``rel_eps`` of its own, until ``warmup`` of the
    training is done."""
    share = rel_eps * min(1.0, (done + 1e-3) / (warmup + 1e-3))
    return batch if share == 1 else replace(batch, threat=batch.threat.scaled(share))


def check_steps(**numbers: float) -> None:
    """Raise InputError unless every number is above 0."""
    for name, value in numbers.items():
        if not 0 < value < float("inf"):
            raise InputError(f"{name} is {value}; it must be above 0.")


def check_share(**numbers: float) -> None:
    """Raise InputError unless every number is within 0..1."""
    for name, value in numbers.items():
        if not 0 <= value <= 1:
            raise InputError(f"{name} is {value}; it is a share of the training: it must be within 0..1.")


@contextmanager
def attacking(batch: Case) -> Iterator[None]:
    """Frozen parameters while the attack looks for its examples, and eval mode, unless the lesson wants train mode;
    all as it was afterwards."""
    with sloping(batch.model):
        if isinstance(batch, Lesson) and batch.attack_mode == "train":
            batch.model.train()
        yield
