"""Robust accuracy over eps: one walk over growing threat sets, on which no row rises again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from brinell.attacks.base import POOL
from brinell.case import Case, as_inputs, batch_for, check_parts, make_case
from brinell.data import Source, labels
from brinell.errors import InputError
from brinell.evaluation.blocks import WRONG_CLEAN, clean_block, confirm_again, run_stage
from brinell.evaluation.efforts import Cascade
from brinell.evaluation.survey import blocks
from brinell.goals import Away, Goal
from brinell.models.classifier import Classifier
from brinell.models.state import evaluating, same_random_state
from brinell.progress import Progress
from brinell.statistics import Rate
from brinell.threats import Threat


class CurvePoint(NamedTuple):
    """Robust accuracy, an upper bound, at one size of the threat set."""

    eps: float
    robust_accuracy: Rate


@dataclass(frozen=True, eq=False)
class RobustnessCurve:
    """Robust accuracy at growing eps. A row that is broken at one counts as broken at every larger one.

    broken_at: (N,) the smallest eps tried at which the row broke; 0 where it was wrong without an attack, NaN where it
    stands. unstable: rows on which a second judgement, in another layout, differs."""

    clean_accuracy: Rate
    points: tuple[CurvePoint, ...]
    broken_at: NDArray[np.float64]
    unstable: int

    def __str__(self) -> str:
        lines = [f"{f'eps {point.eps:g}':<16}{point.robust_accuracy}" for point in self.points]
        return "\n".join([f"{'clean':<16}{self.clean_accuracy}", *lines])


class Walk(NamedTuple):
    """How to walk: the shares of eps, the attacks at each of them, and the rest as in ``audit``."""

    shares: Sequence[float]
    cascade: Cascade
    seed: int
    batch: int | None
    progress: Progress


def run_curve(model: Classifier, source: Source, threat: Threat, goal: Goal | None, walk: Walk) -> RobustnessCurve:
    """Attack the rows that stand in one set after the other, from the smallest to the largest."""
    check_parts(model, threat, goal, walk.seed)
    balls = _balls(threat, walk.shares)
    broken_at = np.full(len(source), np.nan)
    unstable = 0
    with evaluating(model, walk.seed):
        for case in _cases(model, source, threat, goal, walk):
            rows = case.draws.ids.cpu().numpy()
            with same_random_state(walk.seed * 1_000_003 + int(rows[0])):
                broken_at[rows], shaky = _walk(case, balls, walk.cascade)
            unstable += shaky
            walk.progress("attacking", int(rows[-1]) + 1, len(source))
    n = len(source)
    points = tuple(CurvePoint(ball.eps, Rate(n - int((broken_at <= ball.eps).sum()), n)) for ball in balls)
    return RobustnessCurve(Rate(n - int((broken_at == 0).sum()), n), points, broken_at, unstable)


def _balls(threat: Threat, shares: Sequence[float]) -> list[Threat]:
    if not len(shares) or not all(isfinite(share) and share > 0 for share in shares):
        raise InputError(f"the shares of eps are {shares!r}; give at least one finite number above 0, such as 0.5.")
    return list({ball.eps: ball for ball in (threat.scaled(share) for share in sorted(shares))}.values())


def _cases(model: Classifier, source: Source, threat: Threat, goal: Goal | None, walk: Walk) -> Iterator[Case]:
    """The rows, block by block, with the goal checked against all of them."""
    x = as_inputs(model, source.block(slice(0, 1))[0])
    y, batch = labels(source), walk.batch or batch_for(x)
    with torch.no_grad():
        bound = (goal or Away()).bind(y.to(x.device), model(x).shape[1])
    for rows in blocks(len(source), POOL * batch):
        x, _ = source.block(rows)
        yield make_case(
            model, x, y[rows], threat, goal=bound.take(rows), seed=walk.seed,
            ids=torch.arange(rows.start, rows.stop), batch=walk.batch,
        )  # fmt: skip


def _walk(case: Case, balls: list[Threat], cascade: Cascade) -> tuple[NDArray[np.float64], int]:
    """At which eps each row of the block broke, and how many rows are unstable."""
    block = clean_block(case, len(cascade))
    broken_at = torch.where(block.broken_by == WRONG_CLEAN, 0.0, torch.nan).double()
    for ball in balls:
        before = block.standing
        for stage, attack in enumerate(cascade):
            run_stage(replace(case, threat=ball), block, stage, attack, alone=False)
        broken_at[before & ~block.standing] = ball.eps
    confirm_again(replace(case, threat=balls[-1]), block, lambda: block.x_adv)
    return broken_at.cpu().numpy(), int(block.unstable.sum())
