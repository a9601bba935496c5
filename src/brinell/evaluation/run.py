"""How an audit is run: survey, preflight, block after block, and the record at the end."""

import hashlib
import json
import time
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import torch

from brinell.attacks.base import POOL
from brinell.case import Case, batch_for, check_logits, check_parts, make_case
from brinell.data import Source
from brinell.evaluation.blocks import clean_block, confirm_again, run_stage
from brinell.evaluation.cascades import Cascade, describe
from brinell.evaluation.folder import CLOCK, RECORD, RunFolder
from brinell.evaluation.harvest import add_up, as_table, pick_gallery
from brinell.evaluation.preflight import preflight
from brinell.evaluation.record import (
    AuditRecord,
    DataFacts,
    ModelFacts,
    Settings,
    read_record,
    versions_of,
    write_json,
)
from brinell.evaluation.survey import Survey, blocks, survey
from brinell.goals import Away, Goal
from brinell.models.classifier import Classifier
from brinell.models.state import evaluating, same_random_state
from brinell.models.weights import weights_sha256
from brinell.progress import Progress
from brinell.threats import Threat

_Groups = dict[str, np.ndarray[Any, Any]]


class Options(NamedTuple):
    """How to run, beside what to attack."""

    effort: str
    alone: bool
    seed: int
    batch: int | None
    examples: Literal["all", "none"]
    origin: str | None
    progress: Progress


@dataclass(frozen=True)
class _Job:
    """An audit under way."""

    model: Classifier
    source: Source
    threat: Threat
    goal: Goal
    cascade: Cascade
    groups: _Groups
    facts: Settings
    options: Options

    def case(self, rows: slice) -> Case:
        x, y = self.source.block(rows)
        ids = torch.arange(rows.start, rows.stop)
        return make_case(
            self.model, x, y, self.threat, goal=self.goal.take(rows), seed=self.options.seed, ids=ids,
            batch=self.facts.batch,
        )  # fmt: skip

    @property
    def slices(self) -> list[slice]:
        return list(blocks(len(self.source), self.facts.block))


def run_audit(
    model: Classifier, source: Source, threat: Threat, goal: Goal | None, cascade: Cascade, folder: RunFolder,
    options: Options, resume: bool,
) -> AuditRecord:  # fmt: skip
    """Run the audit, or what is left of it, in ``folder``; its files and its record depend on the settings alone.

    Raises InputError on anything that cannot be worked with, before the first attack where it can be seen."""
    started = time.monotonic()
    check_parts(model, threat, goal, options.seed)
    modes = {module: module.training for module in model.modules()}
    with evaluating(model, options.seed):
        job = _prepare(model, source, threat, goal or Away(), cascade, options)
        folder.open(job.facts, resume)
        if folder.finished:
            folder.clean_up()  # a kill may have come between the record and this
            return read_record(folder.path / RECORD)
        warnings = preflight(job.case(job.slices[0]), modes)
        if options.examples == "all":
            folder.adversarial((len(source), *job.facts.data.shape), model.anchor.dtype)
        done = _run_blocks(job, folder)
    folder.merge(len(job.slices))
    record = add_up(job.facts, warnings, folder.parts(len(job.slices)))
    if options.examples == "all":
        pick_gallery(folder, source)
    write_json(record, folder.path / RECORD)
    _write_clock(folder, time.monotonic() - started, done)
    folder.clean_up()
    return record


def _prepare(
    model: Classifier, source: Source, threat: Threat, goal: Goal, cascade: Cascade, options: Options
) -> _Job:  # fmt: skip
    x, y = source.block(slice(0, 1))
    first = make_case(model, x, y, threat, goal=None, seed=options.seed, batch=options.batch)
    batch = options.batch or batch_for(first.x)
    with torch.no_grad():
        classes = model(first.x).shape[1]
    groups = {name: np.asarray(values) for name, values in source.groups.items()}
    found = survey(source, model, POOL * batch, groups, options.progress)
    groups = {"class": found.y.numpy()} | groups
    if int(found.y.min()) < 0 or int(found.y.max()) >= classes:
        check_logits(torch.zeros(len(found.y), classes) - 1, found.y, model)  # names the row
    goal = goal.bind(found.y.to(first.x.device), classes)
    facts = _settings(model, source, threat, goal, cascade, options, found, batch, classes, tuple(groups))
    return _Job(model, source, threat, goal, cascade, groups, facts, options)


