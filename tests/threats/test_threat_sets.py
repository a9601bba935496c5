"""What every threat set has to keep, over one table of sets and one of spaces."""

import pytest
import torch
from torch import Tensor

from brinell.bounds import Bounds
from brinell.threats import L0, L1, L2, THREATS, Ball, Linf
from helpers import IMAGE, SPACES, TABLE, THREAT_NAMES, Space, draws, noise, points, threats

DTYPES = [torch.float32, torch.float64]
FAR = [0.0, 0.01, 0.3, 30.0, 1e5]  # how far from x the points to be projected lie, in widths


@pytest.fixture(params=SPACES.values(), ids=[*SPACES])
def space(request: pytest.FixtureRequest) -> Space:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=THREAT_NAMES)
def threat(request: pytest.FixtureRequest, space: Space) -> Ball:
    return threats(space)[request.param]


@pytest.fixture(params=DTYPES, ids=str)
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return request.param  # type: ignore[no-any-return]


def within(bounds: Bounds, x: Tensor) -> bool:
    """Whether every value is inside, without any slack."""
    return bool(((x >= bounds.low) & (x <= bounds.high)).all())


def ulps(space: Space, x: Tensor, n: int = 8) -> float:
    """A few rounding errors of the largest value."""
    return n * torch.finfo(x.dtype).eps * max(1.0, float(x.abs().max()))


def test_every_set_has_a_row_here() -> None:
    assert {type(threat) for threat in threats(IMAGE).values()} == set(THREATS.values())


def test_projected_points_lie_in_the_set_and_the_bounds(threat: Ball, space: Space, dtype: torch.dtype) -> None:
    x = points(space, dtype=dtype)
    bounds = space.bounds.to(x)
    for far in FAR:
        inside = threat.project(x + far * noise(space, dtype=dtype), x, bounds)
        assert inside.shape == x.shape
        assert inside.dtype == dtype
        assert threat.contains(inside, x).all()
        assert within(bounds, inside)


def test_projecting_twice_is_projecting_once(threat: Ball, space: Space, dtype: torch.dtype) -> None:
    x = points(space, dtype=dtype)
    bounds = space.bounds.to(x)
    for far in FAR:
        once = threat.project(x + far * noise(space, dtype=dtype), x, bounds)
        twice = threat.project(once, x, bounds)
        assert torch.allclose(once, twice, rtol=0, atol=ulps(space, x))


def test_a_point_of_the_set_stays_where_it_is(threat: Ball, space: Space, dtype: torch.dtype) -> None:
    x = points(space, dtype=dtype)
    bounds = space.bounds.to(x)
    inner = threat.scaled(0.5).project(x + 3 * noise(space, dtype=dtype), x, bounds)
    assert torch.allclose(threat.project(inner, x, bounds), inner, rtol=0, atol=ulps(space, x))
    assert torch.equal(threat.project(x, x, bounds), x)


def test_arguments_are_not_changed(threat: Ball, space: Space) -> None:
    x, far = points(space), points(space) + noise(space)
    radius = torch.full((len(x),), threat.eps)
    before = [tensor.clone() for tensor in (x, far, radius)]
    threat.project(far, x, space.bounds, radius)
    threat.sample(x, space.bounds, draws(), radius)
    threat.step(far)
    assert all(torch.equal(*pair) for pair in zip(before, (x, far, radius), strict=True))


def test_a_row_does_not_depend_on_its_batch(threat: Ball, space: Space) -> None:
    x = points(space, dtype=torch.float64)
    far, bounds = x + noise(space, dtype=torch.float64), space.bounds.to(x)
    together = threat.project(far, x, bounds)
    alone = torch.cat([threat.project(far[i : i + 1], x[i : i + 1], bounds) for i in range(len(x))])
    assert torch.allclose(together, alone, rtol=0, atol=ulps(space, x))


