"""What users hand over, checked once: inputs, labels and groups, made uniform or refused with the remedy."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from brinell.errors import InputError, InputTypeError

Array: TypeAlias = npt.NDArray[Any]
Rows: TypeAlias = slice | Array
"""Which rows: a slice, or row numbers (n,) of any integer type."""


def as_inputs(x: object) -> Tensor | Array:
    """``x`` as a tensor or array (N, ...), any real numeric dtype, not copied where it is one already.

    Raises InputError when it is empty or has no axis beside the rows, InputTypeError when it is not real
    numbers.
    """
    x = _as_array(x, "x")
    if isinstance(x, Tensor) and (x.layout != torch.strided or x.is_quantized):
        raise InputTypeError("x is a sparse or quantized tensor; pass x.to_dense() or x.dequantize().")
    if _kind(x) not in "fiub":
        hint = " (such arrays come from rows of unequal shape)" if _kind(x) == "O" else ""
        raise InputTypeError(f"x is of dtype {x.dtype}{hint}; inputs are real numbers: pass floats or integers.")
    if x.ndim == 0 or len(x) == 0:
        raise InputError(f"x has shape {tuple(x.shape)}: no rows; pass at least one, shape (N, ...).")
    if x.ndim == 1:
        raise InputError(
            f"x has shape {tuple(x.shape)}: rows without an axis of their own. Pass x.reshape(-1, 1) if each "
            "row is one value, x[None] if it is a single row."
        )
    if 0 in x.shape:
        raise InputError(f"x has shape {tuple(x.shape)}: rows without values; pass rows of at least one value.")
    return x


def as_labels(y: object) -> Tensor:
    """``y`` as a tensor (N,) int64 of its own memory, on the CPU; True and False become 1 and 0.

    Raises InputTypeError when it is not integers, InputError when it is not one label a row.
    """
    y = _as_array(y, "y")
    if y.ndim != 1:
        hint = "y.argmax(1) if it is one-hot, y.reshape(-1) if it has a superfluous axis"
        raise InputError(f"y has shape {tuple(y.shape)}; labels are one integer a row, shape (N,): pass {hint}.")
    if _kind(y) not in "iub":
        remedy = "y.astype('int64') for an array, y.long() for a tensor"
        if _kind(y) != "f":
            remedy = "for names np.unique(y, return_inverse=True)[1]"
        raise InputTypeError(f"y is of dtype {y.dtype}; labels are classes counted from 0: pass integers, {remedy}.")
    if isinstance(y, Tensor):
        return y.detach().to("cpu", torch.int64, copy=True)
    return torch.from_numpy(np.array(y, dtype=np.int64))


def same_length(x: Tensor | Array, y: Tensor) -> None:
    """Raise InputError when there is not one label for each input."""
    if len(x) != len(y):
        raise InputError(f"x has {len(x)} rows and y has {len(y)}; pass one label for each input, in the same order.")


def as_groups(groups: Mapping[str, object], n: int) -> dict[str, Array]:
    """Each group as an array (n,) of its own dtype. Raises InputError for another length or shape."""
    if not isinstance(groups, Mapping):
        raise InputTypeError(
            f"groups are a {type(groups).__name__}; pass a dict from name to one value a row, such as "
            '{"speaker": speakers}.'
        )
    return {_group_name(name): _group(name, values, n) for name, values in groups.items()}


def to_block(x: Tensor | Array, scale: float = 1.0) -> Tensor:
    """``x`` (n, ...) as a contiguous CPU tensor of its own memory, divided by ``scale``.

    A floating dtype is kept (beyond 64 bits: float64), integers and bool become float32.
    """
    if isinstance(x, Tensor):
        dtype = x.dtype if x.is_floating_point() else torch.float32
        block = x.detach().to("cpu", dtype, copy=True, memory_format=torch.contiguous_format)
    else:
        kind = f"=f{min(x.dtype.itemsize, 8)}" if x.dtype.kind == "f" else "=f4"
        block = torch.from_numpy(np.array(x, dtype=kind, order="C"))
    return block if scale == 1 else block.div_(scale)


def refuse_nonfinite(x: Tensor, numbers: Sequence[int] | Array) -> Tensor:
    """``x`` (n, ...) as it is; raises InputError naming the first row that holds NaN or infinity."""
    finite = x.isfinite()
    if not finite.all():
        place = (~finite).nonzero()[0].tolist()
        raise InputError(
            f"x holds {x[tuple(place)].item()} in row {int(numbers[place[0]])}, position {tuple(place[1:])}; "
            "every value must be finite. Drop such rows, or fill them with a value that a real input may "
            "take."
        )
    return x


def _as_array(values: object, name: str) -> Tensor | Array:
    if isinstance(values, Tensor | np.ndarray):
        return values
    if isinstance(values, list | tuple) and values and all(isinstance(row, Tensor) for row in values):
        shapes = {tuple(row.shape) for row in values}
        if len(shapes) > 1:
            raise InputError(f"{name} has rows of shapes {sorted(shapes)}; pad or crop them to one shape.")
        return torch.stack(list(values))
    try:
        return np.asarray(values)
    except ValueError as problem:
        raise InputError(f"{name} is not a regular array: {problem}. Pad or crop its rows to one shape.") from problem


def _kind(values: Tensor | Array) -> str:
    """The kind of dtype in numpy's letters: f floating, c complex, b bool, i and u integers."""
    if not isinstance(values, Tensor):
        return values.dtype.kind
    if values.dtype == torch.bool:
        return "b"
    return "c" if values.is_complex() else "f" if values.is_floating_point() else "i"


def _group_name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise InputTypeError(f"a group is called {name!r}; its name must be a string that is not empty.")
    return name


def _group(name: str, values: object, n: int) -> Array:
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else _as_array(values, f"group {name!r}")
    if np.ndim(array) != 1:
        raise InputError(
            f"group {name!r} has shape {np.shape(array)}; pass one value a row, shape ({n},). Combine "
            "several columns into one string a row."
        )
    if len(array) != n:
        raise InputError(f"group {name!r} has {len(array)} values for {n} rows; pass one value for each row of x.")
    return np.asarray(array)
