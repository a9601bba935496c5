"""Is the forward pass continuous? Where it jumps, no gradient can tell of it."""

from dataclasses import replace

import torch
from torch import Tensor

from brinell.case import Case
from brinell.evaluation.diagnosis.checks import STAND_IN, Seen, check, random, substituted
from brinell.evaluation.diagnosis.trial import Trial, inner_points, share
from brinell.rows import per_row

_ROWS = 16
_PIECES = 32  # of the way to another point of the set
_HALVINGS = 36


@check(
    "the output moves without jumps",
    cause="The forward pass is discontinuous: rounding (bit depth, JPEG, discretised inputs or logits), sign or "
    "threshold units, k-winners, argmax. Gradients do not see jumps.",
    remedy=f"Give the layer a smooth stand-in for the backward pass, {STAND_IN}: the identity for rounding, tanh for "
    "signs, what a step rounds, for k-winners a soft edge (the units times a sigmoid of their lead on the k-th "
    "largest); and add an attack that needs no gradients.",
    unless=(random, substituted),
)
def continuous(trial: Trial) -> Seen:
    """On the way to a random point of the set, no change of the logits stays when the step shrinks to nothing."""
    exact = trial.exact is not None
    case = (trial.exact or trial.case).take(slice(0, min(_ROWS, trial.case.batch)))
    jump, path, size = _largest_jump(case, _HALVINGS if exact else _HALVINGS // 3)
    grain = torch.finfo(case.x.dtype if exact else torch.float32).eps
    jumps = int((jump > (1e-6 if exact else 1e-2) * path + 1e3 * grain * size).sum())
    figures = f"on a line to a random point of the set the logits jump on {share(jumps, len(case))}."
    return Seen(figures, "ok" if jumps <= len(case) // 10 else "warning")


def _largest_jump(case: Case, halvings: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each row, (N,): the change of its logits over a vanishing piece of the way, that over the whole way, added
    up piece by piece, and the size of its logits.

    The piece of largest change is halved again and again, and the half with the larger change kept: over a continuous
    stretch the change goes with the length, over a jump it stays."""
    case = replace(case, x=inner_points(case))
    end = case.threat.sample(case.x, case.bounds, case.draws)

    def at(share: Tensor) -> Tensor:
        logits: Tensor = case.model(case.x + per_row(share.to(case.x), case.x) * (end - case.x))
        return logits

    with torch.no_grad():
        marks = torch.linspace(0, 1, _PIECES + 1, dtype=torch.float64, device=case.x.device)
        logits = torch.stack([at(mark.expand(len(case))) for mark in marks])
        change = (logits[1:] - logits[:-1]).abs().amax(2)
        largest = change.argmax(0)
        rows = torch.arange(len(case), device=case.x.device)
        low, high = marks[largest], marks[largest + 1]
        first, last = logits[largest, rows], logits[largest + 1, rows]
        for _ in range(halvings):
            middle = (low + high) / 2
            between = at(middle)
            left = (between - first).abs().amax(1) >= (last - between).abs().amax(1)
            low, high = torch.where(left, low, middle), torch.where(left, middle, high)
            first = torch.where(left[:, None], first, between)
            last = torch.where(left[:, None], between, last)
    return (last - first).abs().amax(1), change.sum(0), logits.abs().amax(2).amax(0)
