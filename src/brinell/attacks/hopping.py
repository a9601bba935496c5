"""Basin hopping: from each row's best point look about, and walk uphill again."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from brinell.attacks.base import FORWARD, POOL, Attack, Found, check_counts
from brinell.attacks.loop import DECAY, Momentum, Plan, annealed, climb
from brinell.attacks.square import hunt, shrunk
from brinell.attacks.starts import carried
from brinell.case import Case
from brinell.errors import InputError
from brinell.objectives import Objective
from brinell.objectives import resolve as resolve_objective
from brinell.threats import demand

_WINDOW = 0.8  # of the input, at the first look: as in Square
_EARLY, _LATE = 0.02, 0.6  # the part of Square's schedule that the looks go through: windows of medium size
_FIRST = (0.15, 0.4)  # first steps of walks, as shares of eps: short ones stay in the basin, long ones leave it
_LAST_NEAR = 0.2  # of ``near``, in the last round
_ALONE = 8  # rounds that go one after the other
_ABREAST = 8  # of the later ones, which gain little, how many go at once


@dataclass(frozen=True, slots=True, kw_only=True)
class BasinHopping(Attack):
    """Go on from the best point that is known of each row, in rounds, where there is hope.

    A round first changes random windows of the best point, a forward pass each (``looks``); a change stays if it is
    better, as in Square. Then it walks uphill from there for ``steps`` gradients, with momentum and falling steps, in
    turn with a short and with a long first one. Slopes find what random changes do not, random changes go where the
    slopes do not lead. The first round only walks. After the first eight, eight rounds at a time set out from the same
    point: few rows are left by then, and a pass over few rows costs as much as one over many.

    Effort goes where the goal is near. A row stays in if no more than ``near`` of its clean margin is left (a share
    that falls to a fifth from the first round to the last), or if the rest would be gone by the last round at ``pace``
    times the mean gain of the later half of the rounds so far.

    Where an audit has a budget, the rounds end when it is spent.

    In a cascade it starts from the best point that earlier attacks found; alone, from the input. A row leaves once it
    is broken. objective: "margin" (default), "cross_entropy", or a callable of logits and labels that is negative until
    the goal is reached. Linf and L2, inputs of any shape.
    Source: basin hopping is Wales and Doye 1997, arXiv:cond-mat/9803344; random windows are Andriushchenko et al. 2020,
    arXiv:1912.00049."""

    source = "arXiv:cond-mat/9803344"
    threats = "linf, l2"
    probes = True
    rounds: int = 80
    looks: int = 18
    steps: int = 6
    near: float = 0.2
    pace: float = 1.5
    objective: str | Objective = "margin"

    def __post_init__(self) -> None:
        check_counts(rounds=self.rounds, looks=self.looks, steps=self.steps)
        for name, value in (("near", self.near), ("pace", self.pace)):
            if not value >= 0:
                raise InputError(f"{name} is {value}; it must be a number, at least 0.")
        resolve_objective(self.objective)

    @property
    def carries(self) -> bool:
        """It goes on from the best point that earlier attacks of a cascade found."""
        return True

    @property
    def budget(self) -> int:
        """The most gradients that a row can cost."""
        return self.rounds * self.steps

    def search(self, case: Case) -> Found:
        """At most ``rounds`` times ``steps`` gradients and ``looks`` + 4 forward passes a row, and 2 to begin with."""
        demand(case.threat, "patch", type(self).__name__)
        objective = resolve_objective(self.objective)
        clean = hunt(case, case.x, (), objective)
        found = hunt(case.having_spent(clean.spent), carried(case), (), objective)
        found.forwards.add_(clean.forwards)
        past: dict[int, Tensor] = {}  # by round: the heights before it
        for number, abreast in self._turns():
            past[number] = found.height.clone()
            rows = (~found.nominated & self._hopeful(past, clean.height, number)).nonzero().flatten()
            if not len(rows):
                break
            for some in rows.chunk(math.ceil(len(rows) * abreast / (POOL * case.batch))):
                left = case.having_spent(found.spent)
                if left.enough(FORWARD * len(some)):
                    return found
                self._turn(left, found, some, range(number, number + abreast), objective)
        return found

    def _turns(self) -> Iterator[tuple[int, int]]:
        """The first round of each turn, and how many rounds it has."""
        number = 0
        while number < self.rounds:
            abreast = 1 if number < _ALONE else min(_ABREAST, self.rounds - number)
            yield number, abreast
            number += abreast

    def _turn(self, case: Case, found: Found, rows: Tensor, rounds: range, objective: Objective) -> None:
        """Rounds that all set out from the best point so far, each with draws of its own."""
        each = rows.repeat(len(rounds))
        restart = torch.tensor(rounds, device=rows.device).repeat_interleave(len(rows))
        part = case.take(each).at(restart=restart).after(found.x_adv[each])
        ends = self._round(part, found.height[each], rounds[0], objective)
        for end in zip(*(value.chunk(len(rounds)) for value in ends), strict=True):
            found.improve(rows, Found(*end))

    def _hopeful(self, past: dict[int, Tensor], clean: Tensor, number: int) -> Tensor:
        """Rows whose goal is near, or near enough for the rounds that are left, (N,) bool; all, to begin with."""
        height = past[number]
        if not number:
            return torch.ones_like(height, dtype=torch.bool)
        done, then = number / self.rounds, max(each for each in past if each <= number / 2)
        near = self.near * (1 - (1 - _LAST_NEAR) * done)
        gain = (height - past[then]) / (number - then)
        return (height >= near * clean) | (-height <= self.pace * (self.rounds - number) * gain)

    def _round(self, case: Case, height: Tensor, number: int, objective: Objective) -> Found:
        done = _EARLY + (_LATE - _EARLY) * number / self.rounds
        share = shrunk(_WINDOW, int(done * 10_000), 10_000)
        looks = self.looks if number else 0
        found = hunt(case, carried(case), (share,) * looks, objective, height)
        rows = (~found.nominated).nonzero().flatten()
        if len(rows):
            part = case.having_spent(found.spent).take(rows).after(found.x_adv[rows])
            first = _FIRST[(number if number < _ALONE else number // _ABREAST) % len(_FIRST)]
            found.improve(rows, climb(part, Plan(carried, objective, annealed(first, self.steps), Momentum(DECAY))))
        return found
