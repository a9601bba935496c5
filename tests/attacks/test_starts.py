"""Where a search starts: inside the set and the bounds, at the far end where it says so, different for each row."""

from typing import Any

import pytest
import torch

from brinell.attacks import PGD
from brinell.attacks.starts import STARTS, center, resolve, structured, uniform
from brinell.case import Case, make_case
from brinell.errors import InputError
from helpers import IMAGE, SPACES, THREAT_NAMES, WAVE, Space, problem, threats


def case(space: Space, name: str = "linf", n: int = 40, seed: int = 0, share: float = 0.15) -> Case:
    model, x, y, _ = problem(space, n=n, dtype=torch.float64)
    return make_case(model, x, y, threats(space, share)[name], goal=None, seed=seed)


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("name", THREAT_NAMES)
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_starts_lie_in_the_set_and_the_bounds(start: Any, name: str, space: Space) -> None:
    at = case(space, name)
    x = start(at)
    assert x.shape == at.x.shape
    assert at.threat.contains(x, at.x).all()
    assert ((x >= at.bounds.low) & (x <= at.bounds.high)).all()


@pytest.mark.parametrize("start", [uniform, structured], ids=["uniform", "structured"])
@pytest.mark.parametrize("name", THREAT_NAMES)
def test_random_starts_are_a_function_of_seed_row_and_restart(start: Any, name: str) -> None:
    at = case(IMAGE, name)
    rows = torch.tensor([5, 2])
    assert torch.equal(start(at), start(at))
    assert torch.allclose(start(at.take(rows)), start(at)[rows], rtol=0, atol=1e-12)
    for other in (at.at(restart=1), at.at(stage=1), case(IMAGE, name, seed=1)):
        moved = (start(other) != start(at)).flatten(1).any(1)
        assert moved.double().mean() > 0.8


def test_the_center_is_the_input() -> None:
    at = case(WAVE)
    assert torch.equal(center(at), at.x)


@pytest.mark.parametrize("name", ["linf", "l2", "l1"])
def test_patterns_lead_to_the_far_end(name: str) -> None:
    at = case(IMAGE, name, share=0.04)
    at = make_case(at.model, at.x * 0.1 + 0.45, at.y, at.threat, goal=None, seed=0)  # away from the bounds
    assert torch.allclose(at.threat.distance(structured(at), at.x), torch.tensor(at.threat.eps, dtype=torch.float64))


def test_patterns_are_corners_stripes_and_blocks() -> None:
    """Signs of the move: constant along columns, along rows, within blocks, or free."""
    at = case(Space((1, 8, 8), 0.0, 1.0), n=200, share=0.04)
    at = make_case(at.model, at.x * 0.1 + 0.45, at.y, at.threat, goal=None, seed=0)
    sign = (structured(at) - at.x).sign()[:, 0]
    upright = (sign == sign[:, :1, :]).flatten(1).all(1)
    lying = (sign == sign[:, :, :1]).flatten(1).all(1)
    changes = (sign[:, 1:] != sign[:, :-1]).any(2).sum(1) + (sign[:, :, 1:] != sign[:, :, :-1]).any(1).sum(1)
    blocks = (changes <= 12) & ~upright & ~lying
    free = ~upright & ~lying & ~blocks
    for kind in (upright, lying, blocks, free):
        assert 20 <= int(kind.sum()) <= 90
    assert (upright | lying | blocks | free).all()


def test_a_row_without_rows_and_columns_gets_blocks_too() -> None:
    at = case(WAVE, n=100, share=0.04)
    at = make_case(at.model, at.x * 0.1, at.y, at.threat, goal=None, seed=0)
    sign = (structured(at) - at.x).sign()
    changes = (sign[:, 1:] != sign[:, :-1]).sum(1)
    assert (changes <= 6).sum() > 20
    assert (changes > 6).sum() > 20


def test_a_start_of_ones_own() -> None:
    def corner(at: Case) -> torch.Tensor:
        return at.threat.project(at.x + 1e9, at.x, at.bounds)

    at = case(WAVE)
    assert resolve(corner) is corner
    x_adv = PGD(steps=1, rel_step=1e-9, start=corner).run(at).x_adv
    assert torch.allclose(x_adv, corner(at), rtol=0, atol=1e-6)


@pytest.mark.parametrize("wrong", ["random", "", 3, None, ["center"]])
def test_what_is_no_start_is_refused_with_the_choices(wrong: Any) -> None:
    with pytest.raises(InputError) as caught:
        PGD(start=wrong)
    assert repr(wrong) in str(caught.value)
    assert "center, uniform, structured" in str(caught.value)
