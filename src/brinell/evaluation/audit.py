"""The audit: a cascade over a data set, judged, by group, in a folder that can be resumed, stored and read again."""

import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from brinell.errors import InputMissingError, OutputExistsError, needing
from brinell.evaluation.examples import read_examples
from brinell.evaluation.files import ADVERSARIAL, EXAMPLES, RECORD, Scratch
from brinell.evaluation.findings import Diagnosis, Soundness
from brinell.evaluation.groups import GroupGap, GroupRow, as_table, by_group, group_gap, worst_group
from brinell.evaluation.labels import Label
from brinell.evaluation.record import AuditRecord, read_record
from brinell.statistics import Rate

if TYPE_CHECKING:  # a record can be read and shown without torch
    from pandas import DataFrame
    from torch import Tensor


@dataclass(frozen=True)
class Audit:
    """A finished audit: the record and the files in its run folder.

    Robust accuracy is an upper bound (a stronger attack may break more), and its interval speaks of sampling only.
    Two audits are equal if their records and their tables are."""

    record: AuditRecord
    folder: Path
    _keep: Scratch | None = field(default=None, repr=False)  # removed with the last reference

    @property
    def clean_accuracy(self) -> Rate:
        """Rows that the model gets right without an attack."""
        return self.record.clean.rate

    @property
    def robust_accuracy(self) -> Rate:
        """Rows that are right and that no attack of the cascade broke: an upper bound."""
        return self.record.robust.rate

    @property
    def static_accuracy(self) -> Rate | None:
        """Rows that are right and that examples made for the model without its sanitisers or detector leave so.

        None where nothing stands before the model. Robust accuracy, measured through them, is at most this."""
        return self.record.static.rate if self.record.static else None

    @property
    def false_alarms(self) -> Rate | None:
        """Clean rows that a detector turns away, of all rows; None without a detector."""
        return self.record.false_alarms.rate if self.record.false_alarms else None

    @property
    def certified_accuracy(self) -> Rate | None:
        """Rows that are proved to stand, whatever the attack: a lower bound. None where it was not asked for."""
        return self.record.certified.rate if self.record.certified else None

    @property
    def diagnosis(self) -> Diagnosis | None:
        """Whether the robust accuracy can be believed, check by check; None where it was not asked for."""
        return self.record.diagnosis

    @property
    def verdict(self) -> Soundness | None:
        """Whether the model hides its gradients: "sound", "doubtful" or "unsound"; None without a diagnosis."""
        return self.diagnosis.verdict if self.diagnosis else None

    @cached_property
    def table(self) -> pa.Table:
        """A row per example: id, label, group_*, clean_prediction, clean_confidence (the probability that the model
        gives its prediction), broken_by (null: it stands; "clean": wrong without an attack), adversarial_prediction,
        adversarial_confidence, distance, gradients, forwards, unstable; certified, where asked for; for pictures
        eight_bits (whether a broken row stays so when rounded to 8 bits); where sanitisers draw redrawn (whether it
        stays so with other draws); for each attack ``gradients: ATTACK``, ``forwards: ATTACK``,
        ``refused: ATTACK`` (its candidate was outside the threat set), and, where asked for, ``alone: ATTACK``, whether
        it breaks the row on its own."""
        return read_examples(self.folder / EXAMPLES, self.record)

    @property
    def x_adv(self) -> "Tensor":
        """The adversarial inputs, row for row with the data, memory-mapped; unbroken rows hold the best attempt.

        Raises InputMissingError where the audit was run with ``examples="none"``."""
        from brinell.evaluation.folder import map_adversarial

        return map_adversarial(self.folder / ADVERSARIAL)

    def by_group(self, *names: str) -> list[GroupRow]:
        """Rates for each group of an attribute, such as "class", or of the intersection of several."""
        return by_group(self.table, names, classes=self.record.settings.data.classes)

    def worst_group(self, *names: str) -> GroupRow:
        """The group with the lowest robust accuracy, with simultaneous (Bonferroni) intervals."""
        return worst_group(self.table, names, self.record.settings.data.classes)

    def gap(self, *names: str) -> GroupGap:
        """Robust accuracy of the best group less that of the worst, with a simultaneous interval."""
        return group_gap(self.table, names, self.record.settings.data.classes)

    def to_pandas(self, *names: str) -> "DataFrame":
        """The table of examples as a data frame, a row per example; with names of groups a row per group.

        By group: a column for each name, n, small (fewer than 30 rows), and clean_accuracy and robust_accuracy, each
        with its exact interval (``_low``, ``_high``). Raises InputMissingError without pandas (brinell[pandas])."""
        with needing("pandas"):
            import pandas  # noqa: F401  # Arrow's own words would not say how to get it
        return (as_table(self.by_group(*names), names) if names else self.table).to_pandas()

    def save(self, path: str | Path) -> Path:
        """Copy the run folder to ``path``, which must not exist. Returns it. Raises OutputExistsError."""
        path = Path(path)
        if path.exists():
            raise OutputExistsError(f"{path} exists; name another folder.")
        partial = path.with_name(path.name + ".part")
        shutil.copytree(self.folder, partial)
        partial.rename(path)
        return path

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Audit):
            return NotImplemented
        return self.record == other.record and bool(self.table.equals(other.table))

    __hash__ = None  # type: ignore[assignment]  # equality reads files

    def __str__(self) -> str:
        facts = self.record.settings
        lines = [
            f"{facts.threat}, goal {facts.goal}, {facts.data.n} rows of {facts.data.name}",
            f"clean accuracy   {self.clean_accuracy}",
            *([f"false alarms     {self.false_alarms}, clean rows turned away"] if self.false_alarms else []),
            *([f"static accuracy  {self.static_accuracy}, no measure of robustness"] if self.static_accuracy else []),
            f"robust accuracy  {self.robust_accuracy}, an upper bound",
            *([f"certified        {self.certified_accuracy}, a lower bound"] if self.certified_accuracy else []),
            *([f"verdict: {self.diagnosis}"] if self.diagnosis else []),
            *(f"warning: {warning}" for warning in self.record.warnings),
        ]
        return "\n".join(lines)


