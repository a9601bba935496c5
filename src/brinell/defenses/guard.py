"""The held-out slice: a PGD check after every epoch, so that a collapse is noticed and the best epoch kept."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brinell.attacks import FGSM, PGD, Attack
from brinell.case import Case, make_case
from brinell.data import Selected, Source, labels
from brinell.data.sampling import stratified_rows
from brinell.defenses.log import EpochResult
from brinell.goals import Away
from brinell.judge import judge, logits_of
from brinell.models.classifier import Classifier
from brinell.models.state import evaluating
from brinell.statistics import Rate
from brinell.threats import Threat

_SHARE, _MOST, _LEAST = 0.05, 500, 20  # of the rows; rows; fewer rows than this tell nothing
_PGD = PGD(steps=10)
_FALL = 0.2  # of all held-out rows, or twice the standard error of a rate, whichever is more


def hold_out(source: Source, seed: int) -> tuple[Source, Source | None]:
    """Split off a stratified slice of 5 % (at most 500 rows) for the check; None where that would be under 20 rows."""
    n = min(_MOST, int(_SHARE * len(source)))
    if n < _LEAST:
        return source, None
    chosen = stratified_rows(labels(source).numpy(), n, seed)
    rest = np.setdiff1d(np.arange(len(source)), chosen)
    return Selected(source, rest), Selected(source, chosen)


@dataclass
class Guard:
    """Watches the held-out rows and remembers the best weights."""

    rows: Source
    threat: Threat
    seed: int
    best: EpochResult | None = None
    weights: dict[str, Tensor] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def look(self, model: Classifier, result: EpochResult) -> EpochResult:
        """Measure the epoch, keep its weights if none was better, and say so if it collapsed."""
        result = self._measure(model, result)
        before, now = self.best, result
        if before is None or _score(now) >= _score(before):
            self.best, self.weights = now, _copy(model.state_dict())
        elif (name := self._collapse(before, now)) and not self.notes:
            self.notes.append(
                f"{name} in epoch {now.epoch}: on {len(self.rows)} held-out rows accuracy under "
                f"PGD-{_PGD.steps} fell to {_score(now):.1%} from {_score(before):.1%} in epoch {before.epoch}, while "
                f"under FGSM it is {now.fgsm.value if now.fgsm else 0:.1%}. The best epoch is kept."
            )
        return result

    def _collapse(self, before: EpochResult, now: EpochResult) -> str | None:
        """What a fall of PGD accuracy by more than noise explains is called; None where there is none."""
        fall = _score(before) - _score(now)
        if fall <= max(_FALL, 1 / len(self.rows) ** 0.5):
            return None
        fgsm_fall = before.fgsm.value - now.fgsm.value if before.fgsm and now.fgsm else 0.0
        return "Catastrophic overfitting" if fall > 2 * fgsm_fall else "A collapse"

    def _measure(self, model: Classifier, result: EpochResult) -> EpochResult:
        with evaluating(model, self.seed):
            x, y = self.rows.block(slice(0, len(self.rows)))
            case = make_case(model, x, y, self.threat, goal=None, seed=self.seed)
            right = ~Away().reached(logits_of(model, case.x, case.batch), case.y)
            n = len(case)
            return result.model_copy(update={
                "clean": Rate(int(right.sum()), n),
                "fgsm": Rate(_standing(case, right, FGSM()), n),
                "pgd": Rate(_standing(case, right, _PGD), n),
            })  # fmt: skip


def _standing(case: Case, right: Tensor, attack: Attack) -> int:
    rows = right.nonzero().flatten()
    if not len(rows):
        return 0
    part = case.take(rows)
    return int((~judge(part, attack.run(part).x_adv).success).sum())


def _score(result: EpochResult) -> float:
    return result.pgd.value if result.pgd else 0.0


def _copy(state: dict[str, Any]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.items() if isinstance(value, torch.Tensor)}
