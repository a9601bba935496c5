"""Projection gives the nearest point of set and bounds: against independent references and by optimality itself.

A point p of a convex set is the nearest to z if and only if no point q of the set has (z - p) . (q - p) > 0.
"""

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.optimize import brentq, minimize
from torch import Tensor

from brinell.threats import L0, L1, L2, Ball
from helpers import CHANNELS, IMAGE, SPACES, TABLE, WAVE, Space, draws, noise, points, threats

Array = npt.NDArray[np.float64]
FAR = [0.05, 0.5, 5.0]


def limits(space: Space) -> tuple[Array, Array]:
    low, high = space.bounds.corners(torch.zeros(1, *space.shape, dtype=torch.float64))
    return low.flatten().numpy(), high.flatten().numpy()


def l1_nearest(z: Array, x: Array, low: Array, high: Array, r: float) -> Array:
    """By root finding on the one threshold that the optimality conditions leave open."""

    def at(cut: float) -> Array:
        delta = z - x
        return np.asarray(np.clip(x + np.sign(delta) * np.maximum(abs(delta) - cut, 0), low, high))

    if abs(at(0) - x).sum() <= r:
        return at(0)
    return at(brentq(lambda cut: abs(at(cut) - x).sum() - r, 0, abs(z - x).max(), xtol=1e-14))


def l2_nearest(z: Array, x: Array, low: Array, high: Array, r: float) -> Array:
    """By root finding on the multiplier: p = (z + m x) / (1 + m), clipped."""

    def at(m: float) -> Array:
        return np.asarray(np.clip((z + m * x) / (1 + m), low, high))

    if np.linalg.norm(at(0) - x) <= r:
        return at(0)
    return at(brentq(lambda m: np.linalg.norm(at(m) - x) - r, 0, np.linalg.norm(z - x) / r + 1, xtol=1e-14))


REFERENCES: dict[str, Any] = {"l1": l1_nearest, "l2": l2_nearest}
TOLERANCE = {"l1": 1e-9, "l2": 1e-3}  # of eps; L2 approaches its scale from below, in at most so many rounds


def reference(threat: Ball, space: Space, far: Tensor, x: Tensor) -> Tensor:
    low, high = limits(space)
    nearest = REFERENCES[threat.name]
    rows = [
        nearest(z.numpy(), centre.numpy(), low, high, threat.eps)
        for z, centre in zip(far.flatten(1), x.flatten(1), strict=True)
    ]
    return torch.from_numpy(np.stack(rows)).reshape(x.shape)


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("share", [0.02, 0.15, 0.6])
def test_it_meets_a_reference_by_root_finding(name: str, space: Space, share: float) -> None:
    threat = threats(space, share)[name]
    x = points(space, 6, dtype=torch.float64)
    for far in FAR:
        z = x + far * noise(space, 6, dtype=torch.float64)
        found = threat.project(z, x, space.bounds.to(x))
        wanted = reference(threat, space, z, x)
        assert (threat.distance(found, wanted) <= TOLERANCE[name] * threat.eps).all()


@pytest.mark.parametrize("name", ["linf", "l1", "l2"])
@pytest.mark.parametrize("space", [TABLE, WAVE, CHANNELS], ids=["table", "wave", "channels"])
def test_no_point_of_the_set_is_nearer(name: str, space: Space) -> None:
    threat = threats(space, 0.3)[name]
    x = points(space, 6, dtype=torch.float64)
    bounds = space.bounds.to(x)
    z = x + noise(space, 6, dtype=torch.float64)
    found = threat.project(z, x, bounds)
    slack = 1e-9 if name != "l2" else 1e-3
    for seed in range(40):
        others = threat.sample(x, bounds, draws(6, seed)), threat.project(x + noise(space, 6, seed), x, bounds)
        for other in others:
            gain = ((z - found) * (other - found)).flatten(1).sum(1)
            assert (gain <= slack * (z - x).flatten(1).norm(dim=1) * threat.eps).all()


