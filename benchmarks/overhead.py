"""What brinell's PGD-40 costs beyond its gradients: beside a bare PyTorch loop with the same gradients."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

import brinell as br
from brinell.draws import Draws
from brinell.models import evaluating
from peers import BATCH, PGD40, STEP, STEPS
from race import race
from settings import Settings
from subjects import EPS, Subject, robust, standing
from tables import Promise, Table

LIMIT = 1.05
THREAT = br.Linf(EPS)


def run(settings: Settings) -> Table:
    """Rows of the robust model that no step breaks: nobody leaves, and both loops compute the same gradients."""
    subject, ids = _unbroken(robust(2 * BATCH))
    many = 1 if settings.quick else 3  # a difference of a few percent takes more laps to see than one of several times
    often = replace(settings, processes=many * settings.processes, rounds=many * settings.rounds)
    laps = race(often, loops, subject, ids)
    rows = [
        (name, f"{laps.lowest(name):.3f}", f"{laps.middle(name):.3f}", f"{laps.ratio(name, 'bare loop'):.3f}",
         f"{standing(subject, loop()):.1%}") for name, loop in loops(subject, ids).items()
    ]  # fmt: skip
    note = (
        f"PGD-{STEPS}, step {STEP}, Linf {EPS}, {subject.name}, {len(subject.x)} test rows that no step breaks, in one "
        f"batch, {laps.rounds} rounds. The bare loop keeps no best point, asks nobody whether a row "
        f"is broken and checks nothing; brinell also looks at the point where it ends. {settings.describe()}"
    )
    over = laps.ratio("brinell", "bare loop") - 1
    promise = Promise("overhead over a bare loop with the same gradients, under 5 %", f"{over:+.1%}", 1 + over < LIMIT)
    head = ("loop", "min s", "median s", "x bare", "accuracy left")
    return Table("PGD-40 beside a bare loop", head, rows, note, [promise])


def loops(subject: Subject, ids: Tensor) -> dict[str, Callable[[], Tensor]]:
    """Both, each with the whole job."""
    return {"bare loop": partial(bare, subject, ids), "brinell": partial(_brinell, subject, ids)}


def bare(subject: Subject, ids: Tensor) -> Tensor:
    """PGD-40 in as few lines as it takes, from the start that brinell draws with seed 0 for these row ids."""
    model, x, y = subject.model, subject.x, subject.y
    low, high = (x - EPS).clamp(min=0), (x + EPS).clamp(max=1)
    x_adv = THREAT.sample(x, model.bounds, Draws(0, ids))
    with evaluating(model):
        for _ in range(STEPS):
            x_adv.requires_grad_()
            (grad,) = torch.autograd.grad(F.cross_entropy(model(x_adv), y, reduction="sum"), x_adv)
            x_adv = torch.clamp(x_adv.detach() + STEP * grad.sign(), low, high)
    return x_adv


def _brinell(subject: Subject, ids: Tensor) -> Tensor:
    return PGD40(subject.model, subject.x, subject.y, THREAT, seed=0, ids=ids)


def _unbroken(subject: Subject) -> tuple[Subject, Tensor]:
    """The first 250 rows that PGD-40 with seed 0 leaves standing after all its gradients, and their ids."""
    result = br.attack(PGD40, subject.model, subject.x, subject.y, THREAT, seed=0)
    rows = ((result.gradients == STEPS) & ~result.success).nonzero().flatten()[:BATCH]
    return Subject(subject.name, subject.model, subject.x[rows], subject.y[rows]), rows
