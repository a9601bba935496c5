"""Data sets whose items have named fields: Hugging Face ``datasets``, and torch data sets of dicts or tuples."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from brinell.data.border import Array, Rows, as_groups, as_inputs, as_labels, refuse_nonfinite, to_block
from brinell.data.classes import encode
from brinell.data.frames import Frame
from brinell.data.images import readable
from brinell.data.sources import length_of, refuse_changing
from brinell.errors import InputError, InputTypeError
from brinell.progress import Progress, silent

Field: TypeAlias = str | int
_INPUTS = ("image", "img", "pixel_values", "x", "input", "inputs", "features")
_LABELS = ("label", "labels", "fine_label", "class", "target", "targets", "y")


class Fields:
    """A data set with row numbers whose items are dicts or tuples: inputs, labels and groups by name or position.

    Pictures become (C, H, W) in [0, 1], by ``frame``; anything else stays as it is. See ``read_dataset``.
    """

    def __init__(
        self, dataset: Any, x: Field | tuple[Field, ...], y: Array, *, groups: Mapping[str, object],
        frame: Frame, classes: tuple[str, ...] | None = None, name: str = "dataset",
    ) -> None:  # fmt: skip
        self.name, self.classes, self.frame = name, classes, frame
        self.columns = tuple(map(str, x)) if isinstance(x, tuple) else None
        self._dataset, self._x = dataset, x
        self.y = as_labels(y)
        self.groups: Mapping[str, Array] = as_groups(groups, len(self.y))
        self.bounds = (0.0, 1.0) if _is_picture(_pick(dataset[0], x)) else None
        refuse_changing(self)

    def __len__(self) -> int:
        return len(self.y)

    def block(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """The chosen rows, as in ``Source``."""
        numbers = np.arange(len(self))[rows]
        inputs = [self._input(int(row)) for row in numbers]
        odd = next((number for number, each in enumerate(inputs) if each.shape != inputs[0].shape), None)
        if odd is not None:
            raise InputError(
                f"row {numbers[odd]} of the data set {self.name!r} has shape {tuple(inputs[odd].shape)} and row "
                f"{numbers[0]} has {tuple(inputs[0].shape)}; rows must have one shape: for pictures give a frame, such "
                'as frame=224, or Frame(mode="RGB") where some are grey.'
            )
        x = refuse_nonfinite(torch.stack(inputs), numbers)
        return x, self.y[torch.from_numpy(numbers)].clone()

    def _input(self, row: int) -> Tensor:
        value = _pick(self._dataset[row], self._x)
        if _is_picture(value):
            name = f"row {row} of the data set {self.name!r}"
            with readable(name):
                return torch.from_numpy(self.frame(value, name).copy()).float().div_(255)
        if isinstance(value, tuple):
            value = np.array(value, np.float32)
        return to_block(as_inputs(value[None] if isinstance(value, Tensor) else np.asarray(value)[None]))[0]


def read_dataset(
    dataset: Any, *, x: Field | Sequence[Field] | None = None, label: Field | None = None,
    groups: Sequence[str] | Mapping[str, Field] = (), frame: Frame | int | tuple[int, int] | None = None,
    classes: Sequence[str] | None = None, name: str = "dataset", progress: Progress = silent,
) -> Fields:  # fmt: skip
    """A Hugging Face ``Dataset`` (one split), or a map-style torch ``Dataset`` of dicts or tuples, as a source of rows.

    x: the field of the inputs, or several fields of one number each. Of a Hugging Face data set the only image, the
        only array, or all numbers are taken unless it is given; else image, x or the like, or the first of a tuple.
    label: the field of the labels; the only ClassLabel, label or the like, or the second of a tuple unless given.
    groups: fields that tell rows apart, by name, or from a name to a field. Each is read once, now.
    frame: how pictures become inputs, see ``Frame``. classes: names of the classes in the order of the model's outputs.
    A format or transform set on a Hugging Face data set is left out: inputs are the raw ones.
    Raises InputError, InputTypeError."""
    if isinstance(dataset, Mapping):
        raise InputTypeError(f"the data set has several splits; pass one of them: data[{next(iter(dataset))!r}].")
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise InputTypeError(
            f"{type(dataset).__name__} cannot be asked for a row by its number, and an audit reads rows again; pass a "
            "data set that is not streamed."
        )
    n = length_of(dataset)
    by_name = dict(groups) if isinstance(groups, Mapping) else {str(field): field for field in groups}
    table = _HuggingFace(dataset) if is_huggingface(dataset) else _Torch(dataset, n, progress)
    label = table.label(by_name.values()) if label is None else label
    x = table.inputs([label, *by_name.values()]) if x is None else x
    inputs = x if isinstance(x, str | int) else tuple(x)
    for field in (label, *by_name.values(), *(inputs if isinstance(inputs, tuple) else (inputs,))):
        _require(field, table.fields)
    columns = table.columns([label, *by_name.values()])
    what = f"the field {label!r} of the data set"
    missing = [row for row, value in enumerate(columns[label]) if value is None]
    if missing:
        raise InputError(f"{what} has no label in row {missing[0]}; leave such rows out.")
    y, names = encode(np.asarray(columns[label]), classes or table.classes(label), what)
    found = {name: _group(columns[field]) for name, field in by_name.items()}
    return Fields(table.rows, inputs, y, groups=found, frame=Frame.of(frame), classes=names, name=name)


def is_huggingface(dataset: object) -> bool:
    """Whether it looks like a data set, or a dict of splits, of the package datasets, which need not be there."""
    return all(hasattr(dataset, name) for name in ("column_names", "with_format")) or (
        isinstance(dataset, Mapping) and bool(dataset) and all(map(is_huggingface, dataset.values()))
    )


class _HuggingFace:
    """What the features of a Hugging Face data set tell."""

    def __init__(self, dataset: Any) -> None:
        self.rows = dataset.with_format(None)
        self.fields: list[Field] = list(dataset.column_names)
        self._kinds = {name: type(feature).__name__ for name, feature in dataset.features.items()}

    def label(self, taken: Any) -> Field:
        coded = [name for name, kind in self._kinds.items() if kind == "ClassLabel" and name not in set(taken)]
        return coded[0] if len(coded) == 1 else _known(_LABELS, self.fields, "label")

    def inputs(self, taken: Sequence[Field]) -> Field | tuple[Field, ...]:
        free = {name: kind for name, kind in self._kinds.items() if name not in taken}
        for kinds in (("Image",), ("Array2D", "Array3D", "Array4D", "List", "Sequence", "LargeList")):
            names = [name for name, kind in free.items() if kind in kinds]
            if len(names) == 1:
                return str(names[0])
        numbers = tuple(name for name, kind in free.items() if kind == "Value" and self._is_number(name))
        if len(numbers) == len(free) > 0:
            return numbers
        return _known(_INPUTS, list(free), "x")

    def columns(self, fields: Sequence[Field]) -> dict[Field, list[Any]]:
        return {field: self._column(field) for field in dict.fromkeys(fields)}

    def _column(self, field: Field) -> list[Any]:
        values, names = list(self.rows[field]), self.classes(field)
        if names is None:
            return values
        return [None if value is None or value < 0 else names[value] for value in values]

    def classes(self, field: Field) -> tuple[str, ...] | None:
        names = getattr(self.rows.features[field], "names", None)
        return None if names is None else tuple(names)

    def _is_number(self, name: str) -> bool:
        return str(self.rows.features[name].dtype).startswith(("int", "uint", "float", "bool"))


class _Torch:
    """What the first item of a torch data set tells."""

    def __init__(self, dataset: Any, n: int, progress: Progress) -> None:
        self.rows, self._n, self._progress = dataset, n, progress
        first = dataset[0]
        if not isinstance(first, Mapping | tuple | list):
            raise InputTypeError(
                f"an item of the data set is a {type(first).__name__}; it must be a dict or a tuple of inputs, label "
                "and whatever tells groups apart."
            )
        self.fields: list[Field] = list(first) if isinstance(first, Mapping) else list(range(len(first)))
        self._named = isinstance(first, Mapping)

    def label(self, taken: Any) -> Field:  # noqa: ARG002
        return _known(_LABELS, self.fields, "label") if self._named else 1

    def inputs(self, taken: Sequence[Field]) -> Field | tuple[Field, ...]:  # noqa: ARG002
        return _known(_INPUTS, self.fields, "x") if self._named else 0

    def columns(self, fields: Sequence[Field]) -> dict[Field, list[Any]]:
        wanted = list(dict.fromkeys(fields))
        rows = list(self._values(wanted))
        return {field: [row[place] for row in rows] for place, field in enumerate(wanted)}

    def classes(self, field: Field) -> None:  # noqa: ARG002
        return None

    def _values(self, fields: list[Field]) -> Iterator[list[Any]]:
        for row in range(self._n):
            item = self.rows[row]
            yield [value.item() if isinstance(value, Tensor) else value for value in (item[each] for each in fields)]
            self._progress("reading labels and groups", row + 1, self._n)


def _known(names: Sequence[str], fields: Sequence[Field], what: str) -> Field:
    found = [field for field in fields if str(field).lower() in names]
    if len(found) == 1:
        return found[0]
    raise InputError(
        f"which field of the data set is meant by {what}? Name it: {what}=..., one of "
        f"{', '.join(map(repr, fields)) or 'none'}."
    )


def _group(values: list[Any]) -> Array:
    if any(value is None for value in values):
        return np.asarray(["missing" if value is None else str(value) for value in values])
    return np.asarray(values)


def _require(field: Field, fields: Sequence[Field]) -> None:
    if field not in fields:
        raise InputError(f"the data set has no field {field!r}; it has: {', '.join(map(repr, fields))}.")


def _pick(item: Any, field: Field | tuple[Field, ...]) -> Any:
    return tuple(float(item[each]) for each in field) if isinstance(field, tuple) else item[field]


def _is_picture(value: object) -> bool:
    return hasattr(value, "convert") and hasattr(value, "mode") and hasattr(value, "size")
