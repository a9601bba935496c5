"""A case: everything that an attack and the judge need to know about the rows at hand, checked once at the border."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Self

import torch
from torch import Tensor

from brinell.bounds import Bounds
from brinell.draws import Draws
from brinell.errors import InputError, InputTypeError
from brinell.goals import Away, Goal, Unnoticed
from brinell.models.classifier import Classifier
from brinell.rows import flat
from brinell.threats.base import Threat


def never(more: float) -> bool:  # noqa: ARG001
    """There is no limit: the default."""
    return False


def still(steps: int) -> None:
    """Nobody is told of steps: the default."""


@dataclass(frozen=True, slots=True)
class Case:
    """Rows under attack: ``x`` (N, ...) in the bounds, ``y`` (N,) the truth, both on the model's device."""

    model: Classifier
    x: Tensor
    y: Tensor
    threat: Threat
    goal: Goal
    draws: Draws
    bounds: Bounds
    batch: int
    tick: Callable[[int], None] = still  # called with the number of steps that the rows have just taken
    enough: Callable[[float], bool] = never  # whether the budget forbids to spend so many more gradients on these rows
    known: Tensor | None = None  # (N, ...) in the set: the best point that earlier attacks found for each row

    def __len__(self) -> int:
        return len(self.x)

    def logits(self, x_adv: Tensor) -> Tensor:
        """What the model says, (N, K), of points (N, ...) as they are handed in (see ``Threat.settle``)."""
        logits: Tensor = self.model(self.settled(x_adv))
        return logits

    def settled(self, x_adv: Tensor) -> Tensor:
        """The points that are handed in for ``x_adv`` (N, ...)."""
        return self.threat.settle(x_adv, self.x, self.bounds)

    def take(self, rows: Tensor | slice) -> Self:
        """The same case for the chosen rows, in the order given."""
        known = None if self.known is None else self.known[rows]
        return replace(
            self, x=self.x[rows], y=self.y[rows], goal=self.goal.take(rows), draws=self.draws.take(rows), known=known
        )  # fmt: skip

    def after(self, known: Tensor) -> "Case":
        """The same case for an attack that goes on from points (N, ...) in the set."""
        return replace(self, known=known)

    def having_spent(self, gradients: float) -> "Case":
        """The same case where so much of what the budget allows for these rows is gone."""
        if self.enough is never:
            return self
        return replace(self, enough=lambda more: self.enough(gradients + more))

    def at(self, *, stage: int | None = None, restart: int | Tensor | None = None) -> "Case":
        """The same case with the draws of another stage or restart (one for all rows, or (N,) int64)."""
        stage = self.draws.stage if stage is None else stage
        restart = self.draws.restart if restart is None else restart
        return replace(self, draws=replace(self.draws, stage=stage, restart=restart))


def fitting(goal: Goal | None, model: Classifier) -> Goal:
    """The goal, any wrong label unless given; unnoticed, where the model turns inputs away."""
    goal = goal or Away()
    return Unnoticed(goal) if model.rejects and not isinstance(goal, Unnoticed) else goal


def as_inputs(model: Classifier, x: Any) -> Tensor:
    """``x`` as a float tensor on the model's device, clipped to its bounds. Raises InputError, InputTypeError."""
    try:
        x = torch.as_tensor(x)
    except (TypeError, ValueError, RuntimeError) as problem:
        raise InputTypeError(f"x is {type(x).__name__}; pass a tensor or a numpy array (N, ...).") from problem
    anchor = model.anchor
    if x.is_complex():
        raise InputTypeError(f"x is {x.dtype}; pass real numbers.")
    if x.dim() < 2 or not len(x) or not x[0].numel():
        raise InputError(f"x has shape {tuple(x.shape)}; pass at least one row, with the rows along axis 0: (N, ...).")
    x = x.detach().to(anchor.device if anchor.numel() or _placed(model) else x.device, anchor.dtype)
    bad = ~flat(x).isfinite().all(1)
    if bad.any():
        raise InputError(f"x holds NaN or infinity, first in row {int(bad.nonzero()[0])}; mend or drop such rows.")
    return model.bounds.to(x).check(x)


def _placed(model: Classifier) -> bool:
    return any(True for _ in model.net.parameters()) or any(True for _ in model.net.buffers())


def as_labels(y: Any, n: int, device: torch.device, name: str = "labels") -> Tensor:
    """``y`` as int64 (N,) on ``device``. Raises InputError, InputTypeError, which call them ``name``."""
    try:
        y = torch.as_tensor(y)
    except (TypeError, ValueError, RuntimeError) as problem:
        raise InputTypeError(
            f"{name} are {type(y).__name__}; pass a tensor or a numpy array of integers (N,)."
        ) from problem
    if y.is_floating_point() or y.is_complex():
        raise InputTypeError(f"{name} are {y.dtype}; pass integers, such as y.long().")
    if y.shape != (n,):
        hint = " One-hot rows become labels with y.argmax(1)." if y.dim() == 2 else ""
        raise InputError(f"{name} have shape {tuple(y.shape)} for {n} rows of x; pass one for each row, (N,).{hint}")
    labels: Tensor = y.to(device, torch.int64)
    return labels