def test_equal_radii_are_eps(threat: Ball, space: Space, dtype: torch.dtype) -> None:
    x = points(space, dtype=dtype)
    far, bounds = x + noise(space, dtype=dtype), space.bounds.to(x)
    radius = torch.full((len(x),), threat.eps, dtype=dtype)
    plain, given = threat.project(far, x, bounds), threat.project(far, x, bounds, radius)
    assert torch.allclose(plain, given, rtol=0, atol=ulps(space, x, 2))
    plain, given = threat.sample(x, bounds, draws()), threat.sample(x, bounds, draws(), radius)
    assert torch.allclose(plain, given, rtol=0, atol=ulps(space, x, 2))


def test_every_row_keeps_its_own_radius(threat: Ball, space: Space) -> None:
    x = points(space)
    radius = torch.linspace(0, 1, len(x)) * threat.eps
    radius = radius.round() if isinstance(threat, L0) else radius
    moved = threat.project(x + 3 * noise(space), x, space.bounds, radius)
    drawn = threat.sample(x, space.bounds, draws(), radius)
    for row in range(1, len(x)):
        if radius[row] > 0:
            own = type(threat)(radius[row].item())
            assert own.contains(moved[row : row + 1], x[row : row + 1]).all()
            assert own.contains(drawn[row : row + 1], x[row : row + 1]).all()
    assert torch.equal(moved[0], x[0])  # its radius is 0
    assert torch.equal(drawn[0], x[0])
    assert (threat.distance(moved, x)[-1] > threat.eps / 2).all()


def test_samples_lie_in_the_set_and_the_bounds(threat: Ball, space: Space, dtype: torch.dtype) -> None:
    x = points(space, 200, dtype=dtype)
    bounds = space.bounds.to(x)
    drawn = threat.sample(x, bounds, draws(200))
    assert drawn.dtype == dtype
    assert threat.contains(drawn, x).all()
    assert within(bounds, drawn)


def test_samples_are_spread_and_depend_on_seed_and_id(threat: Ball, space: Space) -> None:
    x = points(space)
    drawn = threat.sample(x, space.bounds, draws(seed=3))
    assert (threat.distance(drawn, x) > threat.eps / 20).all()
    assert torch.equal(drawn, threat.sample(x, space.bounds, draws(seed=3)))
    other_seed = threat.sample(x, space.bounds, draws(seed=4))
    assert (drawn != other_seed).flatten(1).any(1).all()
    same_input = threat.sample(x[:1].expand_as(x), space.bounds, draws(seed=3))
    assert len({tuple(row.flatten().tolist()) for row in same_input}) == len(x)


def test_contains_and_distance_agree(threat: Ball) -> None:
    x = torch.full((2, 6), 0.5, dtype=torch.float64)
    one = torch.zeros_like(x)
    one[:, :3] = torch.tensor([0.1, -0.2, 0.2])
    known = {"linf": 0.2, "l2": 0.3, "l1": 0.5, "l0": 3.0}[threat.name]
    assert torch.allclose(threat.distance(x + one, x), torch.full((2,), known, dtype=torch.float64))
    assert type(threat)(known).contains(x + one, x).all()
    smaller = known - 1 if isinstance(threat, L0) else known * (1 - 1e-5)
    assert not type(threat)(smaller).contains(x + one, x).any()


def test_what_is_not_finite_is_not_contained(threat: Ball, space: Space) -> None:
    x = points(space)
    for value in (float("nan"), float("inf")):
        bad = x.clone()
        bad.flatten(1)[:, 0] = value
        if not isinstance(threat, L0):  # a count knows only that the value changed; the judge asks for finiteness
            assert not threat.contains(bad, x).any()


def test_the_slack_is_rounding_and_no_more() -> None:
    x = torch.rand(4, 3, 32, 32)
    for threat in (Linf(0.03), L2(0.5), L1(12.0)):
        far = threat.project(x + torch.randn_like(x), x, Bounds(-9.0, 9.0))
        further = x + (far - x) * 1.001
        assert threat.contains(far, x).all()
        assert not threat.contains(further, x).any()


