"""The shortest move onto a plane within bounds, against a solver that knows nothing of it."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.optimize import linprog, minimize
from torch import Tensor

from brinell.threats import L2, Linf
from helpers import CHANNELS, IMAGE, SPACES, TABLE, WAVE, Space, generator, noise, points

Array = npt.NDArray[np.float64]
BALLS: dict[str, Any] = {"linf": Linf(0.1), "l2": L2(0.1)}
both = pytest.mark.parametrize("name", BALLS)


class Planes:
    """Rows in the bounds, a slope for each, and how much can be gained along it."""

    def __init__(self, space: Space, n: int = 12, seed: int = 0) -> None:
        self.space, self.x = space, points(space, n, seed, torch.float64)
        self.slope = noise(space, n, seed + 1, torch.float64) / space.bounds.to(self.x).width ** 2
        room = space.bounds.to(self.x).room(self.x, self.slope)
        self.most = (self.slope.abs() * room).flatten(1).sum(1)

    def move(self, name: str, rise: Tensor) -> Tensor:
        move: Tensor = BALLS[name].onto_plane(self.x, self.slope, rise, self.space.bounds.to(self.x))
        bounds = self.space.bounds.to(self.x)
        assert (self.x + move >= bounds.low - 1e-9).all()
        assert (self.x + move <= bounds.high + 1e-9).all()
        return move

    def risen(self, move: Tensor) -> Tensor:
        return (self.slope * move).flatten(1).sum(1)


@both
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("share", [0.01, 0.3, 0.8, 0.999])
def test_the_function_rises_by_what_was_asked(name: str, space: Space, share: float) -> None:
    planes = Planes(space)
    rise = share * planes.most
    torch.testing.assert_close(planes.risen(planes.move(name, rise)), rise, rtol=1e-9, atol=0)


@both
def test_a_fall_is_a_rise_of_the_slope_turned_round(name: str) -> None:
    planes = Planes(IMAGE)
    turned = Planes(IMAGE)
    turned.slope = -planes.slope
    rise = 0.2 * planes.most
    assert torch.equal(planes.move(name, rise), turned.move(name, -rise))


@both
def test_what_cannot_be_reached_is_gone_for_as_far_as_it_can(name: str) -> None:
    planes = Planes(TABLE)
    move = planes.move(name, 1.5 * planes.most)
    torch.testing.assert_close(planes.risen(move), planes.most)


@both
def test_no_slope_and_no_rise_are_no_move(name: str) -> None:
    planes = Planes(WAVE)
    assert not planes.move(name, 0 * planes.most).any()
    planes.slope = 0 * planes.slope
    assert not planes.move(name, planes.most).any()


@both
@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_the_scale_of_the_slope_does_not_matter(name: str, scale: float) -> None:
    planes = Planes(IMAGE)
    usual = planes.move(name, 0.3 * planes.most)
    planes.slope = planes.slope * scale
    torch.testing.assert_close(planes.move(name, 0.3 * planes.most * scale), usual)


def test_linf_is_no_longer_than_a_linear_program_finds() -> None:
    """Least s with slope . move = rise, |move| <= s, and the bounds."""
    for space in (IMAGE, TABLE, CHANNELS):
        planes = Planes(space, n=5)
        rise = 0.4 * planes.most
        found = planes.move("linf", rise).abs().flatten(1).amax(1)
        low, high = (corner.flatten().numpy() for corner in space.bounds.corners(planes.x))
        for row, slope, wanted, mine in zip(planes.x, planes.slope, rise, found, strict=True):
            x, w, size = row.flatten().numpy(), slope.flatten().numpy(), row.numel()
            sides = np.vstack([np.hstack([np.eye(size), -np.ones((size, 1))]),
                               np.hstack([-np.eye(size), -np.ones((size, 1))])])  # fmt: skip
            best = linprog(
                np.eye(size + 1)[-1], A_ub=sides, b_ub=np.zeros(2 * size), A_eq=np.append(w, 0)[None],
                b_eq=[wanted.item()], bounds=[*zip(low - x, high - x, strict=True), (0, None)],
            )  # fmt: skip
            assert mine.item() == pytest.approx(best.fun, rel=1e-6)


def test_l2_is_no_longer_than_a_quadratic_program_finds() -> None:
    for space in (IMAGE, WAVE):
        planes = Planes(space, n=4)
        rise = 0.4 * planes.most
        found = planes.move("l2", rise)
        low, high = (corner.flatten().numpy() for corner in space.bounds.corners(planes.x))
        for row, slope, wanted, mine in zip(planes.x, planes.slope, rise, found, strict=True):
            x, w, v = row.flatten().numpy(), slope.flatten().numpy(), wanted.item()
            best = minimize(
                lambda move: move @ move, mine.flatten().numpy() * 0.5, jac=lambda move: 2 * move, method="SLSQP",
                bounds=[*zip(low - x, high - x, strict=True)],
                constraints=[{"type": "eq", "fun": lambda move, w=w, v=v: w @ move - v,
                              "jac": lambda move, w=w: w}],
                options={"ftol": 1e-12, "maxiter": 500},
            )  # fmt: skip
            assert best.success
            assert mine.norm().item() == pytest.approx(best.fun**0.5, rel=1e-4)


@both
def test_many_bends_are_passed_one_after_another(name: str) -> None:
    """Rooms that grow by powers: the worst case for a search that starts at 0."""
    size = 40
    x = torch.zeros(1, size, dtype=torch.float64)
    slope = 2.0 ** -torch.arange(size, dtype=torch.float64)[None]
    high = (3.0 ** torch.arange(size, dtype=torch.float64)) * 1e-3
    from brinell.bounds import Bounds

    bounds = Bounds(x[0] - 1.0, high)
    rise = 0.7 * (slope * high).sum(1)
    move = BALLS[name].onto_plane(x, slope, rise, bounds)
    assert (move <= high).all()
    assert (slope * move).sum(1).item() == pytest.approx(rise.item(), rel=1e-12)


@both
def test_random_moves_that_rise_as_much_are_no_shorter(name: str) -> None:
    planes = Planes(IMAGE, n=3)
    rise = 0.3 * planes.most
    mine = planes.move(name, rise)
    order = {"linf": float("inf"), "l2": 2.0}[name]
    room = planes.space.bounds.to(planes.x).room(planes.x, planes.slope)
    for _ in range(200):
        share = torch.rand(planes.x.shape, generator=generator(_), dtype=torch.float64)
        move = planes.slope.sign() * share * room
        scale = (rise / planes.risen(move)).reshape(-1, 1, 1, 1)
        fits = (scale <= 1).flatten()
        lengths = torch.linalg.vector_norm((scale * move).flatten(1), order, dim=1)
        assert (lengths >= torch.linalg.vector_norm(mine.flatten(1), order, dim=1) - 1e-9)[fits].all()
