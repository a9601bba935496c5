"""What the charts of a page are drawn from: plain values, counted from the record and the table of examples."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from brinell.evaluation.examples import whole_numbers
from brinell.evaluation.labels import labels_of

if TYPE_CHECKING:
    import pyarrow as pa

    from brinell.evaluation import Audit, AuditRecord
    from brinell.statistics import Rate

WRONG, STANDS = "wrong without an attack", "stands"
_MOST_POINTS = 150  # of one attack, in the course: more could not be told apart
_MOST_CLASSES = 30  # in the picture of confusions: more would have cells too small to see
_UNITS = {"gradients": "gradients", "forwards": "queries", "passes": "passes"}

Names = dict[int, str]


class Course(NamedTuple):
    """Rows standing over what each had been given, attack after attack.

    points: effort of all attacks so far, rows standing, position of the attack. ends: the effort at each one's end."""

    unit: str
    n: int
    points: tuple[tuple[int, int, int], ...]
    ends: tuple[int, ...]


class Confusion(NamedTuple):
    """Which class the broken rows were taken for. ``pairs``: (true, taken for, rows), the most frequent first.

    classes: those in the picture, in the order of their labels; ``left_out``: how many are not."""

    pairs: tuple[tuple[str, str, int], ...]
    classes: tuple[str, ...]
    left_out: int


class Fates(NamedTuple):
    """What became of the rows of each class: ``counts[class][outcome]``, both in the order of the other fields."""

    outcomes: tuple[str, ...]
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    left_out: int


def span(rate: "Rate", *, wilson: bool = False) -> dict[str, float | int]:
    """A rate with the ends of its interval."""
    low, high = rate.wilson if wilson else (rate.low, rate.high)
    return {"value": rate.value, "low": low, "high": high, "hits": rate.hits, "n": rate.n}


def class_names(table: "pa.Table", classes: Sequence[str] | None = None) -> Names:
    """What each label is called: as ``classes`` say, or else the text of the group "class" where that names every label
    by one text of its own. Nothing where that text is the label itself."""
    if classes:
        return {number: str(label) for number, label in labels_of(classes).items()}
    if "group_class" not in table.column_names:
        return {}
    pairs = set(zip(table["label"].to_pylist(), table["group_class"].to_pylist(), strict=True))
    names = {label: str(name) for label, name in pairs if name is not None}
    clear = len(names) == len(pairs) == len(set(names.values()))
    return names if clear and any(name != str(label) for label, name in names.items()) else {}


def course(audit: "Audit") -> Course:
    """How the rows fell, from what each was given by each attack."""
    record, table = audit.record, audit.table
    units = {stage.unit for stage in record.stages}
    unit = units.pop() if len(units) == 1 else "passes"
    by = np.array(table["broken_by"].to_pylist(), dtype=object)
    right, standing, so_far = by != "clean", record.clean.hits, 0
    points, ends = [(0, standing, 0)], []
    for position, stage in enumerate(record.stages):
        spent, fell = _spent(table, stage.label, unit), by == stage.label
        efforts, counts = np.unique(spent[fell], return_counts=True)
        left = standing - np.cumsum(counts)
        points += [(so_far + int(efforts[i]), int(left[i]), position) for i in _some(len(efforts))]
        so_far += int(spent[right].max(initial=0))
        standing -= int(fell.sum())
        right &= ~fell
        points.append((so_far, standing, position))
        ends.append(so_far)
    return Course(_UNITS[unit], record.settings.data.n, tuple(dict.fromkeys(points)), tuple(ends))


def _spent(table: "pa.Table", label: str, unit: str) -> NDArray[np.int64]:
    gradients, forwards = (whole_numbers(table, f"{name}: {label}") for name in ("gradients", "forwards"))
    spent: dict[str, NDArray[np.int64]] = {
        "gradients": gradients, "forwards": forwards, "passes": 2 * gradients + forwards
    }  # fmt: skip
    return spent[unit]


def _some(n: int) -> list[int]:
    """Positions out of ``n``: all, or evenly spread ones, the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, _MOST_POINTS)).round().astype(int)).tolist() if n else []


def confusion(table: "pa.Table", names: Names) -> Confusion:
    """Which class the rows that an attack broke are taken for."""
    columns = (table[name].to_pylist() for name in ("label", "adversarial_prediction", "broken_by"))
    pairs = Counter((label, taken) for label, taken, by in zip(*columns, strict=True) if by not in (None, "clean"))
    weight: Counter[int] = Counter()
    for (label, taken), rows in pairs.items():
        weight[label] += rows
        weight[taken] += rows
    shown = sorted(label for label, _ in weight.most_common(_MOST_CLASSES))
    ranked = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    called = tuple((_name(label, names), _name(taken, names), rows) for (label, taken), rows in ranked)
    return Confusion(called, tuple(_name(label, names) for label in shown), len(weight) - len(shown))


def fates(audit: "Audit", names: Names, most: int) -> Fates:
    """Which attack broke what, class by class, the class of which least stands first."""
    record, table = audit.record, audit.table
    outcomes = [None, *(stage.label for stage in record.stages), "clean"]
    counted = Counter(zip(table["label"].to_pylist(), table["broken_by"].to_pylist(), strict=True))
    labels = sorted({label for label, _ in counted})
    rows = {label: tuple(counted[label, outcome] for outcome in outcomes) for label in labels}
    ranked = sorted(labels, key=lambda label: rows[label][0] / sum(rows[label]))
    called = (STANDS, *(stage.label for stage in record.stages), WRONG)
    return Fates(
        called, tuple(_name(label, names) for label in ranked[:most]), tuple(rows[label] for label in ranked[:most]),
        max(0, len(ranked) - most),
    )  # fmt: skip


def attacks(record: "AuditRecord") -> list[dict[str, Any]]:
    """What each attack leaves alone, where that was asked for, and what stands after it in the cascade."""
    n = record.settings.data.n
    return [
        {"label": stage.label, "after": stage.after / n, "alone": span(stage.alone.rate) if stage.alone else None}
        for stage in record.stages
    ]


def _name(label: int, names: Names) -> str:
    """No name of another class, even where a class that no row belongs to has none."""
    return names.get(label, f"label {label}" if names else str(label))


def named(labels: Iterable[int], names: Names) -> list[str]:
    """What the labels are called."""
    return [_name(label, names) for label in labels]
