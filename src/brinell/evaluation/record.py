"""The record of an audit: typed, versioned, and with everything that a replay needs."""

import json
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import Field, ValidationError

from brinell.errors import InputError
from brinell.evaluation.findings import Diagnosis
from brinell.facts import Frozen, Sealed
from brinell.statistics import Rate

SCHEMA = 2
# What effort is counted in. Passes, where queries outweigh gradients: a gradient is two, forward and backward.
Unit: TypeAlias = Literal["gradients", "forwards", "passes"]


class GuardFacts(Frozen):
    """A sanitiser or a detector, with every parameter, and how it was attacked."""

    label: str
    adaptive: str


class ModelFacts(Frozen):
    """What was attacked. sha256, parameters and network are those of the model behind its guards.

    guards: what stands before it, the first of them first. rejects: whether the last class is "turned away"."""

    network: str
    sha256: str
    parameters: int
    classes: int
    bounds: str
    normalize: bool
    origin: str | None = None
    guards: tuple[GuardFacts, ...] = ()
    rejects: bool = False


class DataFacts(Frozen):
    """What it was attacked on.

    classes: their names by number; columns: the names of the values of a row. None where nobody knows any."""

    name: str
    sha256: str
    n: int
    shape: tuple[int, ...]
    groups: tuple[str, ...]
    classes: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None


class DetectorWords(Frozen):
    """What makes a detector of the command line again, and what its threshold was chosen from: ``n`` clean rows of
    ``data``, for a share of ``false_alarms``; None where it was given."""

    squeezers: tuple[str, ...]
    threshold: float
    data: str | None = None
    n: int | None = None
    false_alarms: float | None = None

    def __str__(self) -> str:
        by = f", chosen from {self.n} rows of {self.data} for {self.false_alarms:g} false alarms" if self.data else ""
        return f"a detector ({', '.join(self.squeezers)}; threshold {self.threshold:.6g}{by})"


class Origin(Frozen):
    """The words with which the command line named model and data: what ``brinell verify RUN`` needs.

    weights: a path from where the command was given, or from the run folder. name: what to call it all, in short."""

    model: str
    data: str
    weights: str | None = None
    bounds: str | None = None
    n: int | None = None
    sanitise: tuple[str, ...] = ()
    detector: DetectorWords | None = None
    name: str | None = None

    def __str__(self) -> str:
        before = [*([str(self.detector)] if self.detector else []), *self.sanitise]
        behind = f", behind {', '.join(before)}" if before else ""
        return self.name or self.model + (f", weights {self.weights}" if self.weights else "") + behind


class Versions(Frozen):
    """Software and hardware of the run."""

    brinell: str
    torch: str
    numpy: str
    python: str
    platform: str
    device: str
    threads: int


class AttackFacts(Frozen):
    """One attack of the cascade, with every parameter, given or defaulted."""

    label: str
    kind: str
    access: str = "gradients"  # what it sees of the model
    probes: bool = False  # whether it also asks the model where no gradient leads
    carries: bool = False  # whether it goes on from the best point of earlier attacks
    parameters: dict[str, Any]


class MethodFacts(Frozen):
    """How it was proved, with every parameter. certifies: the model as it is, or the smoothed one that it makes.
    strength: what the column of that name in the table is."""

    kind: str
    certifies: Literal["model", "smoothed"]
    strength: Literal["margin", "radius"]
    parameters: dict[str, Any]
    source: str

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(f'{name}={value}' for name, value in self.parameters.items())})"


class Settings(Frozen):
    """All that decides the outcome of an audit; two runs with equal settings end with the same record."""

    schema_version: Literal[2] = 2
    kind: Literal["audit"] = "audit"
    model: ModelFacts
    data: DataFacts
    threat: str
    goal: str
    effort: str
    cascade: tuple[AttackFacts, ...] = Field(min_length=1)
    alone: bool
    seed: int
    precision: str
    batch: int = Field(gt=0)
    block: int = Field(gt=0)
    examples: Literal["all", "none"]
    diagnose: bool = False
    budget: str | None = None
    certificate: MethodFacts | None = None
    versions: Versions
    origin: Origin | None = None


class Count(Frozen):
    """``hits`` of ``n``: what a rate is stored as."""

    hits: int
    n: int

    @property
    def rate(self) -> Rate:
        """The rate with its intervals."""
        return Rate(self.hits, self.n)


class StageResult(Frozen):
    """What one attack did: rows standing before and after it in the cascade, and what it leaves alone, if asked.

    refused: candidates that are not finite, out of the bounds or outside the threat set, so that the judge did not ask
    the model. curve: pairs of what a row had been given of ``unit`` by this attack, and the rows standing by then, at
    every doubling."""

    label: str
    before: int
    after: int
    alone: Count | None
    gradients: int
    forwards: int
    refused: int
    unit: Unit
    curve: tuple[tuple[int, int], ...]


class Doubling(Frozen):
    """What the second half of the whole cascade's effort broke: what doubling the first half was good for.

    spent: what a row that stands was given of ``unit``, on average. broken: rows that fell after half of that."""

    unit: Unit
    spent: float
    broken: int


class AuditRecord(Sealed):
    """Settings and results of a finished audit. Robust accuracy is an upper bound: a stronger attack may break more.

    certified: rows that are proved to stand, a lower bound; None where that was not asked for. doubling: None where
    no row stands, or nothing was spent. eight_bits: of the broken rows, those that stay broken when every value is
    rounded to 8 bits toward the clean input; None for inputs that are no pictures in 0..1 or 0..255. redrawn: of the
    broken rows, those that stay broken with other random draws; None where the model draws nothing. false_alarms: clean
    rows that a detector turns away; None without one. files: the sha256 of the files beside the record."""

    settings: Settings
    warnings: tuple[str, ...]
    clean: Count
    robust: Count
    certified: Count | None = None
    stages: tuple[StageResult, ...]
    unstable: int
    doubling: Doubling | None = None
    eight_bits: Count | None = None
    redrawn: Count | None = None
    false_alarms: Count | None = None
    diagnosis: Diagnosis | None = None  # None where it was turned off
    files: dict[str, str] = Field(default_factory=dict)

    @property
    def static(self) -> Count | None:
        """Rows that are right and that examples made for the model without its guards leave so; None without guards."""
        for attack, stage in zip(self.settings.cascade, self.stages, strict=True):
            if attack.kind == "Static":
                return Count(hits=self.clean.hits - (stage.before - stage.after), n=self.clean.n)
        return None


class Clock(Sealed):
    """When a run was finished, and how long its last session took for how many rows: what differs from run to run."""

    finished: str
    seconds_of_last_session: float
    rows: int


def read_clock(path: Path) -> Clock:
    """The clock in ``path``. Raises InputError where it is damaged."""
    try:
        return Clock.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as problem:
        raise InputError(f"{path} is damaged: {str(problem).splitlines()[0]}.") from problem


def read_record(path: Path) -> AuditRecord:
    """The record in ``path``. Raises InputError where it is damaged or of a newer schema."""
    try:
        text = path.read_text(encoding="utf-8")
        version = json.loads(text)["settings"]["schema_version"]
        if version != SCHEMA:
            remedy = "run the audit again" if version in range(SCHEMA) else "install a newer one"
            raise InputError(f"{path} has schema version {version}, this brinell reads {SCHEMA}; {remedy}.")
        return AuditRecord.model_validate_json(text)
    except (ValidationError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as problem:
        raise InputError(f"{path} is damaged: {str(problem).splitlines()[0]}. Run the audit again.") from problem
