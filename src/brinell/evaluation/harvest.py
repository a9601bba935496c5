"""From blocks to the table of examples, and the rows to look at."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import save

from brinell.case import Case
from brinell.data import Source
from brinell.evaluation.blocks import NOT_BROKEN, WRONG_CLEAN, Block
from brinell.evaluation.files import EXAMPLES, GALLERY, read_table
from brinell.evaluation.folder import RunFolder
from brinell.evaluation.record import Settings

_SHOWN = 60  # rows that the gallery keeps
_Column = np.ndarray[Any, Any]
_Groups = dict[str, _Column]


def as_table(facts: Settings, groups: _Groups, case: Case, block: Block) -> pa.Table:
    """The rows of one block, as they stand in ``examples.parquet``."""
    labels = [attack.label for attack in facts.cascade]
    names: dict[int, str | None] = {NOT_BROKEN: None, WRONG_CLEAN: "clean"} | dict(enumerate(labels))
    columns: dict[str, Any] = {
        "id": case.draws.ids.cpu().numpy(),
        "label": case.y.cpu().numpy(),
        **{f"group_{name}": group_column(values) for name, values in groups.items()},
        "clean_prediction": block.clean_prediction.cpu().numpy(),
        "clean_confidence": block.clean_confidence.cpu().float().numpy(),
        "broken_by": pa.array([names[int(i)] for i in block.broken_by], pa.string()),
        "adversarial_prediction": block.adversarial_prediction.cpu().numpy(),
        "adversarial_confidence": block.adversarial_confidence.cpu().float().numpy(),
        "distance": block.distance.cpu().float().numpy(),
        "gradients": block.gradients.sum(1).cpu().numpy(),
        "forwards": block.forwards.sum(1).cpu().numpy(),
        "unstable": block.unstable.cpu().numpy(),
    }
    if block.certified is not None:
        columns["certified"] = block.certified.cpu().numpy()
    for name, still in (("eight_bits", block.eight_bits), ("redrawn", block.redrawn)):
        if still is not None:
            columns[name] = pa.array(still.cpu().numpy(), mask=(block.broken_by < 0).cpu().numpy())
    for stage, label in enumerate(labels):
        columns[f"gradients: {label}"] = block.gradients[:, stage].cpu().numpy()
        columns[f"forwards: {label}"] = block.forwards[:, stage].cpu().numpy()
        columns[f"refused: {label}"] = block.refused[:, stage].cpu().numpy()
        if facts.alone:
            columns[f"alone: {label}"] = block.alone[:, stage].cpu().numpy()
    return pa.table(columns)


def group_column(values: np.ndarray[Any, Any]) -> pa.Array:
    """Numbers as they are, and text for anything else, so that all blocks have one type; NaN and None are missing."""
    if values.dtype.kind in "iubf":
        return pa.array(values, from_pandas=True)
    texts = [None if value is None or value != value else str(value) for value in values.tolist()]
    return pa.array(texts, pa.string())


def pick_gallery(folder: RunFolder, source: Source) -> None:
    """Keep the clean and the adversarial input of a few broken rows of every class, for the report."""
    table = read_table(folder.path / EXAMPLES).select(["label", "broken_by"])
    chosen = _pick(table["label"].to_numpy(), np.array(table["broken_by"].to_pylist(), dtype=object))
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


def _pick(labels: _Column, broken_by: _Column) -> _Column:
    """Which broken rows to show, and in which order: a row of every class, then another of every class, and so on; of
    each class the work of every attack in turn."""
    ranked: list[tuple[int, int, int]] = []
    for label in np.unique(labels):
        seen: Counter[str] = Counter()
        turns = []
        for row in np.flatnonzero(labels == label).tolist():
            attack = broken_by[row]
            if attack not in (None, "clean"):
                seen[attack] += 1
                turns.append((seen[attack], row))  # every attack's first row, then every attack's second, ...
        ranked += [(turn, int(label), row) for turn, (_, row) in enumerate(sorted(turns))]
    first = [rank for rank in ranked if rank[0] == 0]
    if len(first) > _SHOWN:  # not those of the first labels only
        ranked = [first[i] for i in np.linspace(0, len(first) - 1, _SHOWN).round().astype(int)]
    return np.array([row for *_, row in sorted(ranked)[:_SHOWN]], dtype=np.int64)
