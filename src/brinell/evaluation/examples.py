"""The table of examples, as it is read back: what columns it has to have."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from brinell.errors import InputError
from brinell.evaluation.files import read_table
from brinell.evaluation.record import AuditRecord

_MAY_BE_NULL = ("broken_by", "eight_bits", "redrawn")  # where a row stands, and where it is not broken


def read_examples(path: Path, record: AuditRecord) -> pa.Table:
    """The table in ``path``. Raises InputError where it is damaged, or is not that of the record."""
    table, wanted = read_table(path), _columns(record)
    if missing := [name for name in wanted if name not in table.column_names]:
        raise InputError(f"{path} has no column {', '.join(map(repr, missing))}. Run the audit again.")
    for name, kind in wanted.items():
        column = table[name]
        if kind is not None and (column.type != kind or (column.null_count and name not in _MAY_BE_NULL)):
            what = f"{column.type}, not {kind}" if column.type != kind else f"missing in {column.null_count} rows"
            raise InputError(f"{path}: the column {name!r} is {what}. Run the audit again.")
    if table.num_rows != record.settings.data.n:
        raise InputError(f"{path} holds {table.num_rows} rows, the record says {record.settings.data.n}. "
                         "Run the audit again.")  # fmt: skip
    return table


def whole_numbers(table: pa.Table, name: str) -> NDArray[np.int64]:
    """A column of int64 that has no nulls, (N,). By DLPack, because ``to_numpy`` imports pandas: 0.3 s."""
    return np.concatenate([np.from_dlpack(chunk) for chunk in table[name].chunks])


def _columns(record: AuditRecord) -> dict[str, pa.DataType | None]:
    """Names and types of the columns that the table of this audit has; those of groups are the data's own."""
    whole, yes = pa.int64(), pa.bool_()
    columns = dict.fromkeys(["id", "label", "clean_prediction", "adversarial_prediction"], whole)
    columns |= dict.fromkeys(["clean_confidence", "adversarial_confidence", "distance"], pa.float32())
    columns |= {"broken_by": pa.string(), "unstable": yes}
    columns |= dict.fromkeys(f"group_{name}" for name in record.settings.data.groups)
    columns |= {name: yes for name in ("certified", "eight_bits", "redrawn") if getattr(record, name) is not None}
    each = {"gradients": whole, "forwards": whole, "refused": yes} | ({"alone": yes} if record.settings.alone else {})
    columns |= {"gradients": whole, "forwards": whole}
    return columns | {
        f"{name}: {attack.label}": kind for attack in record.settings.cascade for name, kind in each.items()
    }
