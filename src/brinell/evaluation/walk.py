"""Robust accuracy over eps: one walk over growing threat sets, on which no row rises again."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
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
from brinell.evaluation.cascades import describe
from brinell.evaluation.curve import CurveFacts, CurvePoint, PointFacts, RobustnessCurve
from brinell.evaluation.efforts import Cascade
from brinell.evaluation.record import Count
from brinell.evaluation.survey import blocks
from brinell.evaluation.versions import goal_text
from brinell.goals import Away, Goal
from brinell.models.classifier import Classifier
from brinell.models.state import evaluating, same_random_state
from brinell.models.weights import weights_sha256
from brinell.progress import Progress
from brinell.threats import Threat


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
        bound = _bound(model, source, goal or Away())
        for case in _cases(model, source, threat, bound, walk):
            rows = case.draws.ids.cpu().numpy()
            with same_random_state(walk.seed * 1_000_003 + int(rows[0])):
                broken_at[rows], shaky = _walk(case, balls, walk.cascade)
            unstable += shaky
            walk.progress("attacking", int(rows[-1]) + 1, len(source))
    facts = CurveFacts(
        model=weights_sha256(model), data=source.name, threat=str(threat), goal=goal_text(bound),
        cascade=tuple(attack.label for attack in describe(walk.cascade)), seed=walk.seed, clean=_left(broken_at, 0),
        points=tuple(PointFacts(eps=ball.eps, robust=_left(broken_at, ball.eps)) for ball in balls), unstable=unstable,
    )  # fmt: skip
    points = tuple(CurvePoint(point.eps, point.robust.rate) for point in facts.points)
    return RobustnessCurve(facts.clean.rate, points, broken_at, unstable, facts)


def _left(broken_at: NDArray[np.float64], eps: float) -> Count:
    """The rows that stand at ``eps``."""
    return Count(hits=len(broken_at) - int((broken_at <= eps).sum()), n=len(broken_at))


def _balls(threat: Threat, shares: Sequence[float]) -> list[Threat]:
    if not len(shares) or not all(isfinite(share) and share > 0 for share in shares):
        raise InputError(f"the shares of eps are {shares!r}; give at least one finite number above 0, such as 0.5.")
    return list({ball.eps: ball for ball in (threat.scaled(share) for share in sorted(shares))}.values())


def _bound(model: Classifier, source: Source, goal: Goal) -> Goal:
    """The goal, checked against all rows."""
    x = as_inputs(model, source.block(slice(0, 1))[0])
    with torch.no_grad():
        return goal.bind(labels(source).to(x.device), model(x).shape[1])


def _cases(model: Classifier, source: Source, threat: Threat, goal: Goal, walk: Walk) -> Iterator[Case]:
    """The rows, block by block."""
    x = as_inputs(model, source.block(slice(0, 1))[0])
    y, batch = labels(source), walk.batch or batch_for(x)
    for rows in blocks(len(source), POOL * batch):
        x, _ = source.block(rows)
        yield make_case(
            model, x, y[rows], threat, goal=goal.take(rows), seed=walk.seed,
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
