"""The static attack: examples made for the bare model, as if nothing stood before it. It says how little that tells."""

from dataclasses import dataclass, replace

from brinell.attacks.base import Attack, Found
from brinell.attacks.loop import DECAY, Momentum, Plan, annealed, ascend
from brinell.attacks.starts import center
from brinell.case import Case
from brinell.evaluation.efforts import Cascade
from brinell.goals import Unnoticed
from brinell.models.classifier import Classifier
from brinell.objectives import margin


@dataclass(frozen=True, slots=True, kw_only=True)
class Static(Attack):
    """Walk up the margin of the model without its guards; whoever stands before it is not asked.

    All steps are taken with every row, also with those that broke on the way: what lies far beyond the boundary
    passes a guard more easily than what has just crossed it. So this is a strong static attack, and still a poor
    measure of a guard: Athalye et al. 2018, arXiv:1802.00420; Tramer et al. 2020, arXiv:2002.08347."""

    source = "arXiv:2002.08347"
    steps: int = 40

    @property
    def label(self) -> str:
        """What records call it."""
        return f"static ({self.steps} steps on the bare model)"

    @property
    def budget(self) -> int:
        """A gradient a step."""
        return self.steps

    def search(self, case: Case) -> Found:
        """As many steps as the budget allows; each last point is a candidate."""
        found = Found.nothing(case)
        steps = next((some for some in range(self.steps, 0, -1) if not case.enough(some * len(case))), 0)
        goal = case.goal.goal if isinstance(case.goal, Unnoticed) else case.goal  # nobody turns it away there
        bare = replace(case, model=case.model.bare, goal=goal)
        plan = Plan(center, margin, annealed(1.0, steps), Momentum(DECAY))
        for start in range(0, len(case), case.batch):
            rows = slice(start, start + case.batch)
            found.x_adv[rows] = ascend(bare.take(rows), plan)
        case.tick(steps)
        found.gradients[:] = steps
        return found._replace(nominated=~found.nominated)


def through(model: Classifier, cascade: Cascade) -> Cascade:
    """The cascade, with the static attack before it where something stands before the model."""
    return cascade if model.bare is model or not cascade else (Static(), *cascade)
