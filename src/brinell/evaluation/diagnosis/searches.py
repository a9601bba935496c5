"""Do attacks behave as they do on models that can be attacked by gradients?"""

from dataclasses import replace

import torch
from torch import Tensor

from brinell.attacks import FGSM, PGD
from brinell.attacks.starts import structured, uniform
from brinell.case import Case
from brinell.evaluation.diagnosis.checks import STAND_IN, Seen, check, hopeless, slopeless
from brinell.evaluation.diagnosis.trial import (
    MARGIN,
    STEPS,
    Searched,
    Trial,
    by_batch,
    heights,
    more_often,
    share,
    surely_above,
    surely_below,
)
from brinell.judge import judge
from brinell.rows import per_row

_DEAR = 2  # queries for the time that a gradient takes: a forward pass each, and the making of a proposal
_CHANCE = (
    "Accuracy near chance: the model gives most inputs one answer, right or wrong, and knows hardly another that an "
    "attack could lead to. What stands does not stand because it is robust."
)
_MEND = (
    "Mend the accuracy first: weights that were not loaded, another normalisation, labels in another order, or a "
    "training that collapsed. Then audit again."
)
_RADII = (2.0, 4.0, 8.0, 16.0, 64.0, 256.0)  # times eps, as far as the bounds allow


@check(
    "gradients break more than queries do",
    cause="The model hides its gradients: what they do not find is there (arXiv:1802.00420, arXiv:1902.06705).",
    remedy="Do not believe gradient attacks here. Look for layers that round, saturate or cut the gradient, and give "
    f"them a stand-in, {STAND_IN}; raise the effort, and use attacks that need no gradients.",
)
def white_beats_black(trial: Trial) -> Seen:
    """An attack on scores alone breaks no more rows than gradients do for the same price."""
    queries = _DEAR * STEPS
    black = by_batch(trial.few(trial.attacked), lambda part: random_search(part, queries))
    white = torch.zeros_like(black) if trial.slopeless else trial.white.broken
    figures = (
        f"{STEPS} gradients break {int(white.sum())}, {queries} queries {int(black.sum())} of {len(black)} rows; "
        f"{int((black & ~white).sum())} fall to the queries alone."
    )
    return Seen(figures, "failed" if _clearly_more(black, white, trial.level) else "ok")


def _clearly_more(these: Tensor, those: Tensor, level: float) -> bool:
    """Whether ``these`` broke more rows than ``those``: by more than two points, and by McNemar's exact test."""
    wins, losses = int((these & ~those).sum()), int((those & ~these).sum())
    return wins - losses > MARGIN * len(these) and more_often(wins, losses) < level


def random_search(case: Case, queries: int) -> Tensor:
    """Rows, (N,) bool, that a search on scores breaks with so many queries a row.

    From stripes and blocks at the rim of the set, blocks of the best point change to those of another such point, and
    a change that raises the margin stays: the manner of Square (Andriushchenko et al. 2020, arXiv:1912.00049), for
    any threat set."""
    best = structured(case)
    height = heights(case, best)
    standing = torch.arange(len(case), device=case.x.device)
    for query in range(1, queries):
        standing = standing[height[standing] <= 0]
        if not len(standing):
            break
        part = case.take(standing).at(restart=query)
        point = torch.where(_block(part, query / queries), structured(part), best[standing])
        point = part.settled(case.threat.project(point, part.x, case.bounds))
        seen = heights(part, point)
        better = seen > height[standing]
        best[standing] = torch.where(per_row(better, point), point, best[standing])
        height[standing] = torch.where(better, seen, height[standing])
    return judge(case, best).success


