"""Does a run folder hold what was measured? Hashes, every saved example judged again, every number added up."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from brinell.case import check_parts
from brinell.data import Source, classes_of, columns_of
from brinell.errors import InputError, InputMissingError
from brinell.evaluation.examples import read_examples
from brinell.evaluation.files import ADVERSARIAL, CLOCK, EXAMPLES, RECORD, sha256
from brinell.evaluation.folder import map_adversarial
from brinell.evaluation.record import AuditRecord, read_clock, read_record
from brinell.evaluation.rejudge import account, judge_again
from brinell.evaluation.survey import Survey, survey
from brinell.evaluation.tally import add_up
from brinell.evaluation.verdict import Subject, diagnose_run
from brinell.evaluation.versions import differences, goal_text, versions_of
from brinell.facts import Sealed, as_json
from brinell.goals import Away, Goal, Toward
from brinell.models.classifier import Classifier
from brinell.models.state import evaluating
from brinell.models.weights import weights_sha256
from brinell.progress import Progress, silent
from brinell.threats import threat


class Discrepancy(NamedTuple):
    """Something that is not as it should be: ``what`` it is (a file, the model, the data), and how it differs."""

    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.what}: {self.text}"


@dataclass(frozen=True)
class Verification:
    """What came of a verification: its findings, to be walked like a list; none means that all agrees.

    examples: saved examples that were judged again. notes: what could not be checked, and what may explain findings."""

    findings: tuple[Discrepancy, ...]
    examples: int = 0
    notes: tuple[str, ...] = ()

    @property
    def fine(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __iter__(self) -> Iterator[Discrepancy]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __str__(self) -> str:
        lines = list(map(str, self.findings))
        if self.fine:
            lines = [
                "Files, weights and data have the sha256 of the record, every number follows from the table, and the "
                f"table from judging {self.examples:,} saved examples again."
            ]
        return "\n".join([*lines, *self.notes])


def verify_run(
    folder: Path, model: Classifier, source: Source, goal: Goal | None = None, progress: Progress = silent
) -> Verification:  # fmt: skip
    """Check a finished run folder against the model and the data that it speaks of; what differs is a finding.

    goal: needed where each row had a wanted label of its own. Raises InputMissingError where there is no finished run,
    InputError on a goal that is not the record's and on data that the model cannot take."""
    if not (folder / RECORD).is_file():
        raise InputMissingError(f"there is no finished audit in {folder}.")
    try:
        record = read_record(folder / RECORD)
        ball = threat(record.settings.threat)
    except InputError as problem:
        return Verification((Discrepancy(RECORD, str(problem)),))
    check_parts(model, ball, goal, record.settings.seed)
    findings = tuple(_check_files(folder, record))
    with evaluating(model, record.settings.seed):
        found = survey(source, model, record.settings.block, source.groups, progress)
        if strangers := (*_check_model(record, model), *_check_data(record, source, found)):
            note = "The examples were not judged again: that takes the model and the data of the record."
            return Verification((*findings, *strangers), notes=(note,))
        try:
            wanted = _goal(record, goal, found)
        except InputError as problem:
            if not findings:
                raise
            return Verification((*findings, Discrepancy("the goal", str(problem))))
        try:
            subject = Subject(model, source, ball, wanted)
            more = tuple(_check_table(folder, record, subject, progress))
            more += () if findings or more else tuple(_check_diagnosis(folder, record, subject, progress))
        except InputError as problem:  # files that cannot be read as what they should be
            more = (Discrepancy("the run folder", str(problem)),)
    kept = record.settings.examples == "all"
    return Verification((*findings, *more), len(source) if kept else 0, tuple(_notes(record, model, bool(more))))


def _check_files(folder: Path, record: AuditRecord) -> Iterator[Discrepancy]:
    yield from _check_seal(folder / RECORD, record)
    for name, digest in record.files.items():
        if not (folder / name).is_file():
            yield Discrepancy(name, "the file is missing.")
        elif sha256(folder / name) != digest:
            yield Discrepancy(name, f"the file was changed: its sha256 is not {digest}, which the record holds.")
    if (folder / CLOCK).is_file():  # a kill may cost it, and it says nothing of the results
        try:
            yield from _check_seal(folder / CLOCK, read_clock(folder / CLOCK))
        except InputError as problem:
            yield Discrepancy(CLOCK, str(problem))


def _check_seal(path: Path, facts: Sealed) -> Iterator[Discrepancy]:
    if facts.seal != facts.sha256:
        yield Discrepancy(path.name, "the file was edited: its facts do not give the sha256 that it holds.")
    elif path.read_text(encoding="utf-8") != as_json(facts):
        yield Discrepancy(path.name, "the file was edited, though its facts are the same.")


