"""A certificate: what was proved of a model on a data set, row by row and by group; read without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from brinell.errors import InputError, InputMissingError, OutputExistsError
from brinell.evaluation.examples import whole_numbers
from brinell.evaluation.files import read_table, sha256
from brinell.evaluation.groups import rates_by_group
from brinell.evaluation.record import Count, DataFacts, MethodFacts, ModelFacts, Origin, Versions
from brinell.facts import Sealed, write_json
from brinell.statistics import SMALL, Rate, simultaneous

CERTIFICATE, ROWS = "certificate.json", "rows.parquet"
_RADII = 8  # points of the curve over radius, where nobody names them


class CertificateRecord(Sealed):
    """Settings and results of a certification. ``rows_sha256`` is that of the table, where it was saved."""

    schema_version: Literal[1] = 1
    kind: Literal["certificate"] = "certificate"
    model: ModelFacts
    data: DataFacts
    threat: str
    eps: float
    method: MethodFacts
    seed: int
    batch: int
    versions: Versions
    origin: Origin | None = None
    clean: Count
    certified: Count
    abstained: int
    rows_sha256: str = ""


class CertifiedRow(NamedTuple):
    """One group: its value (a tuple for an intersection), its size and its rates, whose intervals hold for all groups
    at once (Bonferroni). ``small`` says that it has too few rows to speak of (fewer than 30)."""

    group: Any
    n: int
    clean_accuracy: Rate
    certified_accuracy: Rate
    small: bool


@dataclass(frozen=True, eq=False)
class Certificate:
    """What was proved: a lower bound of robust accuracy, whatever the attack; the interval speaks of sampling only.

    table: a row per example: id, label, group_*, prediction (-1: the smoothed model abstains), certified, and margin or
    radius: how far the proof is from failing."""

    record: CertificateRecord
    table: pa.Table

    @property
    def clean_accuracy(self) -> Rate:
        """Rows that the certified model gets right: of Smoothing the smoothed one, where to abstain is not right."""
        return self.record.clean.rate

    @property
    def certified_accuracy(self) -> Rate:
        """Rows that are right, and proved to stay so in the whole threat set."""
        return self.record.certified.rate

    @property
    def abstained(self) -> Rate:
        """Rows on which the smoothed model gives no answer; none where the model itself is certified."""
        return Rate(self.record.abstained, self.record.data.n)

    @property
    def radius(self) -> NDArray[np.float64]:
        """The radius (N,) about each row in which the smoothed model gives the same answer; 0 where it abstains.

        Raises InputError where the method proves one threat set and no radius."""
        if self.record.method.strength != "radius":
            raise InputError(f"{self.record.method.kind} proves {self.record.threat} and no radius; certify with more.")
        return np.asarray(self.table["radius"].to_numpy())

    def over(self, radii: Sequence[float] | None = None) -> list[tuple[float, Rate]]:
        """Certified accuracy at each radius; without any, at evenly spaced ones up to the largest that was proved."""
        reach, right = self.radius, self._right
        chosen = np.linspace(0, float(reach.max()), _RADII) if radii is None else radii
        return [(float(at), Rate(int((right & (reach >= at)).sum()), len(right))) for at in chosen]

    @property
    def _right(self) -> NDArray[np.bool_]:
        right: NDArray[np.bool_] = whole_numbers(self.table, "prediction") == whole_numbers(self.table, "label")
        return right

    def by_group(self, *names: str) -> list[CertifiedRow]:
        """Rates for each group of an attribute, such as "class", or of the intersection of several."""
        yes = {"clean": self._right, "certified": np.array(self.table["certified"].to_pylist(), bool)}
        found = rates_by_group(self.table, names, yes, classes=self.record.data.classes)
        clean, certified = (simultaneous([rates[name] for *_, rates in found]) for name in ("clean", "certified"))
        return [
            CertifiedRow(group, n, one, other, n < SMALL)
            for (group, n, _), one, other in zip(found, clean, certified, strict=True)
        ]

    def worst_group(self, *names: str) -> CertifiedRow:
        """The group with the lowest certified accuracy; small groups are passed over unless there are no others."""
        rows = self.by_group(*names)
        return min([row for row in rows if not row.small] or rows, key=lambda row: row.certified_accuracy.value)

    def save(self, path: str | Path) -> Path:
        """Write ``certificate.json`` and ``rows.parquet`` into the new folder ``path``. Returns it.

        Raises OutputExistsError where there is something already."""
        path = Path(path)
        if path.exists():
            raise OutputExistsError(f"{path} exists; name another folder.")
        partial = path.with_name(path.name + ".part")
        partial.mkdir(parents=True)
        pq.write_table(self.table, partial / ROWS)
        record = self.record.model_copy(update={"rows_sha256": sha256(partial / ROWS)}).sealed()
        write_json(record, partial / CERTIFICATE)
        partial.rename(path)
        return path

    def facts(self) -> dict[str, Any]:
        """The record with rates and groups worked out, as plain values: what ``--json`` prints."""
        facts = self.record.model_dump(mode="json")
        facts |= {"clean_accuracy": self.clean_accuracy.facts(), "certified_accuracy": self.certified_accuracy.facts()}
        facts["groups"] = {name: [_row(row) for row in self.by_group(name)] for name in self.record.data.groups}
        if self.record.method.strength == "radius":
            facts["over"] = [{"radius": at, "certified_accuracy": rate.facts()} for at, rate in self.over()]
        return facts

    def __str__(self) -> str:
        record = self.record
        of = "the smoothed model" if record.method.certifies == "smoothed" else record.model.network
        return "\n".join([
            f"{record.threat}, {record.data.n} rows of {record.data.name}, {of}, by {record.method}",
            f"clean accuracy      {self.clean_accuracy}",
            f"certified accuracy  {self.certified_accuracy}, a lower bound",
            *([f"abstained           {self.abstained}"] if record.method.certifies == "smoothed" else []),
        ])  # fmt: skip


def load_certificate(path: str | Path) -> Certificate:
    """Read what ``Certificate.save`` wrote. Raises InputMissingError where there is none, InputError on damage."""
    folder = Path(path)
    if not (folder / CERTIFICATE).is_file():
        raise InputMissingError(f"there is no certificate in {folder}; Certificate.save writes one.")
    try:
        record = CertificateRecord.model_validate_json((folder / CERTIFICATE).read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as problem:
        raise InputError(f"{folder / CERTIFICATE} is damaged: {str(problem).splitlines()[0]}.") from problem
    if record.seal != record.sha256:
        raise InputError(f"{folder / CERTIFICATE} was edited: its facts do not give the sha256 that it holds.")
    if not (folder / ROWS).is_file() or sha256(folder / ROWS) != record.rows_sha256:
        raise InputError(f"{folder / ROWS} is missing or was changed: its sha256 is not the one of the certificate.")
    return Certificate(record, read_table(folder / ROWS))


def _row(row: CertifiedRow) -> dict[str, Any]:
    return row._asdict() | {
        "clean_accuracy": row.clean_accuracy.facts(), "certified_accuracy": row.certified_accuracy.facts(),
    }  # fmt: skip
