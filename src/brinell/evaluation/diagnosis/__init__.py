"""The diagnosis: does the model let itself be attacked by gradients, so that its robust accuracy can be believed?

After Athalye et al. 2018 (arXiv:1802.00420), Carlini et al. 2019 (arXiv:1902.06705), Tramer et al. 2020
(arXiv:2002.08347) and Pintor et al. 2022 (arXiv:2106.09947). Add a check: a look with its words (``checks``), and a
line in ``CHECKS``.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from brinell.case import Case, make_case
from brinell.data import Source
from brinell.evaluation.diagnosis import afterwards, jumps, outputs, searches, slope
from brinell.evaluation.diagnosis.checks import Check
from brinell.evaluation.diagnosis.trial import Trial
from brinell.evaluation.findings import Diagnosis, Finding
from brinell.goals import Away
from brinell.judge import logits_of
from brinell.models.classifier import Classifier
from brinell.progress import Progress, silent
from brinell.statistics import Rate
from brinell.threats import Threat

CHECKS: tuple[Check, ...] = (
    outputs.steady,
    outputs.apart,
    outputs.decided,
    slope.exists,
    slope.of_cross_entropy,
    slope.everywhere,
    slope.is_true,
    jumps.continuous,
    slope.reaches,
    slope.beats_noise,
    searches.steps_gain,
    searches.many_beat_one,
    searches.white_beats_black,
    searches.large_eps_breaks,
)
ROWS = 128  # that the model gets right: enough to tell one half from nearly all, and from nearly none
FEW = 48  # at least as many are attacked, where there are so many
_PART = 8  # and one in so many of the data: the diagnosis is to cost little beside the audit
FEWEST = 16  # below which no exact test at the level of one check can tell
_VALUES = 1 << 20  # fewer rows where rows are large: memory does not grow with the data
_ALIKE = 0.95  # of the rows: from there on a model gives all the same answer
_LEVEL = 0.01  # the chance that any check cries wolf, where each is at the border of what it tolerates


class Sample(NamedTuple):
    """Rows for a diagnosis. case: up to 128 that the model gets right (fewer where rows are large), the goal away from
    the truth. right: of ``looked`` rows, how many were. lucky: the share that is right by chance."""

    case: Case
    right: int
    looked: int
    lucky: float

    @property
    def chance(self) -> str:
        """That the model is no better than chance, in words; empty where it is, with 95 % confidence."""
        if Rate(self.right, self.looked).low > self.lucky:
            return ""
        return f"{self.right} of {self.looked} rows are right, and {self.lucky:.1%} would be by chance."


def examine(sample: Sample, n: int, progress: Progress = silent) -> Diagnosis:
    """The findings on rows that the model gets right, from data of ``n`` rows.

    The model must be in eval mode with frozen parameters. All tests together are at 1 % (Bonferroni)."""
    case = sample.case
    if len(case) < FEWEST:
        return Diagnosis(rows=len(case), findings=(_too_few(len(case)),))
    trial = Trial(case, _LEVEL / len(CHECKS), max(FEW, n // _PART), sample.chance)
    findings = list[Finding]()
    for done, check in enumerate(CHECKS, 1):
        findings.append(check(trial))
        progress("diagnosing", done, len(CHECKS))
    return Diagnosis(rows=len(case), findings=tuple(findings))


def without_cascade(diagnosis: Diagnosis) -> Diagnosis:
    """The same, saying that nobody has looked at what queries break after gradients: no cascade was run."""
    return diagnosis.model_copy(update={"findings": (*diagnosis.findings, afterwards.UNSEEN)})


def right_rows(model: Classifier, source: Source, threat: Threat, seed: int, batch: int | None) -> Sample:
    """Rows that the model gets right, chosen by the seed alone.

    The model must be in eval mode. Where it gets none right, the case is empty."""
    keys = np.random.PCG64([seed % (1 << 64), len(source)]).random_raw(len(source))
    order, kept, answers = np.argsort(keys, kind="stable"), list[Case](), list[tuple[Tensor, Tensor]]()
    size = torch.Size(source.block(slice(0, 1))[0].shape).numel()
    wanted = max(FEW, min(ROWS, _VALUES // size))
    for start in range(0, len(order), wanted):
        rows = np.sort(order[start : start + wanted])
        x, y = source.block(rows)
        case = make_case(model, x, y, threat, goal=None, seed=seed, ids=torch.from_numpy(rows), batch=batch)
        logits = logits_of(model, case.x, case.batch)
        right = ~Away().reached(logits, case.y) & logits.isfinite().all(1)
        answers.append((logits.argmax(1), case.y))
        kept.append(case.take(right.nonzero().flatten()[: wanted - sum(map(len, kept))]))
        if sum(map(len, kept)) == wanted:
            break
    whole = replace(
        kept[0], x=torch.cat([part.x for part in kept]), y=torch.cat([part.y for part in kept]),
        draws=replace(kept[0].draws, ids=torch.cat([part.draws.ids for part in kept])),
    )  # fmt: skip
    given, true = (torch.cat(parts) for parts in zip(*answers, strict=True))
    return Sample(whole, int((given == true).sum()), len(true), _by_chance(given, true, logits.shape[1]))


def _by_chance(given: Tensor, true: Tensor, classes: int) -> float:
    """The share that is right by chance: one class in so many; or, of a model that gives nearly all rows the same
    label, as many as have the commonest."""
    if int(given.bincount().max()) < _ALIKE * len(given):
        return 1 / classes
    return max(1 / classes, int(true.bincount().max()) / len(true))


def _too_few(n: int) -> Finding:
    return Finding(
        name="there are rows to look at", outcome="warning",
        figures=f"the model gets {n} of the rows right that were looked at.",
        cause="Too few to tell anything.", remedy=f"Audit on at least {FEWEST} rows that the model gets right.",
    )  # fmt: skip


__all__ = ["CHECKS", "FEWEST", "ROWS", "Sample", "examine", "right_rows", "without_cascade"]
