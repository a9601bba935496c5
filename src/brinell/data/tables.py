"""Tables of numeric features in CSV or Parquet files."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from brinell.data.border import Array
from brinell.data.classes import encode
from brinell.data.files import opened
from brinell.data.sources import Arrays
from brinell.errors import InputError, InputMissingError

_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".pq")
_LABELS = ("label", "labels", "class", "target", "y")


class Table(Arrays):
    """Rows of a table: inputs (N, D) float32, in each column's own unit.

    ``columns`` are the names of the features, ``classes`` those of the labels (None where they are numbers already).
    """

    columns: tuple[str, ...]

    def __init__(self, x: Array, y: Array, *, columns: tuple[str, ...], name: str, **more: Any) -> None:
        self._given: Mapping[str, tuple[float, float]] = more.pop("bounds", None) or {}
        super().__init__(x, y, name=name, columns=columns, **more)

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Lowest and highest value of each column, (D,) each: as given, or else those of the data.

        Raises InputError where a column has one value only.
        """
        x = np.asarray(self.x)
        low, high = x.min(0), x.max(0)
        for number, column in enumerate(self.columns):
            if column in self._given:
                low[number], high[number] = self._given[column]
        constant = [column for column, least, most in zip(self.columns, low, high, strict=True) if not least < most]
        if constant:
            raise InputError(
                f"the column {constant[0]} of {self.name} holds nothing but {low[self.columns.index(constant[0])]:g}, "
                f"so its bounds cannot be told from the data; give them: bounds={{{constant[0]!r}: (low, high)}}, or "
                "leave the column out."
            )
        return low, high


def is_table(path: Path) -> bool:
    """Whether the name of a file says that it is a table."""
    return path.name.lower().endswith(_ENDINGS)


def read_table(
    path: str | Path, *, label: str | None = None, groups: Sequence[str] = (), columns: Sequence[str] | None = None,
    classes: Sequence[object] | None = None, bounds: Mapping[str, tuple[float, float]] | None = None,
) -> Table:  # fmt: skip
    """A CSV file (comma, semicolon or tab, with a header, gzip or not) or a Parquet file as a source of rows.

    label: the column of the true labels; the one called label, class, target or y unless given.
    groups: columns to tell rows apart by; they are features too only where ``columns`` names them.
    columns: the features; all but label and groups unless given. They must be numbers or true/false.
    classes: names of the classes in the order of the model's outputs; see ``encode``. bounds: from the name of a column
    to its (lowest, highest) value, where the data do not tell them.
    Raises InputMissingError without the file, InputError for a damaged one, a column that is not there or is text, and
    values that are missing: it names them.
    """
    path = Path(path).expanduser()
    table = read_arrow(path)
    label = label or _label_column(table, path)
    _require(table, [label, *groups, *(columns or ()), *(bounds or ())], path)
    used = {label, *groups}
    features = tuple(columns) if columns is not None else tuple(name for name in table.column_names if name not in used)
    if label in features:
        raise InputError(f"the column {label} of {path} is the label and a feature too; a model would see the answer.")
    if not features:
        raise InputError(f"{path} has no column beside label and groups; there is nothing to attack.")
    y, names = encode(column(table, label, path), classes, f"{path}: the column {label}")
    x = np.stack([_feature(table, name, path) for name in features], 1)
    found = {name: group_column(table, name) for name in groups}
    return Table(x, y, columns=features, name=path.name, groups=found, classes=names, bounds=bounds)


def read_arrow(path: Path) -> Any:
    """A file as an Arrow table with at least one row. Raises InputMissingError, InputError."""
    if not path.is_file():
        raise InputMissingError(f"there is no file {path}; check the spelling and the folder.")
    try:
        table = _parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _csv(path)
    except (pa.ArrowException, UnicodeDecodeError, OSError) as problem:
        if isinstance(problem, InputError):
            raise
        raise InputError(f"{path} cannot be read as a table: {problem}") from problem
    doubled = [name for name in table.column_names if table.column_names.count(name) > 1]
    if doubled:
        raise InputError(f"{path} has two columns called {doubled[0]!r}; give each its own name.")
    if table.num_rows == 0:
        raise InputError(f"{path} has no rows.")
    return table


