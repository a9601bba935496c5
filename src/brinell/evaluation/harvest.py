"""From blocks to tables, and from tables to the record."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from safetensors.torch import save

from brinell.case import Case
from brinell.data import Source
from brinell.evaluation.blocks import NOT_BROKEN, WRONG_CLEAN, Block
from brinell.evaluation.folder import EXAMPLES, GALLERY, RunFolder, read_table
from brinell.evaluation.record import AuditRecord, Count, Settings, StageResult

_SHOWN = 40  # rows that the gallery keeps
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
    for stage, label in enumerate(labels):
        columns[f"gradients: {label}"] = block.gradients[:, stage].cpu().numpy()
        columns[f"forwards: {label}"] = block.forwards[:, stage].cpu().numpy()
        if facts.alone:
            columns[f"alone: {label}"] = block.alone[:, stage].cpu().numpy()
    return pa.table(columns)


def _group_column(values: np.ndarray[Any, Any]) -> pa.Array:
    """Numbers as they are, and text for anything else, so that all blocks have one type; NaN and None are missing."""
    if values.dtype.kind in "iubf":
        return pa.array(values, from_pandas=True)
    texts = [None if value is None or value != value else str(value) for value in values.tolist()]
    return pa.array(texts, pa.string())


def add_up(facts: Settings, warnings: tuple[str, ...], parts: Iterable[pa.Table]) -> AuditRecord:
    """The record, from the tables of all blocks, one at a time."""
    labels = [attack.label for attack in facts.cascade]
    clean = robust = unstable = 0
    totals = {label: dict.fromkeys(("broken", "alone", "gradients", "forwards"), 0) for label in labels}
    for table in parts:
        clean += _total(pc.equal(table["clean_prediction"], table["label"]))
        robust += _total(pc.is_null(table["broken_by"]))
        unstable += _total(table["unstable"])
        for label, total in totals.items():
            total["broken"] += _total(pc.equal(table["broken_by"], label))
            for name in ("gradients", "forwards", *(["alone"] if facts.alone else [])):
                total[name] += _total(table[f"{name}: {label}"])
    n = facts.data.n
    return AuditRecord(
        settings=facts, warnings=warnings, clean=Count(hits=clean, n=n), robust=Count(hits=robust, n=n),
        stages=_stages(facts, totals, clean), unstable=unstable,
    )  # fmt: skip


def _stages(facts: Settings, totals: dict[str, dict[str, int]], clean: int) -> tuple[StageResult, ...]:
    stages, before = [], clean
    for label, total in totals.items():
        left = Count(hits=clean - total["alone"], n=facts.data.n) if facts.alone else None
        after = before - total["broken"]
        stages.append(StageResult(
            label=label, before=before, after=after, alone=left,
            gradients=total["gradients"], forwards=total["forwards"],
        ))  # fmt: skip
        before = after
    return tuple(stages)


def _total(column: Any) -> int:
    return int(pc.sum(pc.cast(column, pa.int64())).as_py() or 0)


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
