"""One walk over the data before anything is attacked: checks every row, hashes it, and gathers the labels."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from brinell.case import as_inputs
from brinell.data import Source
from brinell.data.sampling import Fingerprint
from brinell.errors import InputError
from brinell.models.classifier import Classifier
from brinell.progress import Progress
from brinell.threats import Threat


class Survey(NamedTuple):
    """What the walk found: sha256 over fingerprint and groups; the labels (N,) int64; the shape of one input."""

    sha256: str
    y: Tensor
    shape: tuple[int, ...]


def blocks(n: int, size: int) -> Iterator[slice]:
    """Consecutive blocks of ``size`` rows."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def survey(
    source: Source, model: Classifier, size: int, groups: Mapping[str, np.ndarray[Any, Any]], progress: Progress,
    threat: Threat | None = None,
) -> Survey:  # fmt: skip
    """Check all inputs against the model's bounds and the threat set, if there is one, and hash them.

    Raises InputError naming the rows at fault."""
    data, labels = Fingerprint(), []
    shape: tuple[int, ...] | None = None
    for rows in blocks(len(source), size):
        x, y = source.block(rows)
        try:
            inputs = as_inputs(model, x)
            if threat is not None:
                threat.check(inputs, model.bounds.to(inputs))
        except InputError as problem:
            raise type(problem)(f"rows {rows.start} to {rows.stop - 1}: {problem}") from problem
        if shape is not None and tuple(x.shape[1:]) != shape:
            raise InputError(f"row {rows.start} has shape {tuple(x.shape[1:])}, earlier ones {shape}; use one shape.")
        shape = tuple(x.shape[1:])
        data.add(x, y)
        labels.append(y)
        progress("reading the data", rows.stop, len(source))
    whole = hashlib.sha256(data.hexdigest().encode())
    for name, values in groups.items():
        whole.update(f"{name}\n".encode())
        whole.update("\x1f".join(map(str, values.tolist())).encode())
    return Survey(whole.hexdigest(), torch.cat(labels), shape or ())
