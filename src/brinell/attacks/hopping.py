"""Basin hopping: from each row's best point look about, jump, and walk uphill again."""

from dataclasses import dataclass

import torch
from torch import Tensor

from brinell.attacks.base import FORWARD, Attack, Found, check_counts
from brinell.attacks.loop import DECAY, Momentum, Plan, annealed, climb
from brinell.attacks.square import hunt, propose, shrunk
from brinell.attacks.starts import carried
from brinell.case import Case
from brinell.errors import InputError
from brinell.objectives import Objective
from brinell.objectives import resolve as resolve_objective
from brinell.threats.windows import draw_luck

_JUMPS = (0.06, 0.18, 0.01, 0.1, 0.03)  # share of the input in the window that a jump changes, round by round
_WINDOW = 0.8  # of the input, at the first look: as in Square
_EARLY, _LATE = 0.02, 0.42  # the part of Square's schedule that the looks go through: windows of medium size
_JUMP, _WALK = 0.3, 0.15  # first steps, as shares of eps: after a jump, and from the best point itself


@dataclass(frozen=True, slots=True, kw_only=True)
class BasinHopping(Attack):
    """Go on from the best point that is known of each row, in rounds, where there is hope.

    A round first changes random windows of the best point, a forward pass each (``looks``); a change stays if it is
    better, as in Square. Then it walks uphill for ``steps`` gradients, with momentum and falling steps: in even rounds
    after a jump (one more random window, better or not), in odd rounds from the best point itself. Slopes find what
    random changes do not, random changes go where the slopes do not lead.

    Effort goes where the goal is near. A row stays in if no more than ``near`` of its clean margin is left, or if the
    rest would be gone by the last round at ``pace`` times the mean gain of the rounds so far.

    Where an audit has a budget, the rounds end when it is spent.

    In a cascade it starts from the best point that earlier attacks found; alone, from the input. A row leaves once it
    is broken. objective: "margin" (default), "cross_entropy", or a callable of logits and labels that is negative until
    the goal is reached. Linf and L2, inputs of any shape.
    Source: basin hopping is Wales and Doye 1997, arXiv:cond-mat/9803344; random windows are Andriushchenko et al. 2020,
    arXiv:1912.00049."""

    source = "arXiv:cond-mat/9803344"
    threats = "linf, l2"
    probes = True
    rounds: int = 40
    looks: int = 24
    steps: int = 8
    near: float = 0.15
    pace: float = 2.0
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
        objective = resolve_objective(self.objective)
        clean = hunt(case, case.x, (), objective)
        found = hunt(case.having_spent(clean.spent), carried(case), (), objective)
        found.forwards.add_(clean.forwards)
        first = found.height.clone()
        for number in range(self.rounds):
            rows = (~found.nominated & self._hopeful(found.height, first, clean.height, number)).nonzero().flatten()
            left = case.having_spent(found.spent)
            if not len(rows) or left.enough(FORWARD * len(rows)):
                break
            part = left.take(rows).at(restart=number).after(found.x_adv[rows])
            found.improve(rows, self._round(part, number, objective))
        return found

    def _hopeful(self, height: Tensor, first: Tensor, clean: Tensor, number: int) -> Tensor:
        """Rows whose goal is near, or near enough for the rounds that are left, (N,) bool; all, to begin with."""
        if not number:
            return torch.ones_like(height, dtype=torch.bool)
        gain = (height - first) / number
        return (height >= self.near * clean) | (-height <= self.pace * (self.rounds - number) * gain)

    def _round(self, case: Case, number: int, objective: Objective) -> Found:
        done = _EARLY + (_LATE - _EARLY) * number / self.rounds
        share = shrunk(_WINDOW, int(done * 10_000), 10_000)
        found = hunt(case, carried(case), (share,) * self.looks, objective)
        rows = (~found.nominated).nonzero().flatten()
        if len(rows):
            part = case.having_spent(found.spent).take(rows).after(found.x_adv[rows])
            found.improve(rows, self._walk(part, number, objective))
        return found

    def _walk(self, case: Case, number: int, objective: Objective) -> Found:
        jumps = number % 2 == 0
        if jumps:
            luck = draw_luck(case.x, case.draws, 0)[:, 0]
            case = case.after(propose(case, carried(case), _JUMPS[number // 2 % len(_JUMPS)], luck))
        sizes = annealed(_JUMP if jumps else _WALK, self.steps)
        return climb(case, Plan(carried, objective, sizes, Momentum(DECAY)))
