"""Arithmetic by row, for any trailing shape."""

import pytest
import torch

from brinell.rows import flat, per_row, row_norm, unit_rows
from helpers import generator

SHAPES = [(5, 3), (5, 2, 3, 4), (5, 1), (1, 7), (4, 3, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_values_of_rows_meet_their_rows(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=generator(0))
    values = torch.arange(1.0, len(x) + 1)
    assert flat(x).shape == (shape[0], x[0].numel())
    product = x * per_row(values, x)
    for i in range(len(x)):
        assert torch.equal(product[i], x[i] * (i + 1))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("p", [1.0, 2.0, float("inf")])
def test_norms_and_unit_rows(shape: tuple[int, ...], p: float) -> None:
    x = torch.randn(shape, generator=generator(1), dtype=torch.float64)
    wanted = torch.stack([torch.linalg.vector_norm(row, ord=p) for row in x])
    assert torch.allclose(row_norm(x, p), wanted)
    unit = unit_rows(x, p)
    assert torch.allclose(row_norm(unit, p), torch.ones(len(x), dtype=torch.float64))
    assert torch.allclose(unit * per_row(wanted, x), x)


@pytest.mark.parametrize("p", [1.0, 2.0, float("inf")])
def test_rows_of_zeros_stay_zero_and_disturb_no_other(p: float) -> None:
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    unit = unit_rows(x, p)
    assert not unit[0].any()
    assert torch.allclose(row_norm(unit, p)[1], torch.tensor(1.0))


@pytest.mark.parametrize("scale", [1e-37, 1e-30, 1e-20, 1e20, 1e37])
def test_no_size_under_or_overflows(scale: float) -> None:
    x = torch.tensor([[3.0, -4.0]])
    assert torch.allclose(unit_rows(x * scale, 2.0), x / 5)
    assert torch.allclose(unit_rows(x * scale, 1.0), x / 7)
