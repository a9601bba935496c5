"""Rows in a fixed order, read block by block, so that memory does not grow with their number."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from brinell.data.border import (
    Array,
    Rows,
    as_groups,
    as_inputs,
    as_labels,
    refuse_nonfinite,
    same_length,
    to_block,
)
from brinell.errors import InputError, InputTypeError


@runtime_checkable
class Source(Protocol):
    """Inputs, true labels and groups, in a fixed order; any row can be read at any time, and again."""

    @property
    def name(self) -> str:
        """What it is called in records."""
        ...

    @property
    def groups(self) -> Mapping[str, Array]:
        """The attributes of the rows, each (N,), any dtype; may be empty."""
        ...

    def __len__(self) -> int:
        """The number of rows, at least 1."""
        ...

    def block(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """``x`` (n, ...) floating and finite, ``y`` (n,) int64: on the CPU, contiguous, the caller's own."""
        ...


class Arrays:
    """Inputs and labels that lie in memory or are mapped from a file.

    x: (N, ...) tensor, array or ``np.memmap`` of real numbers; divided by ``scale`` (255 brings bytes into
    [0, 1]) and converted block by block, never whole. y: (N,) integers or bool. groups: each (N,).
    bounds, classes, columns: what is known of them, see ``bounds_of``, ``classes_of`` and ``columns_of``; a data frame
    names its columns itself.
    Raises InputError, InputTypeError for anything else; for NaN and infinity when the block is read.
    """

    def __init__(
        self, x: object, y: object, *, groups: Mapping[str, object] | None = None, name: str = "arrays",
        scale: float = 1.0, bounds: Any = None, classes: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self.classes = _texts(classes)
        self.columns = _texts(getattr(x, "columns", None) if columns is None else columns)
        self._bounds = bounds
        self.x = as_inputs(x)
        self.y = as_labels(y)
        same_length(self.x, self.y)
        self.groups: Mapping[str, Array] = as_groups(groups or {}, len(self.y))
        self._scale = scale

    @property
    def bounds(self) -> Any:
        """As in ``bounds_of``."""
        return self._bounds

    def __len__(self) -> int:
        return len(self.y)

    def block(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """The chosen rows, as in ``Source``."""
        chosen = rows if isinstance(rows, slice) else torch.from_numpy(np.asarray(rows, dtype=np.int64))
        x = self.x[chosen] if isinstance(self.x, Tensor) else self.x[rows]
        return refuse_nonfinite(to_block(x, self._scale), _numbers(rows, len(self))), self.y[chosen].clone()


class Mapped:
    """A map-style torch ``Dataset``, in its own order; ``collate`` makes a batch (x, y, ...) of its items.

    Raises InputError, InputTypeError when it is empty, when its batches are not inputs and labels, or when it
    gives other values for the same row when asked again (a random transform): the first rows are tried.
    """

    def __init__(
        self,
        dataset: Any,
        collate: Callable[[list[Any]], Any] = default_collate,
        *,
        groups: Mapping[str, object] | None = None,
        name: str = "dataset",
    ) -> None:
        self.name = name
        self._dataset = dataset
        self._collate = collate
        self._length = length_of(dataset)
        self.groups: Mapping[str, Array] = as_groups(groups or {}, self._length)
        refuse_changing(self)

    def __len__(self) -> int:
        return self._length

    def block(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """The chosen rows, as in ``Source``."""
        numbers = [int(row) for row in _numbers(rows, len(self))]
        x, y = _pair(self._batch([self._dataset[row] for row in numbers]))
        if not len(x) == len(y) == len(numbers):
            raise InputError(
                f"the data set {self.name!r} gives {len(x)} inputs and {len(y)} labels for {len(numbers)} "
                "rows; its items must be one row each: pass a data set of single rows, or the tuple (x, y)."
            )
        return refuse_nonfinite(to_block(x), numbers), y

    def _batch(self, items: list[Any]) -> Any:
        try:
            return self._collate(items)
        except (TypeError, RuntimeError) as problem:
            raise InputError(
                f"rows of the data set {self.name!r} do not form a batch: {problem}. Let it give tensors of "
                "one shape (ToTensor, Resize), or pass a DataLoader with a collate_fn that returns (x, y)."
            ) from problem


def bounds_of(source: Source) -> Any:
    """The range of the inputs of ``source``, (low, high), numbers or arrays; None where it does not know it."""
    return getattr(source, "bounds", None)


def classes_of(source: Source) -> tuple[str, ...] | None:
    """The names of the classes of ``source`` by number; None where it does not know them."""
    return getattr(source, "classes", None)


def columns_of(source: Source) -> tuple[str, ...] | None:
    """The names of the values of a row, in their order, where rows are vectors; None where it does not know them."""
    return getattr(source, "columns", None)


class About:
    """Another source's ``source``: what it knows beside its rows is known of this one as well."""

    source: Source

    @property
    def bounds(self) -> Any:
        """As in ``bounds_of``."""
        return bounds_of(self.source)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """As in ``classes_of``."""
        return classes_of(self.source)

    @property
    def columns(self) -> tuple[str, ...] | None:
        """As in ``columns_of``."""
        return columns_of(self.source)


class Selected(About):
    """Rows of another source: ``index`` (n,) of row numbers, in any order, also repeated. Its name stays."""

    def __init__(self, source: Source, index: object) -> None:
        self.source = source
        self.index = _row_numbers(index, len(source))
        self.name = source.name
        self.groups: Mapping[str, Array] = {name: values[self.index] for name, values in source.groups.items()}

    def __len__(self) -> int:
        return len(self.index)

    def block(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """The chosen rows, as in ``Source``."""
        return self.source.block(self.index[rows])


class Grouped(About):
    """Another source with ``groups`` added, each (N,); they replace its own groups of the same name."""

    def __init__(self, source: Source, groups: Mapping[str, object]) -> None:
        self.source = source
        self.name = source.name
        self.groups: Mapping[str, Array] = {**source.groups, **as_groups(groups, len(source))}

    def __len__(self) -> int:
        return len(self.source)

    def block(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """The chosen rows, as in ``Source``."""
        return self.source.block(rows)


def _texts(names: Iterable[object] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(map(str, names))


def _numbers(rows: Rows, n: int) -> Sequence[int] | Array:
    return range(n)[rows] if isinstance(rows, slice) else rows


def refuse_changing(source: Source) -> None:
    """Raise InputError where the first rows are others when they are read again."""
    first = slice(0, 8)  # a transform that changes half the rows escapes one time in 256
    if not all(torch.equal(*pair) for pair in zip(source.block(first), source.block(first), strict=True)):
        raise InputError(
            f"the data set {source.name!r} gives other values each time that it is asked for a row; an audit "
            "must see the same rows again: leave random transforms (flips, crops, noise) out of the data "
            "that are judged."
        )


def length_of(dataset: Any) -> int:
    """The number of rows of a data set. Raises InputTypeError where it has none, InputError where that is 0."""
    try:
        n = len(dataset)
    except TypeError as problem:
        raise InputTypeError(
            f"{type(dataset).__name__} has no length; brinell reads rows by number: give the data set "
            "__len__ and __getitem__, or pass the tuple (x, y)."
        ) from problem
    if n == 0:
        raise InputError("the data set has no rows; pass at least one.")
    return n


def _pair(batch: Any) -> tuple[Tensor | Array, Tensor]:
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        came = f"a {type(batch).__name__}" + (f" of {len(batch)}" if isinstance(batch, tuple | list) else "")
        keys = f" with the keys {', '.join(map(repr, batch))}" if isinstance(batch, Mapping) else ""
        raise InputTypeError(
            f"a batch of the data set is {came}{keys}; it must be (x, y): pass a DataLoader with a "
            "collate_fn that returns inputs and labels."
        )
    return as_inputs(batch[0]), as_labels(batch[1])


def _row_numbers(index: object, n: int) -> Array:
    rows = np.asarray(index)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or len(rows) == 0:
        raise InputTypeError(
            f"the index has shape {rows.shape} and dtype {rows.dtype}; pass row numbers, at least one, shape "
            "(n,), for a mask np.flatnonzero(mask)."
        )
    if rows.min() < 0 or rows.max() >= n:
        raise InputError(
            f"the index runs from {rows.min()} to {rows.max()}; rows of this source are numbered 0 to {n - 1}."
        )
    return rows.astype(np.int64)
