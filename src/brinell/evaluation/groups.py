"""Who breaks first: rates by group, the worst group, and the gap, from the table of examples."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from brinell.errors import InputError
from brinell.evaluation.examples import whole_numbers
from brinell.evaluation.labels import Label, labels_of
from brinell.statistics import LEVEL, SMALL, Gap, Rate, gap, simultaneous

MISSING = "(missing)"
Classes: TypeAlias = Sequence[str] | None  # their names by number, by which labels are shown


class GroupRow(NamedTuple):
    """One group: its value (a tuple of values for an intersection), its size and its rates.

    A class that has a name is its number still, and shown by its name (``str(row.group)``).
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


def by_group(
    table: pa.Table, names: tuple[str, ...], level: float = LEVEL, classes: Classes = None
) -> list[GroupRow]:  # fmt: skip
    """A row for each group of the attribute, or of the intersection of several, in the order of their values.

    Raises InputError on an unknown attribute."""
    yes = {
        "clean": whole_numbers(table, "clean_prediction") == whole_numbers(table, "label"),
        "robust": np.array([by is None for by in table["broken_by"].to_pylist()], bool),
    }
    if "certified" in table.column_names:
        yes["certified"] = np.array(table["certified"].to_pylist(), bool)
    return [
        GroupRow(group, n, rates["clean"], rates["robust"], n < SMALL, rates.get("certified"))
        for group, n, rates in rates_by_group(table, names, yes, level, classes)
    ]


def rates_by_group(
    table: pa.Table, names: tuple[str, ...], yes: Mapping[str, NDArray[np.bool_]], level: float = LEVEL,
    classes: Classes = None,
) -> list[tuple[Any, int, dict[str, Rate]]]:  # fmt: skip
    """Each group of the attribute, or of the intersection of several, in the order of their values, with its size and
    the rate of each of ``yes``, (N,).

    Raises InputError on an unknown attribute."""
    columns = [f"group_{name}" for name in names]
    known = [name.removeprefix("group_") for name in table.column_names if name.startswith("group_")]
    for name in names:
        if name not in known:
            raise InputError(f"there is no group {name!r}; there are: {', '.join(known)}.")
    if not names or len(set(names)) < len(names):
        raise InputError(f"the groups are {names}; name at least one, each once; there are: {', '.join(known)}.")
    # counted here: Arrow's own grouping takes longer to import than all the rest of a report
    codes, groups = _encoded(table, columns, classes)
    sizes = np.bincount(codes, minlength=len(groups)).tolist()
    hits = {name: np.bincount(codes[rows], minlength=len(groups)).tolist() for name, rows in yes.items()}
    rows = [
        (group, n, {name: Rate(counts[place], n, level) for name, counts in hits.items()})
        for place, (group, n) in enumerate(zip(groups, sizes, strict=True))
    ]
    return sorted(rows, key=lambda row: _order(row[0]))


def group_values(table: pa.Table, name: str, classes: Classes = None) -> dict[Any, NDArray[np.bool_]]:
    """The rows (N,) of each group of one attribute, in the order of their values."""
    values = np.array(_values(table, f"group_{name}", classes), object)
    return {value: values == value for value in sorted(set(values.tolist()), key=_order)}


def worst_group(table: pa.Table, names: tuple[str, ...], classes: Classes = None) -> GroupRow:
    """The group with the lowest robust accuracy, its rates at the level that holds for all groups at once.

    Small groups are passed over unless there are no others."""
    rows = _speaking(by_group(table, names, classes=classes))
    raised = simultaneous([row.robust_accuracy for row in rows])
    rate, row = min(zip(raised, rows, strict=True), key=lambda pair: pair[0].value)
    certified = row.certified_accuracy and row.certified_accuracy.at_level(rate.level)
    return row._replace(
        robust_accuracy=rate, clean_accuracy=row.clean_accuracy.at_level(rate.level), certified_accuracy=certified
    )


def group_gap(table: pa.Table, names: tuple[str, ...], classes: Classes = None) -> GroupGap:
    """The distance between the best and the worst group; small groups are passed over unless there are no others."""
    rows = _speaking(by_group(table, names, classes=classes))
    found: Gap = gap([row.robust_accuracy for row in rows])
    if found.best < 0:
        return GroupGap(found.value, found.low, found.high, None, None)
    return GroupGap(found.value, found.low, found.high, rows[found.best].group, rows[found.worst].group)


def as_table(rows: list[GroupRow], names: tuple[str, ...]) -> pa.Table:
    """The rows with a column for each name and each number: n, small, and both rates with their exact intervals.

    Classes that have names have these in a column beside their numbers, such as ``class_name``."""
    keys = [row.group if isinstance(row.group, tuple) else (row.group,) for row in rows]
    columns: dict[str, Any] = {}
    for name, values in zip(names, zip(*keys, strict=True), strict=True):
        alike = len({type(value) for value in values}) == 1
        columns[name] = values if alike else [str(value) for value in values]  # numbers beside "(missing)"
        if any(isinstance(value, Label) for value in values):
            columns[f"{name}_name"] = [str(value) for value in values]
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


def _encoded(table: pa.Table, columns: list[str], classes: Classes) -> tuple[NDArray[np.int64], list[Any]]:
    """Which group each row (N,) belongs to, and what the groups are: values, or tuples of them."""
    values = [_values(table, column, classes) for column in columns]
    rows = list(zip(*values, strict=True)) if len(values) > 1 else values[0]
    places = {value: place for place, value in enumerate(dict.fromkeys(rows))}
    return np.fromiter(map(places.__getitem__, rows), np.int64, len(rows)), list(places)


def _values(table: pa.Table, column: str, classes: Classes) -> list[Any]:
    """What each row (N,) has in the column of a group, and a word where that is nothing; of labels, how they read."""
    values = table[column]
    if classes and column == "group_class" and values.equals(table["label"]):
        labels = labels_of(classes)
        return [labels.get(value, value) for value in values.to_pylist()]
    return [MISSING if value is None else value for value in values.to_pylist()]


def _order(group: Any) -> Any:
    parts = group if isinstance(group, tuple) else (group,)
    return tuple((isinstance(part, str), part) for part in parts)