def _settings(  # noqa: PLR0913 - a record has many fields
    model: Classifier, source: Source, threat: Threat, goal: Goal, cascade: Cascade, options: Options,
    found: Survey, batch: int, classes: int, groups: tuple[str, ...],
) -> Settings:  # fmt: skip
    return Settings(
        model=ModelFacts(
            network=type(model.net).__name__, sha256=weights_sha256(model), classes=classes, bounds=str(model.bounds),
            parameters=sum(p.numel() for p in model.parameters()), normalize=model.normalizes, origin=options.origin,
        ),
        data=DataFacts(name=source.name, sha256=found.sha256, n=len(source), shape=found.shape, groups=groups),
        threat=str(threat), goal=_goal_text(goal), effort=options.effort, cascade=describe(cascade),
        alone=options.alone, seed=options.seed, precision=model.precision, batch=batch,
        block=POOL * batch, examples=options.examples, versions=versions_of(model.anchor.device),
    )  # fmt: skip


def _goal_text(goal: Goal) -> str:
    labels = getattr(goal, "labels", None)
    if labels is None:
        return "away"
    wanted = labels.unique().tolist()
    if len(wanted) == 1:
        return f"toward {wanted[0]}"
    return f"toward labels, sha256 {hashlib.sha256(labels.cpu().numpy().tobytes()).hexdigest()}"


def _run_blocks(job: _Job, folder: RunFolder) -> int:
    """Attack every block that is not done yet; returns how many rows that were."""
    done = 0
    for number, rows in enumerate(job.slices):
        if not folder.has_part(number):
            folder.write_part(number, _run_block(job, folder, rows))
            done += rows.stop - rows.start
        job.options.progress("attacking", rows.stop, len(job.source))
    return done


def _run_block(job: _Job, folder: RunFolder, rows: slice) -> pa.Table:
    with same_random_state(job.options.seed * 1_000_003 + rows.start):  # what the model draws, resumed or not
        return _attack_block(job, folder, rows)


def _attack_block(job: _Job, folder: RunFolder, rows: slice) -> pa.Table:
    case = job.case(rows)
    block = clean_block(case, len(job.cascade))
    for stage, attack in enumerate(job.cascade):
        run_stage(replace(case, tick=_Meter(job, rows, stage)), block, stage, attack, job.options.alone)
    folder.write_rows(rows, block.x_adv)
    kept = job.facts.examples == "all"
    confirm_again(case, block, (lambda: folder.read_rows(rows)) if kept else (lambda: block.x_adv.cpu()))
    groups = {name: values[rows] for name, values in job.groups.items()}
    return as_table(job.facts, groups, case, block)


class _Meter:
    """Turns steps of one attack on one block into rows of the audit, by the share of the cascade's most steps."""

    def __init__(self, job: _Job, rows: slice, stage: int) -> None:
        budgets = [attack.budget for attack in job.cascade]
        self._before, self._most, self._total = sum(budgets[:stage]), budgets[stage], sum(budgets)
        self._label = f"attacking: {job.facts.cascade[stage].label}"
        self._job, self._rows, self._steps = job, rows, 0
        self(0)

    def __call__(self, steps: int) -> None:
        self._steps = min(self._steps + steps, self._most)
        share = (self._before + self._steps) / self._total
        done = self._rows.start + int(share * (self._rows.stop - self._rows.start))
        self._job.options.progress(self._label, done, len(self._job.source))


def _write_clock(folder: RunFolder, seconds: float, rows: int) -> None:
    """What differs from run to run stays out of the record."""
    clock = {
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds_of_last_session": round(seconds, 3),
        "rows": rows,
    }
    (folder.path / CLOCK).write_text(json.dumps(clock, indent=2) + "\n", encoding="utf-8")
