"""Adversarial examples that somebody else made, scored like ours: candidates that only the judge believes."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from brinell.attacks.base import Attack, Found
from brinell.bounds import Bounds
from brinell.case import Case
from brinell.data import Source, labels
from brinell.data.border import Array, as_inputs, to_block
from brinell.data.npz import read_arrays
from brinell.errors import InputError, InputMissingError
from brinell.evaluation.survey import blocks
from brinell.rows import flat

_BLOCK = 1024  # rows in memory while they are checked


@dataclass(frozen=True, slots=True, eq=False)
class ExamplesFrom(Attack):
    """Examples from a file or an array: ``x_adv`` (N, ...), row for row with the data; a row's id is its position.

    One outside the threat set is no success, and is counted as refused."""

    source = "the user's own"
    access = "nothing"
    name: str
    sha256: str
    x_adv: Tensor | Array = field(repr=False)

    @property
    def label(self) -> str:
        """What records call it."""
        return f"examples from {self.name}"

    def search(self, case: Case) -> Found:
        """Nominate the examples of these rows, at no cost."""
        found = Found.nothing(case)
        rows = case.draws.ids.cpu()
        given = self.x_adv[rows] if isinstance(self.x_adv, Tensor) else self.x_adv[rows.numpy()]
        return found._replace(x_adv=to_block(given).to(case.x), nominated=~found.nominated)


def read_given(given: Any, source: Source, bounds: Bounds) -> ExamplesFrom:
    """The examples in an .npz file (``x_adv``; if it has ``y``, its labels must be the data's) or in an array.

    Raises InputError where they do not fit the data row for row, or lie outside the bounds."""
    name = "an array"
    if isinstance(given, str | Path):
        path = Path(given)
        if not path.is_file():
            raise InputMissingError(f"there is no file {path} with examples; write np.savez(path, x_adv=x_adv).")
        arrays = read_arrays(path, ("x_adv",), ("y",))
        name, given = path.name, arrays["x_adv"]
        _check_labels(arrays.get("y"), source, name)
    x_adv = as_inputs(given)
    wanted = (len(source), *source.block(slice(0, 1))[0].shape[1:])
    if tuple(x_adv.shape) != wanted:
        raise InputError(
            f"x_adv of {name} has shape {tuple(x_adv.shape)}, the data {wanted}; give one example for each row of "
            "the data, in their order (the clean input where there is none)."
        )
    return ExamplesFrom(name, _check_rows(x_adv, bounds, name), x_adv)


def _check_labels(y: Array | None, source: Source, name: str) -> None:
    if y is None:
        return
    truth = labels(source).numpy()
    if y.shape != truth.shape or (y != truth).any():
        where = f", first in row {np.flatnonzero(y != truth)[0]}" if y.shape == truth.shape else ""
        raise InputError(f"the labels y in {name} are not those of the data{where}; give the examples of these rows.")


def _check_rows(x_adv: Tensor | Array, bounds: Bounds, name: str) -> str:
    """The sha256 of the examples. Raises InputError on values outside the bounds; what is not finite is for the judge
    to refuse."""
    digest = hashlib.sha256()
    for rows in blocks(len(x_adv), _BLOCK):
        part = to_block(x_adv[rows])
        digest.update(part.numpy().tobytes())
        finite = part[flat(part).isfinite().all(1)]
        if len(finite):
            bounds.to(finite).check(finite, f"x_adv of {name}")
    return digest.hexdigest()
