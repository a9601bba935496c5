"""From blocks to the table of examples, and the rows to look at."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import save

from brinell.case import Case
from brinell.data import Source
from brinell.errors import InputError
from brinell.evaluation.blocks import NOT_BROKEN, WRONG_CLEAN, Block
from brinell.evaluation.folder import EXAMPLES, GALLERY, RunFolder, read_table
from brinell.evaluation.record import AuditRecord, Settings

_SHOWN = 40  # rows that the gallery keeps
_MAY_BE_NULL = ("broken_by", "eight_bits")  # where a row stands, and where it is not broken
_Groups = dict[str, np.ndarray[Any, Any]]


def as_table(facts: Settings, groups: _Groups, case: Case, block: Block) -> pa.Table:
    """The rows of one block, as they stand in ``examples.parquet``."""
    labels = [attack.label for attack in facts.cascade]
    names: dict[int, str | None] = {NOT_BROKEN: None, WRONG_CLEAN: "clean"} | dict(enumerate(labels))
    columns: dict[str, Any] = {
        "id": case.draws.ids.cpu().numpy(),
        "label": case.y.cpu().numpy(),
        **{f"group_{name}": _group_column(values) for name, values in groups.items()},
        "clean_prediction": block.clean_prediction.cpu().numpy(),
        "broken_by": pa.array([names[int(i)] for i in block.broken_by], pa.string()),
        "adversarial_prediction": block.adversarial_prediction.cpu().numpy(),
        "distance": block.distance.cpu().float().numpy(),
        "gradients": block.gradients.sum(1).cpu().numpy(),
        "forwards": block.forwards.sum(1).cpu().numpy(),
        "unstable": block.unstable.cpu().numpy(),
    }
    if block.eight_bits is not None:
        columns["eight_bits"] = pa.array(block.eight_bits.cpu().numpy(), mask=(block.broken_by < 0).cpu().numpy())
    for stage, label in enumerate(labels):
        columns[f"gradients: {label}"] = block.gradients[:, stage].cpu().numpy()
        columns[f"forwards: {label}"] = block.forwards[:, stage].cpu().numpy()
        columns[f"refused: {label}"] = block.refused[:, stage].cpu().numpy()
        if facts.alone:
            columns[f"alone: {label}"] = block.alone[:, stage].cpu().numpy()
    return pa.table(columns)


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


def _columns(record: AuditRecord) -> dict[str, pa.DataType | None]:
    """Names and types of the columns that the table of this audit has; those of groups are the data's own."""
    whole, yes = pa.int64(), pa.bool_()
    columns = dict.fromkeys(["id", "label", "clean_prediction", "adversarial_prediction"], whole)
    columns |= {"broken_by": pa.string(), "distance": pa.float32(), "unstable": yes}
    columns |= dict.fromkeys(f"group_{name}" for name in record.settings.data.groups)
    columns |= {"eight_bits": yes} if record.eight_bits is not None else {}
    each = {"gradients": whole, "forwards": whole, "refused": yes} | ({"alone": yes} if record.settings.alone else {})
    columns |= {"gradients": whole, "forwards": whole}
    return columns | {
        f"{name}: {attack.label}": kind for attack in record.settings.cascade for name, kind in each.items()
    }


def _group_column(values: np.ndarray[Any, Any]) -> pa.Array:
    """Numbers as they are, and text for anything else, so that all blocks have one type; NaN and None are missing."""
    if values.dtype.kind in "iubf":
        return pa.array(values, from_pandas=True)
    texts = [None if value is None or value != value else str(value) for value in values.tolist()]
    return pa.array(texts, pa.string())


def pick_gallery(folder: RunFolder, source: Source) -> None:
    """Keep the clean and the adversarial input of a few broken rows of every class, for the report."""
    table = read_table(folder.path / EXAMPLES).select(["label", "broken_by"])
    broken = np.array([name not in (None, "clean") for name in table["broken_by"].to_pylist()])
    labels = table["label"].to_numpy()
    classes = np.unique(labels)
    each = max(1, _SHOWN // len(classes))
    chosen = np.concatenate([np.flatnonzero(broken & (labels == label))[:each] for label in classes])[:_SHOWN]
    if not len(chosen):
        return
    x, _ = source.block(chosen)
    x_adv = torch.cat([folder.read_rows(slice(row, row + 1)) for row in chosen.tolist()])
    tensors = {
        "id": torch.from_numpy(chosen),
        "x": x.to(x_adv.dtype).contiguous(),
        "x_adv": x_adv.contiguous(),
    }
    (folder.path / GALLERY).write_bytes(save(tensors))
