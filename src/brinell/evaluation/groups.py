"""Who breaks first: rates by group, the worst group, and the gap, from the table of examples."""

from collections.abc import Iterable, Mapping
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

    ``small`` says that it has too few rows to speak of (fewer than 30). certified_accuracy: the lower bound, where the
    audit was asked for a certificate."""

    group: Any
    n: int
    clean_accuracy: Rate
    robust_accuracy: Rate
    small: bool
    certified_accuracy: Rate | None = None


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
    yes = {
        "clean": pc.equal(table["clean_prediction"], table["label"]),
        "robust": pc.is_null(table["broken_by"]),
    } | ({"certified": table["certified"]} if "certified" in table.column_names else {})
    return [
        GroupRow(group, n, rates["clean"], rates["robust"], n < SMALL, rates.get("certified"))
        for group, n, rates in rates_by_group(table, names, yes, level)
    ]


def rates_by_group(
    table: pa.Table, names: tuple[str, ...], yes: Mapping[str, Any], level: float = LEVEL
) -> list[tuple[Any, int, dict[str, Rate]]]:
    """Each group of the attribute, or of the intersection of several, in the order of their values, with its size and
    the rate of each column ``yes`` of booleans.

    Raises InputError on an unknown attribute."""
    columns = [f"group_{name}" for name in names]
    known = [name.removeprefix("group_") for name in table.column_names if name.startswith("group_")]
    for name in names:
        if name not in known:
            raise InputError(f"there is no group {name!r}; there are: {', '.join(known)}.")
    if not names or len(set(names)) < len(names):
        raise InputError(f"the groups are {names}; name at least one, each once; there are: {', '.join(known)}.")
    counted = table.select(columns)
    for name, column in yes.items():
        counted = counted.append_column(name, pc.cast(column, pa.int64()))
    wanted = [(name, way) for name in yes for way in ("sum", "count")]
    rows = [_row(entry, columns, yes, level) for entry in counted.group_by(columns).aggregate(wanted).to_pylist()]
    return sorted(rows, key=lambda row: _order(row[0]))


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
    certified = row.certified_accuracy and row.certified_accuracy.at_level(rate.level)
    return row._replace(
        robust_accuracy=rate, clean_accuracy=row.clean_accuracy.at_level(rate.level), certified_accuracy=certified
    )


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
    certified = ("certified_accuracy",) if rows[0].certified_accuracy is not None else ()
    for rate in ("clean_accuracy", "robust_accuracy", *certified):
        rates: list[Rate] = [getattr(row, rate) for row in rows]
        columns[rate] = [each.value for each in rates]
        columns[f"{rate}_low"] = [each.low for each in rates]
        columns[f"{rate}_high"] = [each.high for each in rates]
    return pa.table(columns)


def _speaking(rows: list[GroupRow]) -> list[GroupRow]:
    return [row for row in rows if not row.small] or rows


def _row(
    entry: dict[str, Any], columns: list[str], yes: Iterable[str], level: float
) -> tuple[Any, int, dict[str, Rate]]:
    values = tuple(MISSING if entry[column] is None else entry[column] for column in columns)
    rates = {name: Rate(entry[f"{name}_sum"], entry[f"{name}_count"], level) for name in yes}
    return values if len(values) > 1 else values[0], next(iter(rates.values())).n, rates


def _order(group: Any) -> Any:
    parts = group if isinstance(group, tuple) else (group,)
    return tuple((isinstance(part, str), part) for part in parts)
