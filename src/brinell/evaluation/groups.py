"""Who breaks first: rates by group, the worst group, and the gap, from the table of examples."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from brinell.errors import InputError
from brinell.statistics import LEVEL, SMALL, Gap, Rate, gap, simultaneous

MISSING = "(missing)"


class GroupRow(NamedTuple):
    """One group: its value (a tuple of values for an intersection), its size and its rates.

    ``small`` says that it has too few rows to speak of (fewer than 30)."""

    group: Any
    n: int
    clean_accuracy: Rate
    robust_accuracy: Rate
    small: bool


class GroupGap(NamedTuple):
    """Robust accuracy of the best group less that of the worst, with an interval that holds although both were picked
    after looking (Bonferroni). NaN, with best and worst None, where there are fewer than two groups."""

    value: float
    low: float
    high: float
    best: Any
    worst: Any


def by_group(table: pa.Table, names: tuple[str, ...], level: float = LEVEL) -> list[GroupRow]:
    """A row for each group of the attribute, or of the intersection of several, in the order of their values.

    Raises InputError on an unknown attribute."""
    columns = [f"group_{name}" for name in names]
    known = [name.removeprefix("group_") for name in table.column_names if name.startswith("group_")]
    for name in names:
        if name not in known:
            raise InputError(f"there is no group {name!r}; this audit has: {', '.join(known)}.")
    if not names or len(set(names)) < len(names):
        raise InputError(f"the groups are {names}; name at least one, each once; this audit has: {', '.join(known)}.")
    right = pc.cast(pc.equal(table["clean_prediction"], table["label"]), pa.int64())
    robust = pc.cast(pc.is_null(table["broken_by"]), pa.int64())
    counted = (
        table.select(columns).append_column("right", right).append_column("robust", robust)
        .group_by(columns).aggregate([("right", "sum"), ("robust", "sum"), ("robust", "count")])
    ).to_pylist()  # fmt: skip
    rows = [_row(entry, columns, level) for entry in counted]
    return sorted(rows, key=lambda row: _order(row.group))


def group_values(table: pa.Table, name: str) -> dict[Any, NDArray[np.bool_]]:
    """The rows (N,) of each group of one attribute, in the order of their values."""
    values = np.array([MISSING if value is None else value for value in table[f"group_{name}"].to_pylist()], object)
    return {value: values == value for value in sorted(set(values.tolist()), key=_order)}


def worst_group(table: pa.Table, names: tuple[str, ...]) -> GroupRow:
    """The group with the lowest robust accuracy, its rates at the level that holds for all groups at once.

    Small groups are passed over unless there are no others."""
    rows = _speaking(by_group(table, names))
    raised = simultaneous([row.robust_accuracy for row in rows])
    rate, row = min(zip(raised, rows, strict=True), key=lambda pair: pair[0].value)
    return row._replace(robust_accuracy=rate, clean_accuracy=row.clean_accuracy.at_level(rate.level))


def group_gap(table: pa.Table, names: tuple[str, ...]) -> GroupGap:
    """The distance between the best and the worst group; small groups are passed over unless there are no others."""
    rows = _speaking(by_group(table, names))
    found: Gap = gap([row.robust_accuracy for row in rows])
    if found.best < 0:
        return GroupGap(found.value, found.low, found.high, None, None)
    return GroupGap(found.value, found.low, found.high, rows[found.best].group, rows[found.worst].group)


def as_table(rows: list[GroupRow], names: tuple[str, ...]) -> pa.Table:
    """The rows with a column for each name and each number: n, small, and both rates with their exact intervals."""
    keys = [row.group if isinstance(row.group, tuple) else (row.group,) for row in rows]
    columns: dict[str, Any] = {}
    for name, values in zip(names, zip(*keys, strict=True), strict=True):
        alike = len({type(value) for value in values}) == 1
        columns[name] = values if alike else [str(value) for value in values]  # numbers beside "(missing)"
    columns |= {"n": [row.n for row in rows], "small": [row.small for row in rows]}
    for rate in ("clean_accuracy", "robust_accuracy"):
        rates: list[Rate] = [getattr(row, rate) for row in rows]
        columns[rate] = [each.value for each in rates]
        columns[f"{rate}_low"] = [each.low for each in rates]
        columns[f"{rate}_high"] = [each.high for each in rates]
    return pa.table(columns)


def _speaking(rows: list[GroupRow]) -> list[GroupRow]:
    return [row for row in rows if not row.small] or rows


def _row(entry: dict[str, Any], columns: list[str], level: float) -> GroupRow:
    values = tuple(MISSING if entry[column] is None else entry[column] for column in columns)
    n = entry["robust_count"]
    return GroupRow(
        values if len(values) > 1 else values[0], n,
        Rate(entry["right_sum"], n, level), Rate(entry["robust_sum"], n, level), n < SMALL,
    )  # fmt: skip


def _order(group: Any) -> Any:
    parts = group if isinstance(group, tuple) else (group,)
    return tuple((isinstance(part, str), part) for part in parts)
