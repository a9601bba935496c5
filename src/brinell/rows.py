"""Per-row arithmetic on tensors of any trailing shape: the one place that reshapes row values."""

import torch
from torch import Tensor


def flat(x: Tensor) -> Tensor:
    """View ``x`` (N, ...) as (N, D)."""
    return x.reshape(len(x), -1)


def per_row(values: Tensor, like: Tensor) -> Tensor:
    """View one value per row, (N,), so that it broadcasts against ``like`` (N, ...)."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def spread(size: float | Tensor, like: Tensor) -> float | Tensor:
    """One number for all rows, or one for each, (N,), so that it broadcasts against ``like`` (N, ...)."""
    return per_row(size, like) if isinstance(size, Tensor) else size


def row_norm(x: Tensor, p: float) -> Tensor:
    """The p-norm of each row of ``x`` (N, ...), as (N,)."""
    norm: Tensor = torch.linalg.vector_norm(flat(x), ord=p, dim=1)
    return norm


def unit_rows(x: Tensor, p: float) -> Tensor:
    """``x`` (N, ...) with every row scaled to p-norm 1, however small or large; rows of zeros stay zero."""
    largest = row_norm(x, float("inf"))
    x = x / per_row(largest + (largest == 0), x)  # first, so that no power of a value under- or overflows
    norm = row_norm(x, p)
    return x / per_row(norm + (norm == 0), x)
