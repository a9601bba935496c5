"""The model on trial: rows that it gets right, and what several checks want to know of them."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from scipy.special import bdtrc
from torch import Tensor

from brinell.attacks import PGD
from brinell.attacks.base import Found
from brinell.case import Case
from brinell.judge import judge, logits_of
from brinell.models.bpda import BPDA
from brinell.models.eot import EOT
from brinell.objectives import margin
from brinell.statistics import Rate

STEPS = 16  # of the white box
_DOUBLED = 48  # rows in float64, which is slow
MARGIN = 0.02  # a share of the rows that matters: two points


class Searched(NamedTuple):
    """What a search broke, (N,) bool by the judge's word, and the height, (N,), that it reached."""

    broken: Tensor
    height: Tensor


@dataclass
class Trial:
    """Rows under examination: ``case`` has rows that the model gets right; ``level`` is that of every test;
    ``attacked`` is how many of them are attacked; ``chance`` says in words that the model is no better than chance."""

    case: Case
    level: float
    attacked: int
    chance: str = ""

    def __len__(self) -> int:
        return len(self.case)

    def few(self, rows: int) -> Case:
        """The first rows: for what is dear, and sees in one row what it would see in all."""
        return self.case.take(slice(0, rows))

    @cached_property
    def logits(self) -> Tensor:
        """Those of the rows, (N, K), in the model's own precision."""
        return logits_of(self.case.model, self.case.x, self.case.batch)

    @cached_property
    def unsteady(self) -> Tensor:
        """By how much a second pass over the same rows differs, (N,), as a share of each row's range of logits."""
        again = logits_of(self.case.model, self.case.x, self.case.batch)
        return relative(again - self.logits, self.logits)

    @property
    def steady(self) -> bool:
        """Whether two passes agree up to rounding on nearly all rows."""
        return int((self.unsteady > tolerance(self.logits)).sum()) <= len(self) // 20

    @property
    def substituted(self) -> bool:
        """Whether a BPDA layer stands in for a slope, on purpose."""
        return any(isinstance(module, BPDA) for module in self.case.model.modules())

    @property
    def averaged(self) -> bool:
        """Whether an EOT layer averages over random passes in which a row's draws depend on its place in the batch."""
        return any(isinstance(module, EOT) and not module.by_row for module in self.case.model.modules())

    @cached_property
    def slopeless(self) -> str:
        """Why the model gives no gradient at all; empty where it gives one."""
        x = self.case.x[:1].detach().requires_grad_()
        return "" if self.case.model(x).requires_grad else "the output does not depend on the input by any gradient"

    @cached_property
    def slope(self) -> Tensor:
        """The gradient of the margin at the rows, (N, ...), in the model's own precision; NaN counts as 0."""
        return slopes(self.case, margin).nan_to_num()

    @cached_property
    def exact(self) -> Case | None:
        """The first rows with a copy of the model in float64, where rounding hides nothing; None where there is none.

        A copy that computes in float32 inside shows by outputs that float32 holds without loss."""
        try:
            model = copy.deepcopy(self.case.model).double().eval()
            with torch.no_grad():
                logits = model(self.case.x[: min(8, self.case.batch)].double())
        except Exception:  # whatever a network does that was written for one precision, or memory
            return None
        if logits.dtype != torch.float64 or bool((logits == logits.float().double()).all()):
            return None
        case = self.few(_DOUBLED)
        x = case.x.double()
        return replace(case, model=model, x=x, bounds=model.bounds.to(x))

    @cached_property
    def white(self) -> Searched:
        """What a plain gradient attack reaches with ``STEPS`` gradients a row."""
        return self.search(PGD(steps=STEPS, objective="margin").run)

    def search(self, run: Callable[[Case], Found]) -> Searched:
        """Run a search on the rows to be attacked and have the judge look at its candidates."""
        case = self.few(self.attacked)
        found = run(case)
        return Searched(judge(case, found.x_adv).success, found.height)


def tolerance(logits: Tensor) -> float:
    """How far two passes may differ, as a share of a row's range of logits, by rounding and the order of sums alone.

    1e-4 in float32, where sums of thousands of terms lose about two digits."""
    return float(1000 * torch.finfo(logits.dtype).eps)


def relative(difference: Tensor, logits: Tensor) -> Tensor:
    """The largest entry of ``difference`` (N, K), as a share of each row's range of logits, (N,); NaN counts as 1."""
    span = (logits.amax(1) - logits.amin(1)).clamp(min=torch.finfo(logits.dtype).tiny)
    return (difference.abs().amax(1) / span).nan_to_num(1.0, 1.0)


def more_often(wins: int, losses: int) -> float:
    """The exact chance of ``wins`` or more in ``wins + losses`` throws of a fair coin: one side of McNemar's test."""
    return float(bdtrc(wins - 1, wins + losses, 0.5)) if wins else 1.0


def surely_above(hits: int, n: int, level: float) -> float:
    """A share that the true one exceeds with confidence ``1 - level``: the lower Clopper-Pearson limit."""
    return Rate(hits, n, 1 - 2 * level).low


def surely_below(hits: int, n: int, level: float) -> float:
    """A share that the true one falls short of with confidence ``1 - level``: the upper Clopper-Pearson limit."""
    return Rate(hits, n, 1 - 2 * level).high


def by_batch(case: Case, make: Callable[[Case], Tensor]) -> Tensor:
    """What ``make`` gives for each batch of rows, joined: memory does not grow with the rows."""
    return torch.cat([make(case.take(slice(at, at + case.batch))) for at in range(0, len(case), case.batch)])


def slopes(case: Case, height: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The gradient of ``height(logits, y)`` at every row of ``case``, (N, ...), as autograd gives it."""

    def slope(part: Case) -> Tensor:
        x = part.x.detach().clone().requires_grad_()
        return torch.autograd.grad(height(part.model(x), part.y).sum(), x)[0]

    return by_batch(case, slope)


def heights(case: Case, x: Tensor) -> Tensor:
    """The margin at other points ``x`` (N, ...) of the rows, (N,); -inf where it is no number."""
    with torch.no_grad():
        found = by_batch(replace(case, x=x), lambda part: margin(part.model(part.x), part.y))
    return found.nan_to_num(-torch.inf, posinf=-torch.inf)


def inner_points(case: Case, share: float = 0.01) -> Tensor:
    """``case.x`` moved by a share of the way to random points of the whole range: off the bounds, and off ties.

    Inputs such as black pixels make units exactly equal; there the slope depends on the side one looks at."""
    low, high = case.bounds.corners(case.x)

    def moved(part: Case) -> Tensor:
        noise = part.draws.uniform(tuple(part.x.shape[1:]), draw=101, dtype=torch.float64)
        return part.x + (share * (low + noise * (high - low) - part.x.double())).to(part.x)

    return by_batch(case, moved)


def share(hits: int, n: int) -> str:
    """``12 of 128 rows``."""
    return f"{hits} of {n} rows"