def column(table: Any, name: str, path: Path) -> Array:
    """One column as an array of numbers, bool or str, (N,). Raises InputError where a value is missing."""
    values = _flat(table, name)
    if values.null_count:
        row = values.is_null().to_pylist().index(True)
        raise InputError(
            f"{path}: the column {name} has no value in row {row}, and in {values.null_count} of {len(values)} rows; "
            "fill them, or leave these rows out."
        )
    return (
        np.asarray(values.to_pylist()) if _is_text(values.type) else np.asarray(values.to_numpy(zero_copy_only=False))
    )


def group_column(table: Any, name: str) -> Array:
    """One column as a group, (N,): values that are missing form a group of their own, called "missing"."""
    values = _flat(table, name)
    if values.null_count == 0 and not _is_text(values.type):
        return np.asarray(values.to_numpy(zero_copy_only=False))
    return np.asarray(["missing" if value is None else str(value) for value in values.to_pylist()])


def _csv(path: Path) -> Any:
    with opened(path) as stream:
        first, second = stream.readline().decode("utf-8-sig"), stream.readline()
    if not first.strip():
        raise InputError(f"{path} is empty, or does not begin with a line of column names.")
    if not second.strip():
        raise InputError(f"{path} has no rows below its line of column names.")
    delimiter = max(",;\t", key=first.count)
    header = next(csv.reader([first], delimiter=delimiter))
    with opened(path) as stream:
        return pa.csv.read_csv(
            stream,
            pa.csv.ReadOptions(column_names=[name.strip() for name in header], skip_rows=1, use_threads=False),
            pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        )


def _parquet(path: Path) -> Any:
    return pa.parquet.ParquetFile(path).read(use_threads=False)


def _flat(table: Any, name: str) -> Any:
    """The values of a column; in text, none at all is no value."""
    values = table[name].combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return pc.if_else(pc.equal(values, ""), None, values) if _is_text(values.type) else values


def _label_column(table: Any, path: Path) -> str:
    known = [name for name in table.column_names if name.lower() in _LABELS]
    if len(known) == 1:
        return str(known[0])
    raise InputError(
        f"which column of {path} holds the labels? Name it: label=..., one of {', '.join(table.column_names)}."
    )


def _require(table: Any, names: Sequence[str], path: Path) -> None:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise InputError(f"{path} has no column {missing[0]!r}; it has: {', '.join(table.column_names)}.")


def _feature(table: Any, name: str, path: Path) -> Array:
    kind = _flat(table, name).type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        if pa.types.is_decimal(kind):
            return column(table, name, path).astype(np.float32)
        raise InputError(f"{path}: the column {name} is no number ({_example(table, name)}). {_remedy(name)}")
    values = column(table, name, path).astype(np.float32)
    broken = np.flatnonzero(~np.isfinite(values))
    if len(broken):
        raise InputError(
            f"{path}: the column {name} holds {values[broken[0]]} in row {broken[0]}, and in {len(broken)} of "
            f"{len(values)} rows; fill them, or leave these rows out."
        )
    return values


def _example(table: Any, name: str) -> str:
    """The first value that is no number: in a column of numbers it is the odd one."""
    for row, value in enumerate(_flat(table, name).to_pylist()):
        try:
            float(str(value))
        except ValueError:
            return f"{value!r} in row {row}"
    return f"its type is {_flat(table, name).type}"


def _remedy(name: str) -> str:
    return (
        f"An attack changes numbers: encode it as numbers, name it among the groups (groups={name}), or name the "
        "columns that are features (columns=...)."
    )


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
