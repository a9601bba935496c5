"""From the tables of examples to the record: every count, one table in memory at a time."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from brinell.evaluation.record import AuditRecord, Count, Doubling, Settings, StageResult, Unit

_UNITS: tuple[Unit, ...] = get_args(Unit)
_AGAIN = ("eight_bits", "redrawn")
_Numbers = np.ndarray[Any, Any]


def add_up(facts: Settings, warnings: tuple[str, ...], parts: Iterable[pa.Table]) -> AuditRecord:
    """The record, from the tables of all blocks. What it sets is all that can be counted again from the table."""
    tally = _Tally([attack.label for attack in facts.cascade], facts.alone)
    rejected = facts.model.classes - 1 if facts.model.rejects else None
    alarms = 0
    for table in parts:
        tally.add(table)
        alarms += 0 if rejected is None else _total(pc.equal(table["clean_prediction"], rejected))
    stages = tuple(tally.stages(facts.data.n))
    robust = stages[-1].after if stages else tally.clean
    return AuditRecord(
        settings=facts, warnings=warnings, clean=Count(hits=tally.clean, n=facts.data.n),
        robust=Count(hits=robust, n=facts.data.n), certified=tally.certified, stages=stages, unstable=tally.unstable,
        doubling=tally.doubling(robust), eight_bits=tally.still.get("eight_bits"),
        redrawn=tally.still.get("redrawn"),
        false_alarms=None if rejected is None else Count(hits=alarms, n=facts.data.n),
    )  # fmt: skip


@dataclass
class _Effort:
    """What rows were given of one unit: the total, the most for one row, and how many fell after how much."""

    total: int = 0
    most: int = 0
    falls: Counter[int] = field(default_factory=Counter)

    def add(self, spent: _Numbers, fell: _Numbers) -> None:
        self.total += int(spent.sum())
        self.most = max(self.most, int(spent.max(initial=0)))
        self.falls.update(spent[fell].tolist())

    def fallen(self, low: float, high: float) -> int:
        """How many rows fell after more than ``low`` and at most ``high``."""
        return sum(rows for at, rows in self.falls.items() if low < at <= high)


@dataclass
class _Stage:
    """The counts of one attack."""

    label: str
    broken: int = 0
    alone: int = 0
    refused: int = 0
    effort: dict[Unit, _Effort] = field(default_factory=lambda: {unit: _Effort() for unit in _UNITS})


class _Tally:
    """Counts that grow table by table."""

    def __init__(self, labels: list[str], alone: bool) -> None:
        self.clean = self.unstable = 0
        self.still: dict[str, Count] = {}  # of the broken rows, those that are so also if something changes
        self.certified: Count | None = None
        self._alone = alone
        self._stages = [_Stage(label) for label in labels]
        self._whole = {unit: _Effort() for unit in _UNITS}  # the cascade as one; totals of the standing rows alone

    def add(self, table: pa.Table) -> None:
        """Count the rows of one table."""
        self.clean += _total(pc.equal(table["clean_prediction"], table["label"]))
        self.unstable += _total(table["unstable"])
        for name in _AGAIN:
            self._add_again(table, name)
        if "certified" in table.column_names:
            before = self.certified or Count(hits=0, n=0)
            self.certified = Count(hits=before.hits + _total(table["certified"]), n=before.n + table.num_rows)
        so_far = {unit: np.zeros(table.num_rows, np.int64) for unit in _UNITS}
        for stage in self._stages:
            fell = pc.fill_null(pc.equal(table["broken_by"], stage.label), False).to_numpy()
            stage.broken += int(fell.sum())
            stage.refused += _total(table[f"refused: {stage.label}"])
            stage.alone += _total(table[f"alone: {stage.label}"]) if self._alone else 0
            for unit, spent in _spent(table, stage.label).items():
                stage.effort[unit].add(spent, fell)
                so_far[unit] = so_far[unit] + spent
                self._whole[unit].falls.update(so_far[unit][fell].tolist())
        standing = pc.is_null(table["broken_by"]).to_numpy()
        for unit in _UNITS:
            self._whole[unit].total += int(so_far[unit][standing].sum())

    def _add_again(self, table: pa.Table, name: str) -> None:
        if name in table.column_names:
            before, column = self.still.get(name, Count(hits=0, n=0)), table[name]
            self.still[name] = Count(hits=before.hits + _total(column), n=before.n + len(column) - column.null_count)

    def stages(self, n: int) -> Iterator[StageResult]:
        """Each attack's result, in the order of the cascade."""
        before = self.clean
        for stage in self._stages:
            unit = _unit(stage.effort)
            yield StageResult(
                label=stage.label, before=before, after=before - stage.broken,
                alone=Count(hits=self.clean - stage.alone, n=n) if self._alone else None,
                gradients=stage.effort["gradients"].total, forwards=stage.effort["forwards"].total,
                refused=stage.refused, unit=unit, curve=_curve(stage.effort[unit], before),
            )  # fmt: skip
            before -= stage.broken

    def doubling(self, standing: int) -> Doubling | None:
        """What the second half of the effort broke; None where no row stands, or nothing was spent."""
        unit = _unit(self._whole)
        whole = self._whole[unit]
        if not standing or not whole.total:
            return None
        spent = whole.total / standing
        return Doubling(unit=unit, spent=spent, broken=whole.fallen(spent / 2, float("inf")))


def _spent(table: pa.Table, label: str) -> dict[Unit, _Numbers]:
    """What each row was given by one attack, in every unit, (N,) each."""
    gradients, forwards = (table[f"{unit}: {label}"].to_numpy() for unit in ("gradients", "forwards"))
    return {"gradients": gradients, "forwards": forwards, "passes": 2 * gradients + forwards}


def _unit(effort: dict[Unit, _Effort]) -> Unit:
    """The unit that most of the effort is in."""
    if effort["forwards"].total <= effort["gradients"].total:
        return "gradients"
    return "passes" if effort["gradients"].total else "forwards"


def _curve(effort: _Effort, before: int) -> tuple[tuple[int, int], ...]:
    """Rows standing once each row had 0, 1, 2, 4, ... and all of the effort."""
    steps = [0, *(1 << i for i in range(effort.most.bit_length()) if 1 << i < effort.most), effort.most]
    return tuple((step, before - effort.fallen(-1, step)) for step in dict.fromkeys(steps))


def _total(column: Any) -> int:
    return int(pc.sum(pc.cast(column, pa.int64())).as_py() or 0)
