"""FGSM: one step."""

from dataclasses import dataclass

from brinell.attacks.base import Attack, Found
from brinell.attacks.loop import Plan, ascend
from brinell.attacks.starts import center
from brinell.case import Case
from brinell.objectives import Objective, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class FGSM(Attack):
    """One steepest step of length eps from the input; the result is not looked at.

    objective: "cross_entropy" (default), "margin", "dlr", "probability_margin", or a callable of logits and labels.
    Source: Goodfellow et al. 2015, arXiv:1412.6572; here for any threat set and goal."""

    source = "arXiv:1412.6572"
    objective: str | Objective = "cross_entropy"

    def __post_init__(self) -> None:
        resolve(self.objective)

    def search(self, case: Case) -> Found:
        """One gradient a row."""
        found = Found.nothing(case)
        plan = Plan(center, resolve(self.objective), sizes=(1.0,))
        for start in range(0, len(case), case.batch):
            rows = slice(start, start + case.batch)
            found.x_adv[rows] = ascend(case.take(rows), plan)
        found.gradients[:] = 1
        return found._replace(nominated=~found.nominated)  # each is a candidate: nobody looked
