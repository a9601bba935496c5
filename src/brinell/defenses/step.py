"""One step of a training: a batch in, new weights out."""

import hashlib
import math
import random
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from brinell.defenses.averaging import Average
from brinell.defenses.base import Lesson, Recipe
from brinell.defenses.options import Training
from brinell.defenses.workers import Workers, passes
from brinell.models.classifier import Classifier
from brinell.models.slopes import quick_slopes


class Learner:
    """A model and all that changes when it takes a step.

    model: is trained in place, where it is. options: resolved, see ``Training.over``. workers: those who take the same
    step with other rows; by default this process alone or whoever its launcher started."""

    def __init__(
        self, model: Classifier, recipe: Recipe, options: Training, lr: float, workers: Workers | None = None
    ) -> None:
        self.model, self.recipe, self.options = model, recipe, options
        self.workers = workers or Workers()
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = build_optimizer(self.parameters, options, lr)
        self.average = Average(model, options.average) if options.average else None

    @property
    def judged(self) -> Classifier:
        """The model as it is judged and kept: with averaged weights where there are such."""
        return self.average.model if self.average else self.model

    @property
    def finite(self) -> bool:
        """Whether all weights are; those of a training that diverges are not worth keeping."""
        return all(bool(parameter.isfinite().all()) for parameter in self.parameters)

    def set_lr(self, lr: float) -> None:
        """The learning rate of the steps to come."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def step(self, batch: Lesson, done: float, rows: int | None = None) -> float:
        """One step; returns the mean loss over the rows.

        rows: how many rows the batch has with those of all processes. Where the loss is no finite number, the weights
        stay as they are."""
        total = rows or len(batch)
        self.optimizer.zero_grad(set_to_none=True)
        with passes(batch.x.device, self.options.precision), quick_slopes(self.model):
            loss = self._gradients(batch, total, done)
        self._share(loss)
        value = loss.item()
        if math.isfinite(value):
            self.optimizer.step()
            if self.average:
                self.average.update(self.model)
        return value

    def _gradients(self, batch: Lesson, total: int, done: float) -> Tensor:
        """The gradients of all pieces, each counted by its rows, and the loss likewise."""
        parts, before = [], 0
        for piece in _pieces(batch, self.options.accumulate):
            if before and before != len(piece):
                self._scale(before / len(piece))
            parts.append(self.recipe.backward(piece, done).float() * (len(piece) / total))
            before = len(piece)
        if before != total:
            self._scale(before / total)
        return sum(parts[1:], parts[0])

    def _scale(self, factor: float) -> None:
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter.grad.mul_(factor)

    def _share(self, loss: Tensor) -> None:
        """Sum gradients and loss over the processes; running statistics become their mean."""
        if self.workers.count == 1:
            return
        for parameter in self.parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        buffers = [buffer for buffer in self.model.buffers() if buffer.is_floating_point()]
        with torch.no_grad():
            for buffer in buffers:
                buffer.div_(self.workers.count)
            for tensors in _by_dtype([loss, *(p.grad for p in self.parameters if p.grad is not None), *buffers]):
                self.workers.sum_(tensors)


def seed_step(seed: int, *place: int) -> None:
    """Seed what the model itself draws in a step, such as dropout, by where in the training the step stands.

    So a training that is resumed draws what it would have drawn. The caller keeps the global generators."""
    digest = hashlib.blake2b(repr((int(seed), *place)).encode(), digest_size=8).digest()
    drawn = int.from_bytes(digest)
    torch.default_generator.manual_seed(drawn % (1 << 63))
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(drawn % (1 << 63))
    np.random.seed(drawn % (1 << 32))
    random.seed(drawn)


def build_optimizer(parameters: list[nn.Parameter], options: Training, lr: float) -> torch.optim.Optimizer:
    """The optimiser that the options name; on a CPU Adam goes over the weights once a step instead of ten times."""
    decay = options.weight_decay or 0.0
    fused = all(parameter.is_cpu and parameter.is_floating_point() for parameter in parameters) or None
    match options.optimizer:
        case "sgd":
            return torch.optim.SGD(parameters, lr, momentum=options.momentum or 0.0, weight_decay=decay)
        case "adamw":
            return torch.optim.AdamW(parameters, lr, weight_decay=decay, fused=fused)
        case _:
            return torch.optim.Adam(parameters, lr, weight_decay=decay, fused=fused)


def _pieces(batch: Lesson, count: int) -> Iterator[Lesson]:
    """The batch in ``count`` pieces of nearly equal size, of two rows at least: BatchNorm cannot learn from one."""
    count = min(count, max(1, len(batch) // 2))
    if count == 1:
        yield batch
        return
    cuts = np.linspace(0, len(batch), count + 1).round().astype(int).tolist()
    for start, end in pairwise(cuts):
        yield batch.take(slice(start, end))


def _by_dtype(tensors: list[Tensor]) -> list[list[Tensor]]:
    kinds = {tensor.dtype for tensor in tensors}
    return [[tensor for tensor in tensors if tensor.dtype == kind] for kind in sorted(kinds, key=str)]
