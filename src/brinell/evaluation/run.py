"""How an audit is run: survey, preflight, block after block, and the record at the end."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from brinell.attacks.base import POOL
from brinell.case import Case, batch_for, check_logits, check_parts, fitting, make_case, never
from brinell.data import Source, classes_of, columns_of
from brinell.errors import ModelFailedError
from brinell.evaluation.blocks import Block, clean_block, confirm_again, run_stage
from brinell.evaluation.budget import Purse
from brinell.evaluation.cascades import describe
from brinell.evaluation.certifying import certify_block, check_for_audit, check_unbroken, describe_method
from brinell.evaluation.efforts import Cascade
from brinell.evaluation.faults import Room, Watch, strange_words
from brinell.evaluation.files import CLOCK, EXAMPLES, RECORD, read_table
from brinell.evaluation.findings import Diagnosis
from brinell.evaluation.folder import RunFolder
from brinell.evaluation.harvest import as_table, pick_gallery
from brinell.evaluation.options import Options
from brinell.evaluation.preflight import notes, preflight
from brinell.evaluation.record import (
    AuditRecord,
    Clock,
    DataFacts,
    Origin,
    Settings,
    Versions,
    read_record,
)
from brinell.evaluation.survey import Survey, blocks, survey
from brinell.evaluation.tally import add_up
from brinell.evaluation.verdict import Subject, diagnose_run
from brinell.evaluation.versions import differences, goal_text, model_facts, versions_of
from brinell.facts import write_json
from brinell.goals import Goal
from brinell.models.classifier import Classifier
from brinell.models.state import evaluating, same_random_state
from brinell.threats import Threat

_Groups = dict[str, np.ndarray[Any, Any]]


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
    room: Room
    blind: bool  # the model gives no gradient
    sofar: Counter[str]  # rows that this session attacked, and that stand
    here: Versions  # what this session runs on; the run may have begun elsewhere

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
        job = _prepare(model, source, threat, fitting(goal, model), cascade, options)
        job = replace(job, facts=folder.open(job.facts, resume))
        if folder.finished:
            folder.clean_up()  # a kill may have come between the record and this
            return read_record(folder.path / RECORD)
        first = job.case(job.slices[0])
        with Watch(model, first):
            warnings = job.room.work(lambda batch: preflight(replace(first, batch=batch), modes))
        warnings += notes(cascade, job.facts.model.classes)
        if options.examples == "all":
            folder.adversarial((len(source), *job.facts.data.shape), model.anchor.dtype)
        done = _run_blocks(job, folder)
        folder.merge(len(job.slices))
        record = add_up(job.facts, (), folder.parts(len(job.slices)))
        if options.diagnose:
            record = record.model_copy(update={"diagnosis": _diagnose(job, record, folder)})
    record = record.model_copy(update={"warnings": warnings + _what_was_noted(job, folder)})
    if options.examples == "all":
        pick_gallery(folder, source)
    record = record.model_copy(update={"files": folder.hashes()}).sealed()
    write_json(record, folder.path / RECORD)
    _write_clock(folder, time.monotonic() - started, done)
    folder.clean_up()
    return record


def _prepare(
    model: Classifier, source: Source, threat: Threat, goal: Goal, cascade: Cascade, options: Options
) -> _Job:  # fmt: skip
    x, y = source.block(slice(0, 1))
    first = make_case(model, x, y, threat, goal=None, seed=options.seed, batch=options.batch)
    if options.certificate is not None:
        check_for_audit(options.certificate)
        options.certificate.prove(first)  # a layer without bounds is named before anything is attacked
    batch = options.batch or batch_for(first.x)
    logits = model(first.x.requires_grad_())
    classes = logits.shape[1]
    access = {attack.access for attack in cascade}
    blind = not logits.requires_grad and access != {"gradients"}  # else the first attack says so
    groups = {name: np.asarray(values) for name, values in source.groups.items()}
    found = survey(source, model, POOL * batch, groups, options.progress, threat)
    groups = {"class": found.y.numpy()} | groups
    if int(found.y.min()) < 0 or int(found.y.max()) >= classes - model.rejects:
        check_logits(torch.zeros(len(found.y), classes) - 1, found.y, model)  # names the row
    goal = goal.bind(found.y.to(first.x.device), classes)
    facts = _settings(model, source, threat, goal, cascade, options, found, batch, classes, tuple(groups))
    return _Job(
        model, source, threat, goal, cascade, groups, facts, options, Room(batch), blind, Counter(), facts.versions
    )


def _settings(  # noqa: PLR0913 - a record has many fields
    model: Classifier, source: Source, threat: Threat, goal: Goal, cascade: Cascade, options: Options,
    found: Survey, batch: int, classes: int, groups: tuple[str, ...],
) -> Settings:  # fmt: skip
    return Settings(
        model=model_facts(model, classes, options.origin),
        data=DataFacts(
            name=source.name, sha256=found.sha256, n=len(source), shape=found.shape, groups=groups,
            classes=classes_of(source) or model.classes, columns=columns_of(source),
        ),
        threat=str(threat), goal=goal_text(goal), effort=options.effort, cascade=describe(cascade),
        alone=options.alone, seed=options.seed, precision=model.precision, batch=batch,
        block=POOL * batch, examples=options.examples, diagnose=options.diagnose,
        budget=None if options.budget is None else str(options.budget),
        certificate=None if options.certificate is None else describe_method(options.certificate),
        versions=versions_of(model.anchor.device),
        origin=options.origin if isinstance(options.origin, Origin) else None,
    )  # fmt: skip


def _run_blocks(job: _Job, folder: RunFolder) -> int:
    """Attack every block that is not done yet; returns how many rows that were."""
    done = 0
    left = [rows.start for number, rows in enumerate(job.slices) if not folder.has_part(number)]
    purse = Purse(job.options.budget, min(left, default=0), len(job.source))
    for number, rows in enumerate(job.slices):
        if not folder.has_part(number):
            table, strange = _run_block(job, folder, rows, purse)
            moved = differences(job.facts.versions, job.here)
            folder.write_notes(number, {"memory": job.room.told(), "strange": strange, "moved": moved})
            folder.write_part(number, table)
            done += rows.stop - rows.start
        job.options.progress("attacking", rows.stop, len(job.source))
    return done


def _run_block(job: _Job, folder: RunFolder, rows: slice, purse: Purse) -> tuple[pa.Table, list[int]]:
    """The table of a block, and the ids of rows for which the model returned NaN. Raises ModelFailedError."""
    try:
        with same_random_state(job.options.seed * 1_000_003 + rows.start):  # what the model draws, resumed or not
            case = job.case(rows)
            with Watch(job.model, case) as watch:
                table = _attack_block(job, folder, rows, case, purse)
    except ModelFailedError as problem:
        raise ModelFailedError(
            f"{problem} {folder.rows_done:,} rows are done and kept in {folder.path}; mend the model, then resume."
        ) from problem.__cause__
    return table, watch.strange_rows


def _attack_block(job: _Job, folder: RunFolder, rows: slice, case: Case, purse: Purse) -> pa.Table:
    block = job.room.work(lambda batch: clean_block(replace(case, batch=batch), len(job.cascade)))
    if (method := job.options.certificate) is not None:
        job.room.work(lambda batch: certify_block(method, replace(case, batch=batch), block))
    for stage, attack in enumerate(job.cascade):
        if job.blind and attack.access == "gradients":
            continue
        told = replace(case, tick=_Meter(job, rows, stage, block), enough=_limit(purse, rows, block))
        job.room.work(
            lambda batch: run_stage(replace(told, batch=batch), block, stage, attack, job.options.alone)  # noqa: B023
        )
    job.sofar.update(rows=len(case), standing=int(block.standing.sum()))
    folder.write_rows(rows, block.x_adv)
    kept = job.facts.examples == "all"
    read_back = (lambda: folder.read_rows(rows)) if kept else (lambda: block.x_adv.cpu())
    job.room.work(lambda batch: confirm_again(replace(case, batch=batch), block, read_back))
    check_unbroken(case, block, [attack.label for attack in job.facts.cascade])
    groups = {name: values[rows] for name, values in job.groups.items()}
    return as_table(job.facts, groups, case, block)


def _limit(purse: Purse, rows: slice, block: Block) -> Callable[[float], bool]:
    """Whether so much more than what the block has cost already would be too much."""
    if purse.budget is None:
        return never  # by which searches know that they need not count
    before = block.spent
    return lambda more: purse.is_empty(rows.start, rows.stop, before + more)


def _diagnose(job: _Job, record: AuditRecord, folder: RunFolder) -> Diagnosis:
    """The verdict on the model."""
    job.options.progress("diagnosing", 0, None)
    subject = Subject(job.model, job.source, job.threat, job.goal)
    broken_by = read_table(folder.path / EXAMPLES)["broken_by"]
    return job.room.work(lambda batch: diagnose_run(subject, record, broken_by, batch, job.options.progress))


def _what_was_noted(job: _Job, folder: RunFolder) -> tuple[str, ...]:
    """Warnings about what happened on the way, in this session or in an earlier one."""
    kept = list(folder.notes(len(job.slices)))
    strange = [row for note in kept for row in note.get("strange", [])]
    said = [words for note in kept for words in note.get("memory", [])] + job.room.told()
    if strange:
        said.append(strange_words(strange))
    said += [
        f"the run was resumed on another machine than it began on ({words}): rounding may differ between its rows."
        for words in dict.fromkeys(note["moved"] for note in kept if note.get("moved"))
    ]
    if job.blind:
        blind = ", ".join(attack.label for attack, own in zip(job.facts.cascade, job.cascade, strict=True)
                          if own.access == "gradients")  # fmt: skip
        said.append(f"the model gives no gradient, so these attacks were left out: {blind}.")
    return tuple(said)


class _Meter:
    """Turns steps of one attack on one block into rows of the audit, by the share of the cascade's most steps."""

    def __init__(self, job: _Job, rows: slice, stage: int, block: Block) -> None:
        budgets = [attack.budget for attack in job.cascade]
        self._before, self._most, self._total = sum(budgets[:stage]), budgets[stage], sum(budgets)
        standing = job.sofar["standing"] + int(block.standing.sum())
        of = job.sofar["rows"] + rows.stop - rows.start
        self._label = f"attacking: {job.facts.cascade[stage].label}, {standing:,} of {of:,} standing"
        self._job, self._rows, self._steps = job, rows, 0
        self(0)

    def __call__(self, steps: int) -> None:
        self._steps = min(self._steps + steps, self._most)
        share = (self._before + self._steps) / self._total
        done = self._rows.start + int(share * (self._rows.stop - self._rows.start))
        self._job.options.progress(self._label, done, len(self._job.source))


def _write_clock(folder: RunFolder, seconds: float, rows: int) -> None:
    """What differs from run to run stays out of the record."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    clock = Clock(finished=now, seconds_of_last_session=round(seconds, 3), rows=rows)
    write_json(clock.sealed(), folder.path / CLOCK)
