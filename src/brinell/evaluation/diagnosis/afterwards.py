"""What the cascade itself tells: rows that no gradient broke, and that fall to attacks which ask elsewhere as well."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from brinell.attacks import PGD
from brinell.attacks.base import FORWARD
from brinell.case import Case
from brinell.evaluation.diagnosis.trial import MARGIN, surely_above
from brinell.evaluation.findings import Finding
from brinell.evaluation.record import AttackFacts, StageResult
from brinell.judge import judge

_STEPS = 20  # of a walk: short and with falling steps, as in the default cascade
_LEVEL = 0.01
_NAME = "what gradients leave stands against queries"

UNSEEN = Finding(
    name=_NAME, outcome="skipped", figures="no cascade was run; an audit counts what queries break after gradients."
)


class Late(NamedTuple):
    """Attacks that also look where no gradient leads, after others that only follow gradients.

    price: what they spent on a row, in gradients. broken: rows that fell to them, of ``n``."""

    labels: tuple[str, ...]
    price: float
    broken: int
    n: int

    @property
    def matters(self) -> bool:
        """Whether they broke more than two points of the data."""
        return self.broken > MARGIN * self.n


def latecomers(cascade: Sequence[AttackFacts], stages: Sequence[StageResult], n: int) -> Late:
    """What came of the attacks that make queries after gradients were followed; there may be none."""
    labels, price, broken, followed = [], 0.0, 0, False
    for attack, stage in zip(cascade, stages, strict=True):
        if followed and (attack.probes or attack.access in ("scores", "labels")):
            labels.append(attack.label)
            price += (stage.gradients + FORWARD * stage.forwards) / max(stage.before, 1)
            broken += stage.before - stage.after
        followed |= attack.access == "gradients" and stage.gradients > 0
    return Late(tuple(labels), price, broken, n)


def fall_to_gradients(late: Late, cases: Iterable[Case]) -> int:
    """How many of the rows that fell late fall to walks along the gradient as well, for the price of the late attacks.

    cases: those rows, with draws that no attack has used. The cost is a share of that of the late attacks."""
    walk = PGD(
        steps=_STEPS, schedule="annealed", objective="margin", restarts=max(1, math.ceil(late.price / _STEPS))
    )  # fmt: skip
    return sum(int(judge(case, walk.run(case).x_adv).success.sum()) for case in cases)


def finding(late: Late, again: int) -> Finding:
    """More than two points of the data that fall to queries alone, and surely more than one, speak against gradients.

    again: how many of the rows that fell late fall to gradients of the same price."""
    left = late.broken - again
    figures = f"after attacks along the gradient, {', '.join(late.labels)} broke {late.broken} more of {late.n} rows"
    if late.matters:
        figures += (
            f"; for the same price again, {late.price:.0f} gradients a row, gradients alone break {again} of them"
        )
    if left <= MARGIN * late.n or surely_above(left, late.n, _LEVEL) <= MARGIN / 2:
        return Finding(name=_NAME, outcome="ok", figures=f"{figures}.")
    return Finding(
        name=_NAME, outcome="warning", figures=f"{figures}.",
        cause="The model hides its gradients on some rows (arXiv:1802.00420): single-step training bends the surface "
        "about the data, and so do saturated units.",
        remedy="Do not quote what gradient attacks alone leave standing; raise the effort: more starts, more queries.",
    )  # fmt: skip
