"""Is there a slope, is it the true one, and does it lead anywhere?"""

from dataclasses import replace

import torch
from torch import Tensor

from brinell.case import Case
from brinell.evaluation.diagnosis.checks import STAND_IN, Seen, check, hopeless, inexact, random, slopeless, substituted
from brinell.evaluation.diagnosis.trial import (
    MARGIN,
    Trial,
    by_batch,
    heights,
    inner_points,
    share,
    slopes,
    surely_above,
    surely_below,
)
from brinell.evaluation.findings import Outcome
from brinell.judge import logits_of
from brinell.objectives import cross_entropy, margin
from brinell.rows import flat, row_norm, unit_rows
from brinell.threats.base import Place

_FLAT = 0.01  # of the margin: what crossing the range of every input would gain, by the slope
_NUDGE = 1e-6  # of the range: the step of a finite difference in float64
_REACH = 1 / 16  # of eps: a step of an attack that takes its time
_FACTOR = 4.0  # between the gain that a slope promises and the one that comes


_NO_GRADIENTS = (
    f"Give the layer a stand-in for the backward pass, {STAND_IN}; and add an attack that needs no gradients."
)


@check(
    "the margin has a slope",
    cause="Rounding, comparisons, clipping or saturated units leave no gradient, so that attacks stand still.",
    remedy=_NO_GRADIENTS,
    unless=(hopeless,),
)
def exists(trial: Trial) -> Seen:
    """The margin has a slope that is not zero."""
    if trial.slopeless:
        cut = "Something in the forward pass cuts the gradient: detach(), no_grad(), numpy, argmax, a comparison."
        return Seen(f"{trial.slopeless}.", "failed", cause=cut)
    level, crossing = _crossing(trial)
    lost = int((crossing < _FLAT * level).sum())
    figures = f"zero, vanishing or not finite on {share(lost, len(trial))}."
    return Seen(figures, _graded(lost, len(trial), trial.level))


def _graded(lost: int, n: int, level: float) -> Outcome:
    """A warning where surely more than two points of the rows are lost, a failure where more than half are."""
    if surely_above(lost, n, level) <= MARGIN:
        return "ok"
    return "failed" if lost > n / 2 else "warning"


def _crossing(trial: Trial) -> tuple[Tensor, Tensor]:
    """The margin's size, and what the slope promises for crossing the range of every input, (N,) each."""
    width = torch.as_tensor(trial.case.bounds.width).to(trial.slope)
    return margin(trial.logits, trial.case.y).abs(), flat(trial.slope.abs() * width).sum(1)


@check(
    "cross-entropy has a slope",
    cause="The logits are so far apart that the softmax gives exactly 0 and 1: scaled by a temperature, distilled, or "
    "clipped. Attacks that climb the cross-entropy stand still.",
    remedy='Use attacks on the margin (objective="margin"), which scaling does not change, or divide the logits by a '
    "constant: no decision changes by that.",
    unless=(slopeless, hopeless),
)
def of_cross_entropy(trial: Trial) -> Seen:
    """Cross-entropy has a slope: the softmax does not saturate."""
    grad = slopes(trial.case, cross_entropy)
    lost = int((row_norm(grad, float("inf")).nan_to_num(0.0) < torch.finfo(grad.dtype).tiny).sum())
    typical = float(margin(trial.logits, trial.case.y).neg().median())
    figures = (
        f"zero or below the smallest normal number on {share(lost, len(trial))}; the median margin is {typical:.3g}."
    )
    return Seen(figures, "ok" if surely_above(lost, len(trial), trial.level) <= MARGIN else "warning")


@check(
    "the slope reaches most inputs",
    cause="Units are saturated at the data: a steep sigmoid or tanh, clipping, or soft thresholds at the input.",
    remedy=f"Give the layer a gentler stand-in for the backward pass, {STAND_IN}; start from random points, and add an "
    "attack that needs no gradients.",
    unless=(slopeless, hopeless),
)
def everywhere(trial: Trial) -> Seen:
    """At the data, most of the inputs that the margin depends on elsewhere have a slope."""
    elsewhere = replace(trial.case, x=inner_points(trial.case, share=1.0))
    used = ~_vanishing(slopes(elsewhere, margin).nan_to_num()).all(0)
    vanished = _vanishing(trial.slope)[:, used].double().mean(1)
    lost = int((vanished > 0.5).sum())
    figures = (
        f"of the inputs that count at random points of the whole range, {float(vanished.median()):.0%} have next to no "
        f"slope at the data (the median row); more than half on {share(lost, len(trial))}."
    )
    return Seen(figures, "ok" if surely_above(lost, len(trial), trial.level) <= 0.5 else "warning")


def _vanishing(grad: Tensor) -> Tensor:
    """Whether each input's slope is below a millionth of the row's largest, (N, D) bool."""
    size = flat(grad).abs()
    return size <= 1e-6 * size.amax(1, keepdim=True)