def _check_model(record: AuditRecord, model: Classifier) -> Iterator[Discrepancy]:
    facts = record.settings.model
    here = {
        "weights' sha256": (facts.sha256, weights_sha256(model)),
        "bounds": (facts.bounds, str(model.bounds)),
        "network": (facts.network, type(model.bare.net).__name__),
        "guards": (", ".join(guard.label for guard in facts.guards), ", ".join(guard.label for guard in model.guards)),
    }
    yield from _compare("the model", here)


def _check_data(record: AuditRecord, source: Source, found: Survey) -> Iterator[Discrepancy]:
    facts = record.settings.data
    here: dict[str, tuple[Any, Any]] = {
        "rows": (facts.n, len(source)),
        "groups": (facts.groups, tuple({"class": None} | dict(source.groups))),
        "sha256": (facts.sha256, found.sha256),
    }
    for what, there, name in (("classes", facts.classes, classes_of), ("columns", facts.columns, columns_of)):
        if there and (known := name(source)):
            here |= {f"names of {what}": (there, known)}
    yield from _compare("the data", here)


def _compare(what: str, pairs: dict[str, tuple[Any, Any]]) -> Iterator[Discrepancy]:
    for name, (there, here) in pairs.items():
        if there != here:
            yield Discrepancy(what, f"{name}: {there} in the record, {here} here.")


def _check_table(
    folder: Path, record: AuditRecord, subject: Subject, progress: Progress
) -> Iterator[Discrepancy]:  # fmt: skip
    """Record against table, the table against itself, and the table against the judge."""
    table = read_examples(folder / EXAMPLES, record)
    again = add_up(record.settings, record.warnings, [table])
    for name in sorted(again.model_fields_set - {"settings", "warnings"}):
        there, here = (facts.model_dump(mode="json")[name] for facts in (record, again))
        yield from (Discrepancy(RECORD, text) for text in _differences(name, there, here))
    yield from (Discrepancy(EXAMPLES, text) for text in account(record, table))
    x_adv = map_adversarial(folder / ADVERSARIAL) if record.settings.examples == "all" else None
    for text in judge_again(record, table, x_adv, subject.model, subject.source, subject.goal, progress):
        yield Discrepancy(EXAMPLES, text)


def _check_diagnosis(
    folder: Path, record: AuditRecord, subject: Subject, progress: Progress
) -> Iterator[Discrepancy]:  # fmt: skip
    """The findings of the record against those that the same checks make now."""
    if record.settings.diagnose and record.diagnosis is None:
        yield Discrepancy(RECORD, "the diagnosis is missing.")
    if record.diagnosis is None:
        return
    broken_by = read_examples(folder / EXAMPLES, record)["broken_by"]
    again = diagnose_run(subject, record, broken_by, record.settings.batch, progress)
    there, here = ({str(finding) for finding in diagnosis.findings} for diagnosis in (record.diagnosis, again))
    yield from (Discrepancy(RECORD, f"the diagnosis says, {text} It does not now.") for text in sorted(there - here))
    yield from (Discrepancy(RECORD, f"the diagnosis now says, {text}") for text in sorted(here - there))


def _differences(name: str, there: Any, here: Any) -> Iterator[str]:
    if isinstance(there, dict) and isinstance(here, dict):
        for key in here:
            yield from _differences(f"{name}.{key}", there.get(key), here[key])
    elif isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        for i, pair in enumerate(zip(there, here, strict=True)):
            yield from _differences(f"{name}[{i}]", *pair)
    elif there != here:
        yield f"{name} is {there}; the table of examples gives {here}."


def _goal(record: AuditRecord, given: Goal | None, found: Survey) -> Goal:
    """The goal of the record, for all rows. Raises InputError where it has to be given, or another one is."""
    text, classes = record.settings.goal, record.settings.model.classes
    kind, _, label = text.partition(" ")
    known: Goal | None = Toward(int(label)) if label.isdigit() else Away() if kind == "away" else None
    if (goal := given or known) is None:
        raise InputError(f"the goal of this audit is {text}: pass goal=Toward(labels) with the same labels.")
    bound = goal.bind(found.y, classes)
    if goal_text(bound) != text:
        raise InputError(f"the goal is {goal_text(bound)}, that of the record is {text}; pass the same labels.")
    return bound


def _notes(record: AuditRecord, model: Classifier, judged_otherwise: bool) -> Iterator[str]:
    if record.settings.examples == "none":
        yield "The audit kept no examples, so none could be judged again."
    words = differences(record.settings.versions, versions_of(model.anchor.device))
    if judged_otherwise and words:
        yield f"The run was made elsewhere ({words}): rounding alone may decide rows that stand or fall by a hair."
