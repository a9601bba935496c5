"""The diagnosis of an audit: checks on the model, and what its cascade tells. A verification makes it anew."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch

from brinell.attacks.base import POOL
from brinell.case import Case, make_case
from brinell.data import Source
from brinell.evaluation.diagnosis import examine, right_rows
from brinell.evaluation.diagnosis.afterwards import fall_to_gradients, finding, latecomers
from brinell.evaluation.findings import Diagnosis
from brinell.evaluation.record import AuditRecord
from brinell.goals import Goal
from brinell.models.classifier import Classifier
from brinell.models.state import same_random_state
from brinell.progress import Progress
from brinell.threats import Threat


@dataclass(frozen=True)
class Subject:
    """What was audited; the goal is bound to all rows."""

    model: Classifier
    source: Source
    threat: Threat
    goal: Goal


def diagnose_run(
    subject: Subject, record: AuditRecord, broken_by: pa.ChunkedArray, batch: int, progress: Progress
) -> Diagnosis:  # fmt: skip
    """The verdict on the model of an audit: on rows, and with draws, that depend on the seed alone.

    broken_by: that column of its table. The model must be in eval mode."""
    facts = record.settings
    with same_random_state(facts.seed):
        sample = right_rows(subject.model, subject.source, subject.threat, facts.seed, batch)
        diagnosis = examine(sample, facts.data.n, progress)
        late = latecomers(facts.cascade, record.stages, facts.data.n)
        if not late.labels:
            return diagnosis
        fell = np.flatnonzero(np.isin(np.array(broken_by.to_pylist(), dtype=object), late.labels))
        again = fall_to_gradients(late, _cases(subject, record, fell, batch)) if late.matters else 0
    return diagnosis.model_copy(update={"findings": (*diagnosis.findings, finding(late, again))})


def _cases(subject: Subject, record: AuditRecord, rows: np.ndarray, batch: int) -> Iterator[Case]:
    """Rows of the data, block by block, with the draws of a stage that no attack of the cascade has."""
    for start in range(0, len(rows), POOL * batch):
        some = rows[start : start + POOL * batch]
        ids = torch.from_numpy(some)
        x, y = subject.source.block(some)
        case = make_case(
            subject.model, x, y, subject.threat, goal=subject.goal.take(ids), seed=record.settings.seed, ids=ids,
            batch=batch,
        )  # fmt: skip
        yield case.at(stage=len(record.settings.cascade))