def _block(case: Case, done: float) -> Tensor:
    """A random box of each row's values, (N, ...) bool, smaller as the search goes on."""
    shape = tuple(case.x.shape[1:])
    sides = case.draws.uniform((len(shape),), draw=105)
    inside = torch.ones_like(case.x, dtype=torch.bool)
    for axis, length in [*enumerate(shape)][-2:]:  # channels change together
        side = max(1, round(length * 0.7 * (1 - done) ** 2))
        start = (sides[:, axis] * (length - side + 1)).long()
        place = torch.arange(length, device=case.x.device)
        within = (place >= start[:, None]) & (place < start[:, None] + side)
        view = [len(case)] + [1] * len(shape)
        view[axis + 1] = length
        inside &= within.reshape(view)
    return inside


@check(
    "the steps of an attack gain",
    cause="The attack stands still: there is no gradient to follow, or it does not lead upward.",
    remedy=f"Give layers that cut or distort the gradient a stand-in, {STAND_IN}; or average over randomness with "
    "EOT(net).",
    unless=(slopeless, hopeless),
)
def steps_gain(trial: Trial) -> Seen:
    """The steps of an attack raise the margin above that of the point where they start."""
    case = trial.few(trial.attacked)
    start = by_batch(case, lambda part: heights(part, uniform(part)))
    left = start <= 0
    grew = int((left & (trial.white.broken | (trial.white.height > start))).sum())
    figures = (
        f"{share(int(left.sum()), len(left))} stand at a random point of the set; {STEPS} steps from there raise the "
        f"margin on {grew} of them."
    )
    return Seen(figures, "ok" if surely_below(grew, int(left.sum()), trial.level) >= 0.5 else "warning")


@check(
    "many steps break more than one",
    cause="Small steps get stuck where a large one passes: the surface is rough near the data, flat, or random.",
    remedy=f"Smooth the backward pass with a gentle stand-in, {STAND_IN}, or average with EOT(net); start from random "
    "points, and add an attack that needs no gradients.",
    unless=(slopeless,),
)
def many_beat_one(trial: Trial) -> Seen:
    """Many small steps break no fewer rows than one large one."""
    one = trial.search(FGSM(objective="margin").run).broken
    many = trial.white.broken
    figures = f"one step breaks {int(one.sum())}, {STEPS} steps break {int(many.sum())} of {len(many)} rows."
    return Seen(figures, "failed" if _clearly_more(one, many, trial.level) else "ok")


@check(
    "a large enough eps breaks everything",
    cause="No bounds are left, so adversarial inputs exist for all rows, and the gradient does not find them.",
    remedy=f"Give layers that cut or distort the gradient a stand-in, {STAND_IN}; or average over randomness with "
    "EOT(net); add an attack that needs no gradients.",
    unless=(slopeless,),
)
def large_eps_breaks(trial: Trial) -> Seen:
    """An eps that allows any input breaks nearly every row."""
    found = _widening(trial)
    stands = int((~found.broken).sum())
    figures = f"with any eps up to the width of the bounds, {share(stands, len(found.broken))} still stand."
    if surely_above(stands, len(found.broken), trial.level) <= 0.05:
        return Seen(figures, "ok")
    if trial.chance:
        return Seen(f"{trial.chance} {figures[0].upper()}{figures[1:]}", "warning", _CHANCE, _MEND)
    return Seen(figures, "failed")


def _widening(trial: Trial) -> Searched:
    """Rows broken at eps or at any larger one, up to the whole range; a larger set holds the smaller."""
    case = trial.few(trial.attacked)
    low, high = case.bounds.corners(case.x)
    widest = float(case.threat.distance(high, low)) / case.threat.eps
    broken = trial.white.broken.clone()
    for share_of_eps in (*(radius for radius in _RADII if radius < widest), widest):
        rows = (~broken).nonzero().flatten()
        if not len(rows):
            break
        wide = replace(case.take(rows), threat=case.threat.scaled(share_of_eps))
        found = PGD(steps=STEPS, objective="margin", start="center").run(wide)
        broken[rows] = judge(wide, found.x_adv).success
    return Searched(broken, broken.float())
