"""The adversarial pictures as PNG files, in 8 bits, and how many of them are adversarial still."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from brinell.errors import InputError, InputMissingError, OutputExistsError
from brinell.report.png import Pixels, encode

if TYPE_CHECKING:
    from brinell.evaluation import Audit

_SLACK = 5e-5  # of a level: what rounding to float32 does to a value that lies on one
_AT_ONCE = 256  # rows in memory
_GALLERY, _INDEX = "gallery.safetensors", "pictures.csv"
Array: TypeAlias = NDArray[np.float64]


class Pictures(NamedTuple):
    """What was written: a clean and an adversarial picture for each of ``rows`` broken rows, and ``pictures.csv``.

    still: of those whose pixels are just what the audit judged in 8 bits (``known``), the ones that are adversarial
    still. The others keep values of a clean picture that does not fit into 8 bits: nobody judged these very pixels."""

    folder: Path
    rows: int
    known: int
    still: int

    def __str__(self) -> str:
        unknown = self.rows - self.known
        more = f"; of {unknown} it is not known, since their clean picture does not fit into 8 bits" if unknown else ""
        return f"{self.still} of {self.known} pictures are adversarial still in 8 bits{more}: {self.folder}"


class _Part(NamedTuple):
    """Some broken rows: their lines of the table of examples, and their inputs, clean and adversarial, (N, ...)."""

    rows: list[dict[str, Any]]
    x: Array
    x_adv: Array


def write_pictures(audit: "Audit", folder: str | Path, *, data: Any = None) -> Pictures:
    """Write broken rows as lossless PNG files into ``folder``, which must be empty or not exist.

    A value goes to the next of 256 levels toward the clean one, so that no picture leaves the threat set; this is what
    the audit judged once more for its count of rows that stay broken in 8 bits. Files are named
    ``row-12_class-3_clean.png`` and ``row-12_class-3_predicted-5.png``, the latter with ``_lost`` where rounding undoes
    the attack; ``pictures.csv`` has a line for each.
    data: the audit's data, to write every broken row; without it those that the run folder keeps for the gallery.
    Raises InputError on inputs that are no pictures in 0..1 or 0..255 and on other data, InputMissingError where the
    audit kept no inputs, OutputExistsError."""
    folder, facts = Path(folder), audit.record.settings
    if audit.record.eight_bits is None:
        raise InputError(
            f"inputs of shape {facts.data.shape} within {facts.model.bounds} are no pictures of 256 levels: PNG files "
            "need (1, H, W), (3, H, W) or (H, W) in 0..1 or 0..255 (put mean and std into Classifier(normalize=...)). "
            "For other data write the table of examples: export(audit, 'csv', ...)."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputExistsError(f"{folder} exists and is not empty; name another folder.")
    low, high = (float(end) for end in facts.model.bounds.strip("()").split(","))
    parts = _gallery(audit) if data is None else _all(audit, data)
    lines = [line for part in parts for line in _write(part, folder, low, (high - low) / 255)]
    folder.mkdir(parents=True, exist_ok=True)  # where no row is broken it is still to be made
    _write_index(lines, folder / _INDEX)
    known = [line["still_adversarial"] for line in lines if line["still_adversarial"] is not None]
    return Pictures(folder, len(lines), len(known), sum(known))


def _gallery(audit: "Audit") -> Iterator[_Part]:
    """The rows that the run folder keeps with their clean inputs."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if audit.record.settings.examples == "none":
        raise InputMissingError('the audit was run with examples="none" and kept no inputs; run it with "all".')
    path = audit.folder / _GALLERY
    if not path.is_file():  # no row is broken: then there is no such file
        if audit.record.clean.hits > audit.record.robust.hits:
            raise InputMissingError(f"{path} is not there any more; pass data= to write the pictures without it.")
        return
    try:
        tensors = load_file(path)
        rows = audit.table.take(tensors["id"]).to_pylist()
        yield _Part(rows, tensors["x"].astype(np.float64), tensors["x_adv"].astype(np.float64))
    except (SafetensorError, KeyError, OSError, IndexError) as problem:
        raise InputError(f"{path} is damaged: {problem}. Run the audit again.") from problem


def _all(audit: "Audit", data: Any) -> Iterator[_Part]:
    """Every broken row, with its clean input from the data."""
    from brinell.data import read

    source, table, x_adv = read(data), audit.table, audit.x_adv
    if len(source) != table.num_rows:
        raise InputError(f"the data have {len(source)} rows, the audit {table.num_rows}; give the audit's own data.")
    broken = np.array([name not in (None, "clean") for name in table["broken_by"].to_pylist()])
    rows = np.flatnonzero(broken)
    for start in range(0, len(rows), _AT_ONCE):
        chosen = rows[start : start + _AT_ONCE]
        x, y = source.block(chosen)
        lines = table.take(chosen).to_pylist()
        if tuple(x.shape[1:]) != tuple(x_adv.shape[1:]) or y.tolist() != [line["label"] for line in lines]:
            raise InputError("the data have other shapes or labels than the audit; give the audit's own data.")
        yield _Part(lines, x.double().cpu().numpy(), x_adv[chosen].double().numpy())


def _write(part: _Part, folder: Path, low: float, level: float) -> Iterator[dict[str, Any]]:
    """Write the pictures of some rows; yields their lines of the index."""
    folder.mkdir(parents=True, exist_ok=True)
    clean = (part.x - low) / level
    values = _toward((part.x_adv - low) / level, clean)
    off = np.abs(values - values.round()).reshape(len(values), -1).max(1)
    exact = (off <= _SLACK).tolist()
    for row, before, after, fits in zip(part.rows, clean, values, exact, strict=True):
        still = row["eight_bits"] if fits else None
        name = f"row-{row['id']}_class-{row['label']}"
        files = f"{name}_clean.png", f"{name}_predicted-{row['adversarial_prediction']}{'_lost' * (still is False)}.png"
        for file, picture in zip(files, (before, after), strict=True):
            (folder / file).write_bytes(encode(_pixels(picture)))
        yield {
            "file": files[1], "clean_file": files[0], "row": row["id"], "class": row["label"],
            "clean_prediction": row["clean_prediction"], "prediction": row["adversarial_prediction"],
            "broken_by": row["broken_by"], "distance": row["distance"], "still_adversarial": still,
        }  # fmt: skip


def _toward(values: Array, clean: Array) -> Array:
    """Values in levels, each moved toward the clean one onto a whole level; as ``clean`` has it if none is between.

    The same as ``evaluation.eightbits.toward``, which works on tensors."""
    down = np.maximum(np.floor(values + _SLACK), clean)
    up = np.minimum(np.ceil(values - _SLACK), clean)
    return np.where(values > clean, down, np.where(values < clean, up, clean))


def _pixels(picture: Array) -> Pixels:
    """(H, W), (1, H, W) or (3, H, W) in levels as (H, W) or (H, W, 3)."""
    levels = picture.round().clip(0, 255).astype(np.uint8)
    if levels.ndim == 2:
        return levels
    return levels[0] if len(levels) == 1 else np.moveaxis(levels, 0, 2)


def _write_index(lines: list[dict[str, Any]], path: Path) -> None:
    import pyarrow as pa
    from pyarrow.csv import write_csv

    if lines:
        write_csv(pa.Table.from_pylist(lines), path)