def test_a_scaled_set_has_a_share_of_eps() -> None:
    assert Linf(0.4).scaled(0.5) == Linf(0.2)
    assert L2(3).scaled(0.5) == L2(1.5)
    assert L1(8).scaled(0.25) == L1(2)
    assert L0(9).scaled(0.5) == L0(4)
    assert L0(2).scaled(0.1) == L0(1)


@pytest.mark.parametrize("far", [0.01, 1.0])
def test_large_inputs_stay_in_the_set(far: float) -> None:
    """Sums over 150,528 values in float32 lose digits; the points must lie in the set all the same."""
    space = Space((3, 224, 224), 0.0, 1.0)
    x = points(space, 2)
    for threat in (Linf("4/255"), L2(3.0), L1(255.0), L0(300)):
        moved = threat.project(x + far * noise(space, 2), x, space.bounds)
        exact = torch.linalg.vector_norm((moved.double() - x.double()).flatten(1), ord=_order(threat), dim=1)
        assert (exact <= threat.eps * (1 + 1e-4)).all()
        assert (exact >= threat.eps * (1 - 1e-3)).all()  # and not far inside it


def _order(threat: Ball) -> float:
    return {"linf": float("inf"), "l2": 2.0, "l1": 1.0, "l0": 0.0}[threat.name]


# --- how samples are spread -------------------------------------------------------------------------------------


def test_linf_samples_are_uniform_in_the_cube() -> None:
    x = torch.full((2000, 5), 0.5, dtype=torch.float64)
    drawn = (Linf(0.2).sample(x, Bounds(0.0, 1.0), draws(2000)) - x) / 0.2
    assert drawn.min() < -0.99
    assert drawn.max() > 0.99
    counts = torch.histc(drawn, bins=20, min=-1, max=1)
    assert ((counts - 500) ** 2 / 500).sum() < 43.8  # chi-square with 19 degrees of freedom: 0.1 % above
    assert torch.corrcoef(drawn.T).triu(1).abs().max() < 0.1


@pytest.mark.parametrize("threat", [L2(0.2), L1(0.2)], ids=str)
def test_ball_samples_are_uniform_in_the_ball(threat: Ball) -> None:
    """In D dimensions the share of the volume within radius r is (r / eps)^D, and every orthant is alike."""
    n, size = 4000, 4
    x = torch.full((n, size), 0.5, dtype=torch.float64)
    drawn = threat.sample(x, Bounds(0.0, 1.0), draws(n)) - x
    share = (threat.distance(x + drawn, x) / threat.eps) ** size
    counts = torch.histc(share, bins=20, min=0, max=1)
    assert ((counts - n / 20) ** 2 / (n / 20)).sum() < 43.8
    orthant = ((drawn > 0).long() * torch.tensor([1, 2, 4, 8])).sum(1)
    counts = torch.bincount(orthant, minlength=16)
    assert ((counts - n / 16) ** 2 / (n / 16)).sum() < 37.7  # 15 degrees of freedom
    assert (drawn.mean(0).abs() < 0.01).all()
    assert torch.allclose(drawn.abs().mean(0), drawn.abs().mean(), rtol=0.05)  # no value is favoured


def test_l0_samples_change_just_eps_values_and_any_of_them() -> None:
    n, x = 2000, torch.full((2000, 10), 0.5)
    drawn = L0(3).sample(x, Bounds(0.0, 1.0), draws(n))
    assert (L0(3).distance(drawn, x) == 3).all()
    counts = (drawn != x).sum(0)
    assert ((counts - 600) ** 2 / (600 * 0.7)).sum() < 27.9  # 9 degrees of freedom
    values = drawn[drawn != x]
    counts = torch.histc(values, bins=10, min=0, max=1)
    assert ((counts - 600) ** 2 / 600).sum() < 27.9


def test_bounds_of_each_column_hold_for_samples() -> None:
    x = points(TABLE, 500)
    bounds = TABLE.bounds
    drawn = L0(6).sample(x, bounds, draws(500))
    share = (drawn - bounds.low) / bounds.width
    assert (share.amin(0) < 0.02).all()
    assert (share.amax(0) > 0.98).all()
