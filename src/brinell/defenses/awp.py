"""AWP: learn where the weights, too, are moved against us."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass

import torch
from torch import Tensor
from torch.nn import Parameter

from brinell.case import Case
from brinell.defenses.base import Recipe, check_steps
from brinell.defenses.pgd import PGDTraining
from brinell.errors import InputTypeError
from brinell.models.classifier import Classifier
from brinell.models.state import same_buffers

_PGD = PGDTraining()
_TINY = 1e-12  # a layer without a slope does not move


@dataclass(frozen=True, slots=True)
class AWP(Recipe):
    """Another recipe, whose gradients are taken where its loss is worst within ``gamma`` of the weights.

    ``AWP(TRADES(), gamma=0.005)``: the recipe finds its inputs; the weights of each layer move along their own gradient
    by ``gamma`` times their own norm; the recipe learns there; the weights go back, bit for bit, also after an error.
    Gains and biases (parameters of one axis) stay. BatchNorm's statistics are those of the second pass alone.
    recipe: one that searches and then learns, such as ``PGDTraining()``, ``TRADES()``, ``FastFGSM()``, ``NFGSM()``.
    Source: Wu et al. 2020, arXiv:2004.05884."""

    epochs, lr, batch, schedule, guarded = 30, 5e-3, 64, "cyclic", True
    source = "arXiv:2004.05884"
    recipe: Recipe = _PGD
    _: KW_ONLY
    gamma: float = 0.01

    def __post_init__(self) -> None:
        check_steps(gamma=self.gamma)
        kind = type(self.recipe)
        if not isinstance(self.recipe, Recipe) or kind.search is Recipe.search or kind.backward is not Recipe.backward:
            raise InputTypeError(
                f"recipe is {self.recipe!r}; AWP needs one that searches for inputs and then learns from them, such as "
                "PGDTraining() or TRADES()."
            )

    def prepare(self, model: Classifier, seed: int) -> None:
        """What the inner recipe prepares."""
        self.recipe.prepare(model, seed)

    def search(self, batch: Case, done: float) -> Tensor:
        """What the inner recipe finds."""
        return self.recipe.search(batch, done)

    def learn(self, batch: Case, x_adv: Tensor) -> Tensor:
        """The inner recipe's passes twice: where the weights are, and where they are worst."""
        weights = [weight for weight in batch.model.parameters() if weight.requires_grad and weight.dim() > 1]
        with _moved(weights, self._worst(batch, x_adv, weights)):
            return self.recipe.learn(batch, x_adv)

    def _worst(self, batch: Case, x_adv: Tensor, weights: Sequence[Parameter]) -> list[Tensor]:
        """How far each of the weights goes: along the slope of the loss, ``gamma`` times its own norm."""
        with same_buffers(batch.model), _without_gradients(batch.model):
            self.recipe.learn(batch, x_adv)
            slopes = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
        return [
            slope * (self.gamma * weight.detach().norm() / (slope.norm() + _TINY))
            for weight, slope in zip(weights, slopes, strict=True)
        ]


@contextmanager
def _moved(weights: Sequence[Parameter], moves: Sequence[Tensor]) -> Iterator[None]:
    """Weights moved inside, and bit for bit as they were afterwards."""
    before = [weight.detach().clone() for weight in weights]
    try:
        with torch.no_grad():
            for weight, move in zip(weights, moves, strict=True):
                weight.add_(move)
        yield
    finally:
        with torch.no_grad():
            for weight, value in zip(weights, before, strict=True):
                weight.copy_(value)


@contextmanager
def _without_gradients(model: Classifier) -> Iterator[None]:
    """No parameter has a gradient at first; afterwards each has its own again."""
    kept = [(parameter, parameter.grad) for parameter in model.parameters()]
    for parameter, _ in kept:
        parameter.grad = None
    try:
        yield
    finally:
        for parameter, grad in kept:
            parameter.grad = grad
