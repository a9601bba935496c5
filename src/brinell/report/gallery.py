"""Broken rows to look at: clean, changed and adversarial, as pictures or as the values that changed most."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from brinell.errors import InputError
from brinell.report.charts import Names, class_names, named
from brinell.report.png import Pixels, data_uri
from brinell.shapes import image_like

if TYPE_CHECKING:
    from brinell.evaluation import Audit

FILE = "gallery.safetensors"
_BUDGET = 1_000_000  # values of all pictures of one kind: keeps the page small where inputs are large
_LISTED, _TOP = 30, 3  # rows that are no pictures, and values shown of each
_SCALES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))  # what pixels usually span

Array = NDArray[np.float64]


class Change(NamedTuple):
    """One value of an input, before and after. place: the name of its column, or its [position]."""

    place: str
    before: float
    after: float


class Exhibit(NamedTuple):
    """One broken row: its line of the table of examples, and pictures (data URIs) or the largest changes.

    ``truth``, ``before`` and ``after``: what its class and the two predictions are called. ``changed``: how many of the
    ``size`` values of the input differ."""

    row: dict[str, Any]
    truth: str
    before: str
    after: str
    changed: int
    size: int
    pictures: tuple[str, str, str] | None = None
    changes: tuple[Change, ...] = ()


class Gallery(NamedTuple):
    """What is shown, or ``missing``: why there is nothing.

    ``factor`` magnifies the change in pictures, whose values run from ``low`` (black) to ``high`` (white).
    ``kept``: rows in the file."""

    exhibits: tuple[Exhibit, ...] = ()
    missing: str = ""
    factor: float = 1.0
    low: float = 0.0
    high: float = 1.0
    kept: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """The true classes that are shown, in the order of their labels."""
        ordered = sorted({(exhibit.row["label"], exhibit.truth) for exhibit in self.exhibits})
        return tuple(truth for _, truth in ordered)

    @property
    def attacks(self) -> tuple[str, ...]:
        """The attacks whose work is shown."""
        return tuple(sorted({exhibit.row["broken_by"] for exhibit in self.exhibits}))

    @property
    def distances(self) -> tuple[float, float]:
        """The smallest and the largest distance."""
        found = [exhibit.row["distance"] for exhibit in self.exhibits]
        return min(found), max(found)


def gallery_of(audit: "Audit", share: int = 1) -> Gallery:
    """What the run folder holds to look at. Raises InputError where the file is damaged.

    share: among how many audits the room on the page is shared out."""
    path = audit.folder / FILE
    if audit.record.settings.examples == "none":
        return Gallery(missing='The audit was run with examples="none": it kept no inputs to show.')
    if not any(stage.before > stage.after for stage in audit.record.stages):
        return Gallery(missing="No attack broke a row, so there is nothing to show.")
    if not path.is_file():
        return Gallery(missing=f"{FILE} is not in the run folder any more.")
    ids, x, x_adv = _read(path)
    shown = np.arange(min(len(ids), max(1, _BUDGET // share // x[0].size if image_like(x.shape[1:]) else _LISTED)))
    table, chosen = audit.table, ids[shown].tolist()
    if not all(0 <= row < table.num_rows for row in chosen):
        raise InputError(f"{path} names rows that the audit does not have. Run the audit again.")
    rows = [table.slice(row, 1).to_pylist()[0] for row in chosen]
    names = class_names(table, audit.record.settings.data.classes)
    gallery = _hang(rows, names, x[shown], x_adv[shown])._replace(kept=len(ids))
    return gallery if gallery.exhibits[0].pictures else _list_changes(gallery, audit, x[shown], x_adv[shown])


def _read(path: Path) -> tuple[NDArray[np.int64], Array, Array]:
    try:
        tensors = load_file(path)
        x, x_adv = (tensors[name].astype(np.float64) for name in ("x", "x_adv"))
        return tensors["id"], x, x_adv
    except (SafetensorError, KeyError, OSError) as problem:
        raise InputError(f"{path} is damaged: {problem}. Run the audit again.") from problem


def _hang(rows: list[dict[str, Any]], names: Names, x: Array, x_adv: Array) -> Gallery:
    changed = (x != x_adv).reshape(len(x), -1).sum(1)
    exhibits = [_exhibit(row, names, int(values), x[0].size) for row, values in zip(rows, changed, strict=True)]
    if not image_like(x.shape[1:]):
        return Gallery(tuple(exhibits))
    low, high = _scale(min(x.min(), x_adv.min()), max(x.max(), x_adv.max()))
    x, x_adv = (x - low) / (high - low), (x_adv - low) / (high - low)
    factor = _two_digits(0.5 / (np.abs(x_adv - x).max() or 0.5))
    pictures = _pictures(x, x_adv, factor)
    shown = tuple(each._replace(pictures=three) for each, three in zip(exhibits, pictures, strict=True))
    return Gallery(shown, factor=factor, low=low, high=high)


def _list_changes(gallery: Gallery, audit: "Audit", x: Array, x_adv: Array) -> Gallery:
    """The gallery with the values that changed most, by the names that the record has for them."""
    columns = audit.record.settings.data.columns or ()
    called = columns if x.shape[1:] == (len(columns),) else None
    lists = (_largest(*pair, called) for pair in zip(x, x_adv, strict=True))
    exhibits = (exhibit._replace(changes=found) for exhibit, found in zip(gallery.exhibits, lists, strict=True))
    return gallery._replace(exhibits=tuple(exhibits))


def _exhibit(row: dict[str, Any], names: Names, changed: int, size: int) -> Exhibit:
    truth, before, after = named((row["label"], row["clean_prediction"], row["adversarial_prediction"]), names)
    return Exhibit(row, truth, before, after, changed, size)


def _scale(low: float, high: float) -> tuple[float, float]:
    fitting = (scale for scale in _SCALES if scale[0] <= low and high <= scale[1])
    return next(fitting, (float(low), float(high) if high > low else float(low) + 1))


def _two_digits(value: float) -> float:
    """``value`` rounded down, so that what is magnified stays within the picture's range."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.floor(value / unit) * unit


def _pictures(x: Array, x_adv: Array, factor: float) -> Iterator[tuple[str, str, str]]:
    """Clean, magnified change about mid grey, and adversarial; x, x_adv: (N, ...) in 0..1."""
    for clean, adversarial in zip(x, x_adv, strict=True):
        change = 0.5 + factor * (adversarial - clean)
        yield data_uri(_pixels(clean)), data_uri(_pixels(change)), data_uri(_pixels(adversarial))


def _pixels(image: Array) -> Pixels:
    """(H, W), (1, H, W) or (3, H, W) in 0..1 as (H, W) or (H, W, 3) in 0..255."""
    levels = (image.clip(0, 1) * 255).round().astype(np.uint8)
    if levels.ndim == 2:
        return levels
    return levels[0] if len(levels) == 1 else np.moveaxis(levels, 0, 2)


def _largest(x: Array, x_adv: Array, columns: tuple[str, ...] | None) -> tuple[Change, ...]:
    """The values that changed most, largest first."""
    size = np.abs(x_adv - x)
    order = np.argsort(-size, axis=None, kind="stable")[:_TOP]
    places = [tuple(int(i) for i in np.unravel_index(flat, x.shape)) for flat in order if size.flat[flat] > 0]
    return tuple(
        Change(
            columns[place[0]] if columns else f"[{', '.join(map(str, place))}]", float(x[place]), float(x_adv[place])
        )
        for place in places
    )