def load_audit(path: str | Path) -> Audit:
    """Read a run folder. Raises InputMissingError where there is none or it is unfinished, InputError on damage."""
    folder = Path(path)
    if not (folder / RECORD).is_file():
        unfinished = "; an unfinished run is there, go on with resume" if (folder / "parts").is_dir() else ""
        raise InputMissingError(f"there is no finished audit in {folder}{unfinished}.")
    audit = Audit(read_record(folder / RECORD), folder)
    _ = audit.table  # damage shows here, not later
    return audit


def summary(audit: Audit) -> dict[str, Any]:
    """The record with its rates and groups worked out, as plain values: what ``--json`` prints."""
    facts = audit.record.model_dump(mode="json")
    facts["clean_accuracy"] = audit.clean_accuracy.facts()
    facts["robust_accuracy"] = audit.robust_accuracy.facts()
    facts["static_accuracy"] = audit.static_accuracy.facts() if audit.static_accuracy else None
    if audit.certified_accuracy is not None:
        facts["certified_accuracy"] = audit.certified_accuracy.facts()
    facts["verdict"] = audit.verdict
    facts["groups"] = {name: _group(audit, name) for name in audit.record.settings.data.groups}
    return facts


def _group(audit: Audit, name: str) -> dict[str, Any]:
    worst, gap = audit.worst_group(name), audit.gap(name)
    return {
        "rows": [_row(row) for row in audit.by_group(name)],
        "worst": _row(worst),
        "gap": None if gap.best is None else gap._asdict(),
    }


def _row(row: GroupRow) -> dict[str, Any]:
    facts = {name: value for name, value in row._asdict().items() if value is not None}
    name = {"name": str(row.group)} if isinstance(row.group, Label) else {}
    return name | {name: value.facts() if isinstance(value, Rate) else value for name, value in facts.items()}
