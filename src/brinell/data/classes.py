"""Labels by name: which number each class has."""

from collections.abc import Sequence

import numpy as np

from brinell.data.border import Array
from brinell.errors import InputError


def encode(labels: Array, classes: Sequence[object] | None, what: str) -> tuple[Array, tuple[str, ...] | None]:
    """``labels`` (N,) as numbers, (N,) int64, and the names of the classes by number, None where they have none.

    classes: the names in the order of the model's outputs. Without them whole numbers stay as they are, and names are
    counted in alphabetical order. what: what the labels are called in messages, such as "the column income".
    Raises InputError for a label that is not among the classes, and for labels that are no classes.
    """
    if classes is not None:
        return _numbered(labels, [str(name) for name in classes], what)
    if labels.dtype.kind == "f":
        broken = np.flatnonzero(labels != np.round(labels))
        if len(broken):
            raise InputError(
                f"{what} holds {labels[broken[0]]:g} in row {broken[0]}; labels are classes: give whole numbers or "
                "names."
            )
    if labels.dtype.kind in "fiub":
        return labels.astype(np.int64), None
    return _numbered(labels, sorted({str(label) for label in labels}), what)


def _numbered(labels: Array, names: list[str], what: str) -> tuple[Array, tuple[str, ...]]:
    if len(set(names)) < len(names):
        raise InputError(f"the classes are {', '.join(names)}; name each of them once.")
    numbers = {name: number for number, name in enumerate(names)}
    if labels.dtype.kind == "f" and np.array_equal(labels, np.round(labels)):
        labels = labels.astype(np.int64)
    unknown = [row for row, label in enumerate(labels) if str(label) not in numbers]
    if unknown:
        raise InputError(
            f"{what} holds {str(labels[unknown[0]])!r} in row {unknown[0]}, which is none of the classes "
            f"{_some(names)}; name all of them, in the order of the model's outputs."
        )
    return np.array([numbers[str(label)] for label in labels], np.int64), tuple(names)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f", ... ({len(names)})" if len(names) > 12 else "")