@pytest.mark.parametrize("name", ["l1", "l2"])
def test_a_general_solver_finds_nothing_nearer(name: str) -> None:
    """SLSQP over x + up - down, with up and down at least 0, so that the L1 length is smooth."""
    space, threat = TABLE, threats(TABLE, 0.3)[name]
    x, low, high = points(space, 3, dtype=torch.float64), *limits(space)
    z = x + 0.5 * noise(space, 3, dtype=torch.float64)
    found = threat.project(z, x, space.bounds.to(x))
    for centre, far, ours in zip(x.numpy(), z.numpy(), found.numpy(), strict=True):
        solved = _solve(centre, far, low, high, threat)
        assert np.linalg.norm(far - ours) <= np.linalg.norm(far - solved) + 1e-3 * threat.eps
        assert np.linalg.norm(ours - solved) <= 2e-2 * threat.eps


def _solve(x: Array, z: Array, low: Array, high: Array, threat: Ball) -> Array:
    size = len(x)

    def length(split: Array) -> float:
        return float(split.sum() if threat.name == "l1" else np.linalg.norm(split[:size] - split[size:]))

    answer = minimize(
        lambda split: ((x + split[:size] - split[size:] - z) ** 2).sum(),
        np.full(2 * size, 1e-3),
        method="SLSQP",
        bounds=[(0, room) for room in (*(high - x), *(x - low))],
        constraints={"type": "ineq", "fun": lambda split: threat.eps - length(split)},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return np.asarray(x + answer.x[:size] - answer.x[size:])


def test_linf_is_the_plain_clip() -> None:
    x, threat = points(TABLE, dtype=torch.float64), threats(TABLE)["linf"]
    z, (low, high) = x + noise(TABLE, dtype=torch.float64), limits(TABLE)
    wanted = np.clip(z.numpy(), np.maximum(x.numpy() - threat.eps, low), np.minimum(x.numpy() + threat.eps, high))
    assert torch.equal(threat.project(z, x, TABLE.bounds.to(x)), torch.from_numpy(wanted))


@pytest.mark.parametrize("eps", [1, 2, 5, 6])
def test_l0_is_the_best_choice_of_values(eps: int) -> None:
    x = points(TABLE, dtype=torch.float64)
    z, (low, high) = x + 0.7 * noise(TABLE, dtype=torch.float64), limits(TABLE)
    found = L0(eps).project(z, x, TABLE.bounds.to(x))
    clipped = torch.from_numpy(np.clip(z.numpy(), low, high))
    best = torch.full((len(x),), torch.inf, dtype=torch.float64)
    for chosen in combinations(range(6), eps):
        point = x.clone()
        point[:, chosen] = clipped[:, chosen]
        best = torch.minimum(best, (point - z).norm(dim=1))
    assert torch.allclose((found - z).norm(dim=1), best, rtol=1e-12)


def test_a_long_row_in_float32_is_nearest_too() -> None:
    space = Space((3, 32, 32), 0.0, 1.0)
    x = points(space, 2)
    z = x + 0.1 * noise(space, 2)
    for threat in (L1(12.0), L2(0.5), L2(3.0)):
        found = threat.project(z, x, space.bounds)
        wanted = reference(threat, space, z.double(), x.double())
        assert (threat.distance(found.double(), wanted) <= 2e-3 * threat.eps).all()


def test_l2_copes_with_a_few_values_that_want_much_more_than_the_bounds_allow() -> None:
    """Slopes of images are heavy-tailed; each round of the search may leave further values at their bounds."""
    space = Space((1, 28, 28), 0.0, 1.0)
    x = points(space, 4, dtype=torch.float64)
    for power in (3, 5):
        z = x + 0.5 * noise(space, 4, dtype=torch.float64) ** power
        for threat in (L2(0.5), L2(2.0), L2(4.0)):
            found = threat.project(z, x, space.bounds)
            assert (threat.distance(found, reference(threat, space, z, x)) <= 1e-3 * threat.eps).all()


def test_ball_alone_and_bounds_alone_are_exact_for_l2() -> None:
    x = points(IMAGE, dtype=torch.float64) * 0.2 + 0.4
    z = x + 0.05 * noise(IMAGE, dtype=torch.float64)
    ball = L2(0.05).project(z, x, IMAGE.bounds)
    wanted = x + (z - x) * (0.05 / (z - x).flatten(1).norm(dim=1)).reshape(-1, 1, 1, 1)
    assert torch.allclose(ball, wanted, rtol=0, atol=1e-12)
    z = x + 3 * noise(IMAGE, dtype=torch.float64)
    assert torch.equal(L2(6.9).project(z, x, IMAGE.bounds), IMAGE.bounds.clip(z))
