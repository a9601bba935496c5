"""Some of the rows, all of the labels, and the identity of the data."""

import hashlib

import numpy as np
import torch
from torch import Tensor

from brinell.data.border import Array, Rows
from brinell.data.images import Images
from brinell.data.items import Fields
from brinell.data.relabelled import Relabelled
from brinell.data.sources import Arrays, Grouped, Selected, Source
from brinell.errors import InputError


def stratified(source: Source, n: int, seed: int) -> Source:
    """``n`` rows, every class in proportion (largest remainder), in their own order.

    n: 1 to the number of rows. The same seed chooses the same rows with every version of numpy.
    Raises InputError when n is out of range.
    """
    if not 1 <= n <= len(source):
        raise InputError(f"n is {n}; pass 1 to {len(source)}, the number of rows.")
    return source if n == len(source) else Selected(source, stratified_rows(labels(source).numpy(), n, seed))


def stratified_rows(y: Array, n: int, seed: int) -> Array:
    """``n`` row numbers, (n,) ascending, of the labels ``y`` (N,), every class in proportion."""
    # Of every class the rows with the lowest tickets are taken. The raw bits of a bit generator, unlike what
    # np.random.Generator makes of them, are promised to stay the same from version to version.
    tickets = np.random.PCG64(seed % 2**64).random_raw(len(y))
    classes, counts = np.unique(y, return_counts=True)
    quotas = _largest_remainder(counts, n)
    chosen = []
    for label, quota in zip(classes, quotas, strict=True):
        rows = np.flatnonzero(y == label)
        chosen.append(rows[np.argsort(tickets[rows], kind="stable")[:quota]])
    return np.sort(np.concatenate(chosen))


def stratified_units(y: Array, units: Array, n: int, seed: int) -> Array:
    """About ``n`` row numbers, ascending, of the labels ``y`` (N,): rows of equal ``units`` (N,) stay together.

    Every class has about its share, by whole units; of each class one unit at least is left out, so that a class of a
    single unit has no rows here."""
    number = np.unique(units, return_inverse=True)[1].reshape(-1)
    tickets = np.random.PCG64(seed % 2**64).random_raw(int(number.max()) + 1)
    classes, counts = np.unique(y, return_counts=True)
    table = np.zeros((len(tickets), len(classes)), dtype=np.int64)  # rows of each class in each unit
    np.add.at(table, (number, np.searchsorted(classes, y)), 1)
    chosen = np.zeros(len(tickets), dtype=bool)
    for column in np.argsort(counts, kind="stable"):  # the rarest first: its units are few
        quota = n * counts[column] / len(y)
        for unit in sorted(np.flatnonzero(table[:, column]), key=tickets.__getitem__):
            if table[chosen, column].sum() >= quota:
                break
            kept = table[~chosen].sum(0) - table[unit]
            if not chosen[unit] and (kept[table[unit] > 0] > 0).all():
                chosen[unit] = True
    return np.flatnonzero(chosen[number])


def labels(source: Source, block: int = 1024) -> Tensor:
    """The true labels of all rows, (N,) int64; inputs that lie in arrays or files are not read for it."""
    return torch.cat([_labels(source, slice(start, start + block)) for start in range(0, len(source), block)])


def fingerprint(source: Source, block: int = 1024) -> str:
    """What the data are, in 64 hex digits: the sha256 of "shape dtype inputs labels".

    Shape and dtype are those of all inputs, as Python and torch write them; inputs (as float32) and labels
    (int64) stand there by the sha256 of their little-endian bytes. Neither ``block``, the number of rows in
    memory at a time, nor groups nor name change it.
    """
    whole = Fingerprint()
    for start in range(0, len(source), block):
        whole.add(*source.block(slice(start, start + block)))
    return whole.hexdigest()


class Fingerprint:
    """``fingerprint`` for one who reads the blocks anyway: add them in their order."""

    def __init__(self) -> None:
        self._inputs, self._truths = hashlib.sha256(), hashlib.sha256()
        self._n, self._described = 0, ""

    def add(self, x: Tensor, y: Tensor) -> None:
        """Inputs (n, ...) and labels (n,) of the next rows, on the CPU."""
        self._n += len(x)
        self._described = f"{(self._n, *x.shape[1:])} {x.dtype}"
        self._inputs.update(np.ascontiguousarray(x.float().numpy(), "<f4").data)
        self._truths.update(np.ascontiguousarray(y.numpy(), "<i8").data)

    def hexdigest(self) -> str:
        """The fingerprint of what was added so far."""
        text = f"{self._described} {self._inputs.hexdigest()} {self._truths.hexdigest()}"
        return hashlib.sha256(text.encode()).hexdigest()


def _labels(source: Source, rows: Rows) -> Tensor:
    match source:
        case Arrays() | Images() | Fields():
            return source.y[rows]
        case Selected():
            return _labels(source.source, source.index[rows])
        case Grouped():
            return _labels(source.source, rows)
        case Relabelled():
            return source.numbers[_labels(source.source, rows)]
    return source.block(rows)[1]


def _largest_remainder(counts: Array, n: int) -> Array:
    whole, remainder = np.divmod(counts * n, counts.sum())
    left_over = n - whole.sum()
    whole[np.argsort(-remainder, kind="stable")[:left_over]] += 1
    return whole
