"""The held-out slice: a PGD check after every epoch, so that a collapse is noticed and the best epoch kept."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brinell.attacks import FGSM, PGD, Attack
from brinell.case import Case, make_case
from brinell.data import Source
from brinell.defenses.log import EpochResult, TrainingLog
from brinell.defenses.workers import Workers
from brinell.goals import Away
from brinell.judge import judge, logits_of
from brinell.models.classifier import Classifier
from brinell.models.state import evaluating
from brinell.statistics import Rate
from brinell.threats import Threat

_PGD = PGD(steps=10)
_FALL = 0.2  # of all held-out rows, or twice the standard error of a rate, whichever is more
_BLOCK = 1024  # rows that are read and attacked at once


@dataclass
class Guard:
    """Watches the held-out rows and remembers the best weights.

    groups: (n,) text, the group of each row where the worst group decides. workers: share the rows among them."""

    rows: Source
    threat: Threat
    seed: int
    groups: np.ndarray[Any, Any] | None = None
    workers: Workers | None = None
    weights: dict[str, Tensor] = field(default_factory=dict)

    def look(self, model: Classifier, log: TrainingLog, result: EpochResult) -> TrainingLog:
        """Measure the epoch, keep its weights if none was better, and say so if it collapsed."""
        now, before = self._measure(model, result), log.best
        log = log.model_copy(update={"epochs": (*log.epochs, now)})
        if before is None or now.score >= before.score:
            self.weights = _copy(model.state_dict())
            return log.model_copy(update={"best_epoch": now.epoch})
        name = self._collapse(before, now)
        if name is None or any(note.endswith(_KEPT) for note in log.notes):
            return log
        return log.noting(
            f"{name} in epoch {now.epoch}: on {len(self.rows)} held-out rows accuracy under "
            f"PGD-{_PGD.steps} fell to {_value(now.pgd):.1%} from {_value(before.pgd):.1%} in epoch {before.epoch}, "
            f"while under FGSM it is {_value(now.fgsm):.1%}. {_KEPT}"
        )

    def _collapse(self, before: EpochResult, now: EpochResult) -> str | None:
        """What a fall of PGD accuracy by more than noise explains is called; None where there is none."""
        fall = _value(before.pgd) - _value(now.pgd)
        if fall <= max(_FALL, 1 / len(self.rows) ** 0.5):
            return None
        return "Catastrophic overfitting" if fall > 2 * (_value(before.fgsm) - _value(now.fgsm)) else "A collapse"

    def _measure(self, model: Classifier, result: EpochResult) -> EpochResult:
        clean, fgsm, pgd = self._stand(model)
        measured = {"clean": _rate(clean), "fgsm": _rate(fgsm), "pgd": _rate(pgd)}
        return result.model_copy(update=measured | self._worst(pgd))

    def _worst(self, pgd: Tensor) -> dict[str, Any]:
        if self.groups is None:
            return {}
        rates = {str(group): _rate(pgd[torch.from_numpy(self.groups == group)]) for group in np.unique(self.groups)}
        worst = min(rates, key=lambda group: rates[group].value)
        return {"worst": rates[worst], "worst_group": worst}

    def _stand(self, model: Classifier) -> Tensor:
        """Which rows are right without an attack, under FGSM and under PGD: (3, n) bool."""
        rank, count = (self.workers.rank, self.workers.count) if self.workers else (0, 1)
        stand = torch.zeros(3, len(self.rows), device=model.anchor.device)
        mine = np.arange(rank, len(self.rows), count)
        with evaluating(model, self.seed):
            for rows in np.split(mine, range(_BLOCK, len(mine), _BLOCK)):
                if len(rows):
                    x, y = self.rows.block(rows)
                    case = make_case(model, x, y, self.threat, goal=None, seed=self.seed, ids=rows)
                    stand[:, torch.from_numpy(rows).to(stand.device)] = _outcomes(case)
        if self.workers:
            self.workers.sum_([stand])
        return stand.bool().cpu()


_KEPT = "The best epoch is kept."


def _outcomes(case: Case) -> Tensor:
    right = ~Away().reached(logits_of(case.model, case.x, case.batch), case.y)
    return torch.stack([right, _standing(case, right, FGSM()), _standing(case, right, _PGD)]).float()


def _standing(case: Case, right: Tensor, attack: Attack) -> Tensor:
    """Which of the rows that are right stay so, (N,) bool."""
    stands, rows = right.clone(), right.nonzero().flatten()
    if len(rows):
        part = case.take(rows)
        stands[rows] = ~judge(part, attack.run(part).x_adv).success
    return stands


def _rate(hits: Tensor) -> Rate:
    return Rate(int(hits.sum()), len(hits))


def _value(rate: Rate | None) -> float:
    return rate.value if rate else 0.0


def _copy(state: dict[str, Any]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.items() if isinstance(value, Tensor)}
