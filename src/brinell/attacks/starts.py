"""Where a search starts: a function from a case to one point per row, inside the threat set and the bounds."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from brinell.case import Case
from brinell.errors import InputError
from brinell.threats.base import Place

Start: TypeAlias = Callable[[Case], Tensor]
_KINDS = 4  # of patterns
_BLOCKS = (2, 3, 4, 7)  # cells along a side; a row draws one


def center(case: Case) -> Tensor:
    """The input itself."""
    return case.x


def carried(case: Case) -> Tensor:
    """The best point that earlier attacks of the cascade found; the input itself where there were none."""
    return case.x if case.known is None else case.known


def uniform(case: Case) -> Tensor:
    """A random point of the set."""
    return case.threat.sample(case.x, case.bounds, case.draws)


def structured(case: Case) -> Tensor:
    """The far end of the set along a random pattern: corner, vertical stripes, horizontal stripes, or blocks.

    Patterns that are constant over neighbouring values find what noise does not: a convolution averages noise away.
    Stripes are where the Square attack starts (Andriushchenko et al. 2020, arXiv:1912.00049)."""
    pattern = _pattern(case)
    move = case.threat.step(pattern, case.threat.eps, Place(case.x, case.x, case.bounds))
    return case.threat.project(case.x + move, case.x, case.bounds)


def _pattern(case: Case) -> Tensor:
    """Random signs, (N, ...), that repeat within cells; a little noise breaks ties between equal values."""
    shape = tuple(case.x.shape[1:])
    signs = (case.draws.bits(shape, draw=0) & 1).to(case.x.dtype) * 2 - 1
    noise = 1 + 0.01 * case.draws.uniform(shape, draw=1, dtype=case.x.dtype)
    kind = case.draws.integers(_KINDS, draw=2)
    cells = torch.tensor(_BLOCKS, device=kind.device)[case.draws.integers(len(_BLOCKS), draw=3)]
    whole = torch.ones_like(cells)
    rows = torch.where(kind == 0, shape[-2] if len(shape) > 1 else 1, torch.where(kind == 1, whole, cells))
    columns = torch.where(kind == 0, shape[-1], torch.where(kind == 2, whole, cells))
    columns = torch.where(kind == 1, shape[-1], columns)  # stripes are one value wide
    rows = torch.where(kind == 2, shape[-2] if len(shape) > 1 else 1, rows)
    return _repeat(signs, rows, columns) * noise


def _repeat(signs: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Give every value the sign of the first value of its cell; ``rows`` and ``columns`` (N,) are cells per side."""
    for dim, cells in ((-1, columns), (-2, rows)):
        if signs.dim() + dim < 1:
            continue
        length = signs.shape[dim]
        position = torch.arange(length, device=signs.device)
        cell = position * cells.clamp(max=length)[:, None] // length  # (N, length)
        first = -(-cell * length // cells.clamp(max=length)[:, None])
        view = [1] * signs.dim()
        view[0], view[dim] = len(signs), length
        signs = signs.gather(dim, first.reshape(view).expand_as(signs))
    return signs


STARTS: dict[str, Start] = {
    "center": center, "uniform": uniform, "structured": structured, "carried": carried
}  # fmt: skip


def resolve(start: str | Start) -> Start:
    """The start of that name, or the callable itself. Raises InputError on an unknown name."""
    if callable(start):
        return start
    if not isinstance(start, str) or start not in STARTS:
        raise InputError(f"start is {start!r}; choose one of {', '.join(STARTS)}, or pass a callable.")
    return STARTS[start]