def check_logits(logits: Tensor, y: Tensor, model: Classifier) -> None:
    """Raise InputError where clean logits (N, K) are NaN, are probabilities, or have no place for a label."""
    bad = ~logits.isfinite().all(1)
    if bad.any():
        raise InputError(
            f"the model returns NaN or infinity on {int(bad.sum())} of {len(logits)} clean rows, first on row "
            f"{int(bad.nonzero()[0])}; check its weights and its normalisation."
        )
    if _are_probabilities(logits, model):
        raise InputError(
            f"the model returns probabilities (every output is within 0..1, such as {logits[0, -1].item():.4g}); "
            "attacks need logits. Remove the final softmax or sigmoid, or return its input."
        )
    classes = logits.shape[1] - model.rejects
    wrong = (y < 0) | (y >= classes)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise InputError(f"label {int(y[row])} of row {row} is out of range; the model has classes 0..{classes - 1}.")


def _are_probabilities(logits: Tensor, model: Classifier) -> bool:
    """Rows of several outputs that sum to 1; or one output in 0..1 from a network that ends in a sigmoid."""
    if logits.shape[1] == 2 and (logits[:, 0] == 0).all():
        last = list(model.net.modules())[-1]
        return isinstance(last, torch.nn.Sigmoid) and bool(((logits >= 0) & (logits <= 1)).all())
    sums_to_one = (logits.sum(1) - 1).abs() < 1e-3
    return bool(sums_to_one.all() and (logits >= 0).all())


def check_parts(model: Any, threat: Any, goal: Any = None, seed: Any = 0) -> None:
    """Raise InputTypeError where the model, the threat set, the goal or the seed is something else.

    Raises InputError on a seed outside 0..2**63 - 1."""
    if not isinstance(model, Classifier):
        raise InputTypeError(
            f"the model is {type(model).__name__}; wrap it with the range of its inputs: "
            "Classifier(net, bounds=(0, 1))."
        )
    if _is_no(threat, "project"):
        raise InputTypeError(f'the threat is {threat!r}; pass a threat set such as Linf(0.3), or threat("linf:0.3").')
    if goal is not None and _is_no(goal, "bind"):
        raise InputTypeError(f"the goal is {goal!r}; pass Away(), or Toward(labels) with the wanted labels.")
    check_seed(seed)


def check_seed(seed: Any) -> None:
    """Raise InputTypeError where the seed is no whole number, InputError outside 0..2**63 - 1."""
    if not isinstance(seed, Integral):
        raise InputTypeError(f"seed is {seed!r}; pass a whole number.")
    if not 0 <= int(seed) < 1 << 63:  # outside, several seeds would draw alike
        raise InputError(f"seed is {seed}; it must be at least 0 and below 2**63.")


def _is_no(part: Any, method: str) -> bool:
    """Whether ``part`` lacks the method, or is a class where one of its values is due."""
    return isinstance(part, type) or not hasattr(part, method)


def is_count(value: Any) -> bool:
    """Whether ``value`` is a whole number, at least 1."""
    return isinstance(value, Integral) and int(value) >= 1


def batch_for(x: Tensor) -> int:
    """How many rows like those of ``x`` to work on at once: fewer where a row is large."""
    return min(256, max(8, (1 << 22) // max(x[0].numel(), 1)))


def make_case(
    model: Classifier, x: Any, y: Any, threat: Threat, *, goal: Goal | None, seed: int, ids: Any = None,
    batch: int | None = None,
) -> Case:  # fmt: skip
    """Check everything once and bundle it. Raises InputError, InputTypeError.

    ids: (N,) integers that name the rows in random draws; their positions by default."""
    check_parts(model, threat, goal, seed)
    if batch is not None and not is_count(batch):
        raise InputError(f"the batch size is {batch}; it must be a whole number, at least 1, or left out.")
    x = as_inputs(model, x)
    y = as_labels(y, len(x), x.device)
    bounds = model.bounds.to(x)
    threat.check(x, bounds)
    with torch.no_grad():
        sample = x[:32].clone()
        unwritten = sample._version
        logits = model(sample)
    if sample._version != unwritten:
        raise InputError(
            "the network changes its input in place, which would spoil the data and the attack; begin its forward "
            "with x = x.clone(), or use operations that do not end in an underscore and no inplace=True there."
        )
    check_logits(logits, y[:32], model)
    if int(y.max()) >= logits.shape[1] - model.rejects or int(y.min()) < 0:
        check_logits(logits[:1].expand(len(y), -1), y, model)
    ids = torch.arange(len(x)) if ids is None else as_labels(ids, len(x), x.device, "ids")
    goal = fitting(goal, model).bind(y, logits.shape[1])
    draws = Draws(int(seed), ids.to(x.device))
    return Case(model, x, y, threat, goal, draws, bounds, batch or batch_for(x))