@check(
    "the gradient is that of the forward pass",
    cause="The backward pass is not that of the forward pass: a straight-through layer, a custom backward, a hook "
    "that changes gradients, or a part that is detached.",
    remedy="Remove hooks and detach(); where the layer has no useful slope, choose a stand-in yourself: "
    f"{STAND_IN}; and add an attack that needs no gradients.",
    unless=(slopeless, random, substituted, inexact),
)
def is_true(trial: Trial) -> Seen:
    """The gradient agrees with finite differences: along its own direction, and along random ones."""
    assert trial.exact is not None
    case = trial.exact
    wrong = int(by_batch(case, _disagreeing).sum())
    return Seen(
        f"it disagrees with finite differences on {share(wrong, len(case))}.", _graded(wrong, len(case), trial.level)
    )


def _rival(logits: Tensor, y: Tensor) -> Tensor:
    """The most likely wrong class, (N,): fixed, so that a change of rival is no kink."""
    return logits.scatter(1, y[:, None], float("-inf")).argmax(1)


def _lead(logits: Tensor, y: Tensor, rival: Tensor) -> Tensor:
    """By how much the rival is ahead, (N,)."""
    picked = logits.gather(1, torch.stack([rival, y], 1))
    return picked[:, 0] - picked[:, 1]


def _disagreeing(case: Case) -> Tensor:
    """Rows, (N,) bool, of one batch, whose gradient is wrong along one of three directions, off ties and bounds."""
    with torch.no_grad():
        x = inner_points(case)
        rival = _rival(case.model(x), case.y)
    x = x.requires_grad_()
    lead = _lead(case.model(x), case.y, rival)
    (grad,) = torch.autograd.grad(lead.sum(), x)
    width = torch.as_tensor(case.bounds.width).to(grad)
    random = [case.draws.normal(tuple(x.shape[1:]), draw, x.dtype) for draw in (102, 103)]
    wrong = torch.zeros_like(case.y, dtype=torch.bool)
    with torch.no_grad():
        for direction in (grad, *random):
            step = _NUDGE * unit_rows(direction, float("inf")) * width
            ahead, behind = (_lead(case.model(x + side * step), case.y, rival) for side in (1, -1))
            measured, told = ahead - behind, 2 * flat(grad * step).sum(1)
            size = torch.maximum(measured.abs(), told.abs())
            noise = 1e3 * torch.finfo(x.dtype).eps * (1 + lead.abs())
            wrong |= ~((measured - told).abs() <= 0.1 * size + noise)
    return wrong


@check(
    "the slope holds for a step of an attack",
    cause="The surface is rough or saturated at the scale of the attack: steep sigmoids, discontinuous units, "
    "rounding, or a training that bent it about its data (single-step training does, arXiv:2007.02617).",
    remedy=f"Smooth the backward pass with a gentle version of the layer: {STAND_IN}; use many starts, and add an "
    "attack that needs no gradients.",
    unless=(slopeless, random, substituted, hopeless),
)
def reaches(trial: Trial) -> Seen:
    """A small step along the slope gains about what the slope promises."""
    promised, gained = _step_gain(trial)
    ratio = gained / promised
    kept = int(((ratio > 1 / _FACTOR) & (ratio < _FACTOR)).sum())
    figures = (
        f"a step of eps/{round(1 / _REACH)} gains what the slope promises, within a factor of {_FACTOR:g}, on "
        f"{share(kept, len(trial))}."
    )
    return Seen(figures, "ok" if surely_below(kept, len(trial), trial.level) >= 0.75 else "warning")


def _step_gain(trial: Trial) -> tuple[Tensor, Tensor]:
    """What a short steepest step gains by the slope, and what it really gains, (N,) each."""
    case = trial.case
    rival = _rival(trial.logits, case.y)  # the margin's slope is that of its lead
    after = _stepped(case, trial.slope)
    gained = _lead(logits_of(case.model, after, case.batch), case.y, rival) - _lead(trial.logits, case.y, rival)
    return flat(trial.slope * (after - case.x)).sum(1), gained


def _stepped(case: Case, direction: Tensor, length: float = _REACH) -> Tensor:
    step = case.threat.step(direction, length * case.threat.eps, Place(case.x, case.x, case.bounds))
    return case.threat.project(case.x + step, case.x, case.bounds)


@check(
    "the gradient beats random noise",
    cause="The gradient points nowhere: it is shattered, drawn at random or belongs to something else.",
    remedy=f"Find the layer that breaks it and give it a stand-in, {STAND_IN}; for a random network use EOT(net); and "
    "add an attack that needs no gradients.",
    unless=(slopeless, hopeless),
)
def beats_noise(trial: Trial) -> Seen:
    """A step along the gradient gains more than a random step of the same length."""
    case = trial.case
    noise = by_batch(case, lambda part: part.draws.normal(tuple(part.x.shape[1:]), 104, part.x.dtype))
    led, strayed = (heights(case, _stepped(case, direction, 0.25)) for direction in (trial.slope, noise))
    wins = int((led > strayed).sum())
    figures = f"a step of eps/4 along the gradient gains more than one along noise on {share(wins, len(trial))}."
    return Seen(figures, "ok" if surely_below(wins, len(trial), trial.level) >= 0.75 else "failed")
