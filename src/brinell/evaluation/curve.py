"""Robust accuracy over eps as a value, and as a file beside the record; read without torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from brinell.errors import InputError, InputMissingError
from brinell.evaluation.files import CURVE, RECORD
from brinell.evaluation.record import AuditRecord, Count, read_record
from brinell.facts import Frozen, Sealed, write_json
from brinell.statistics import Rate


class CurvePoint(NamedTuple):
    """Robust accuracy, an upper bound, at one size of the threat set."""

    eps: float
    robust_accuracy: Rate


class PointFacts(Frozen):
    """A point of the curve, as it is stored."""

    eps: float
    robust: Count


class CurveFacts(Sealed):
    """What ``curve.json`` holds: the points, and of what they are. ``model`` is the sha256 of the weights."""

    schema_version: Literal[1] = 1
    kind: Literal["curve"] = "curve"
    model: str
    data: str
    threat: str
    goal: str
    cascade: tuple[str, ...]
    seed: int
    clean: Count
    points: tuple[PointFacts, ...]
    unstable: int


@dataclass(frozen=True, eq=False)
class RobustnessCurve:
    """Robust accuracy at growing eps. A row that is broken at one counts as broken at every larger one.

    broken_at: (N,) the smallest eps tried at which the row broke; 0 where it was wrong without an attack, NaN where it
    stands. unstable: rows on which a second judgement, in another layout, differs. facts: what ``save`` writes."""

    clean_accuracy: Rate
    points: tuple[CurvePoint, ...]
    broken_at: NDArray[np.float64]
    unstable: int
    facts: CurveFacts

    def save(self, run: str | Path) -> Path:
        """Write the curve into the run folder of an audit, where the report finds it: ``curve.json``. Returns its path.

        An older curve there is replaced. Raises InputMissingError where there is no finished audit, InputError where it
        is of another model, other rows or another attacker."""
        folder = Path(run)
        if not (folder / RECORD).is_file():
            raise InputMissingError(f"there is no finished audit in {folder}; a curve is saved beside a record.")
        _require_same(self.facts, read_record(folder / RECORD), folder)
        write_json(self.facts.sealed(), folder / CURVE)
        return folder / CURVE

    def __str__(self) -> str:
        lines = [f"{f'eps {point.eps:g}':<16}{point.robust_accuracy}" for point in self.points]
        return "\n".join([f"{'clean':<16}{self.clean_accuracy}", *lines])


def read_curve(folder: Path, record: AuditRecord) -> CurveFacts | None:
    """The curve that was saved beside ``record``; None where there is none.

    Raises InputError where the file is damaged, or is of something else."""
    path = folder / CURVE
    if not path.is_file():
        return None
    try:
        facts = CurveFacts.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as problem:
        raise InputError(f"{path} is damaged: {str(problem).splitlines()[0]}. Run brinell curve again.") from problem
    if facts.seal != facts.sha256:
        raise InputError(f"{path} was edited: its facts do not give the sha256 that it holds. Run brinell curve again.")
    _require_same(facts, record, folder)
    return facts


def _require_same(facts: CurveFacts, record: AuditRecord, folder: Path) -> None:
    held = record.settings
    pairs = {
        "weights": (facts.model, held.model.sha256),
        "data": (f"{facts.clean.n} rows of {facts.data}", f"{held.data.n} rows of {held.data.name}"),
        "threat set": (facts.threat.partition(":")[0], held.threat.partition(":")[0]),
        "goal": (facts.goal, held.goal),
    }
    for what, (ours, theirs) in pairs.items():
        if ours != theirs:
            raise InputError(
                f"the curve does not belong to the audit in {folder}: its {what} is {ours}, the audit's {theirs}. "
                "Make the curve with the same model, rows and attacker."
            )
