"""What every training recipe is: a frozen value that turns a batch into parameter gradients."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor

from brinell.case import Case
from brinell.errors import InputError
from brinell.models.classifier import Classifier
from brinell.models.state import sloping


class Recipe(ABC):
    """A way to train. Subclasses are frozen dataclasses; the class says what suits the recipe best.

    epochs, lr, batch: defaults of ``harden``. schedule: "constant", or "cyclic" (up to ``lr`` over the first two
    fifths of the training and down to 0). guarded: whether a held-out slice is attacked with PGD after every epoch,
    so that the best epoch is kept and catastrophic overfitting noticed."""

    __slots__ = ()
    epochs: ClassVar[int]
    lr: ClassVar[float]
    batch: ClassVar[int] = 128
    schedule: ClassVar[Literal["constant", "cyclic"]]
    guarded: ClassVar[bool]
    source: ClassVar[str]

    @abstractmethod
    def backward(self, batch: Case, done: float) -> Tensor:
        """Add the gradients of the batch's loss to the parameters; returns the loss, detached.

        batch: rows with the model in train mode. done: share of the training that is over, in [0, 1)."""


def train_on(model: Classifier, x: Tensor, y: Tensor, weight: float = 1.0) -> Tensor:
    """One forward and one backward pass of the mean cross-entropy; returns the loss, detached."""
    loss = weight * F.cross_entropy(model(x), y)
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()


def shrunk(batch: Case, done: float, warmup: float) -> Case:
    """The same batch under a threat set whose eps grows in a line until ``warmup`` of the training is done."""
    if done >= warmup:
        return batch
    return replace(batch, threat=batch.threat.scaled((done + 1e-3) / (warmup + 1e-3)))


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
def attacking(model: Classifier) -> Iterator[None]:
    """Eval mode and frozen parameters while the attack looks for its examples; all as it was afterwards."""
    with sloping(model):
        yield
