"""A set of one's own: what the base class brings along."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

import brinell as br
from brinell.bounds import Bounds
from brinell.errors import InputError, InputTypeError
from brinell.threats.base import Ball, Place
from helpers import TABLE, draws, points


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Some(Ball):
    """Only ``free`` values may change."""

    name = "some"
    free: tuple[int, ...]
    word: str

    def mask(self, x: Tensor) -> Tensor:
        return torch.isin(torch.arange(x.shape[1]), torch.tensor(self.free))

    def project(self, x_adv: Tensor, x: Tensor, bounds: Bounds, radius: Tensor | None = None) -> Tensor:
        return torch.where(self.mask(x), br.Linf(self.eps).project(x_adv, x, bounds, radius), x)

    def step(self, grad: Tensor, size: float | Tensor = 1.0, at: Place | None = None) -> Tensor:
        return br.Linf(self.eps).step(grad * self.mask(grad), size)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        return br.Linf(self.eps).distance(x_adv, x)


SET = Some("1/4", free=(0, 2), word="it's")


def test_its_own_fields_stand_beside_eps_in_its_text() -> None:
    assert (SET.eps, SET.bits, SET.free) == (0.25, None, (0, 2))
    assert str(SET) == "some:0.25 free=0,2 word=it's"
    assert repr(SET) == 'Some(eps=0.25, free=(0, 2), word="it\'s")'
    assert str(Some(0.5, 8, free=(1,), word="a")) == "some:0.5@8bit free=1 word=a"
    assert SET == Some(0.25, free=(0, 2), word="it's") != Some(0.25, free=(0, 1), word="it's")


@pytest.mark.parametrize("more", [{}, {"free": (1,)}, {"free": (1,), "word": "a", "fre": 2}], ids=str)
def test_fields_that_lack_or_are_unknown_are_named(more: dict[str, object]) -> None:
    with pytest.raises(InputTypeError, match="Some takes eps, bits, free, word; it got"):
        Some(0.1, **more)
    with pytest.raises(InputTypeError, match="Linf takes eps, bits; it got"):
        br.Linf(0.1, free=1)


def test_a_scaled_set_keeps_what_else_it_is() -> None:
    assert SET.scaled(0.5) == Some(0.125, free=(0, 2), word="it's")
    assert SET.eps == 0.25
    assert br.Linf(0.2, bits=8).scaled(0.5) == br.Linf(0.1, bits=8)
    with pytest.raises(InputError, match="eps is"):
        SET.scaled(0)


@pytest.mark.parametrize("radius", [None, torch.full((9,), 0.01)], ids=["eps", "radius"])
def test_random_points_lie_in_the_set_and_differ(radius: Tensor | None) -> None:
    x, bounds = points(TABLE), TABLE.bounds.to(points(TABLE))
    found = SET.sample(x, bounds, draws(), radius)
    assert SET.contains(found, x).all()
    assert bounds.contain(found).all()
    assert torch.equal(found[:, [1, 3, 4, 5]], x[:, [1, 3, 4, 5]])
    assert not torch.equal(found, SET.sample(x, bounds, draws(seed=1), radius))
    assert float(SET.distance(found, x).max()) <= (0.25 if radius is None else 0.01) + 1e-6
    assert SET.distance(found, x).unique().numel() > 3


def test_each_example_of_the_guide_fits_into_twenty_lines() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "use" / "extending.md").read_text(encoding="utf-8")
    for name in ("RandomCorners(Attack)", "Columns(Ball)", "NoiseTraining(Recipe)"):
        lines = page.partition(f"class {name}:\n")[2].partition("\n\n\n")[0].partition("```")[0].splitlines()
        assert 5 <= 2 + sum(bool(line.strip()) for line in lines) <= 20, name  # with its decorator and its name
