"""Sets of which only the points on levels count: 8-bit pictures, 16-bit sound."""

import itertools

import pytest
import torch
from torch import Tensor

from brinell.bounds import Bounds
from brinell.errors import InputError
from brinell.threats import L0, L1, L2, THREATS, Ball, Linf, threat
from helpers import BYTES, CHANNELS, IMAGE, THREAT_NAMES, WAVE, Space, noise, points, threats

SPACES = {"image": IMAGE, "bytes": BYTES, "wave": WAVE, "channels": CHANNELS}


@pytest.fixture(params=SPACES.values(), ids=[*SPACES])
def space(request: pytest.FixtureRequest) -> Space:
    return request.param  # type: ignore[no-any-return]


def on_levels(space: Space, n: int = 9, seed: int = 0, bits: int = 8) -> Tensor:
    """Inputs as a file holds them, rounded as plain float32 arithmetic does it."""
    bounds, top = space.bounds.to(torch.empty(0)), 2**bits - 1
    number = ((points(space, n, seed) - bounds.low) / bounds.width * top).round()
    return bounds.clip(number / top * bounds.width + bounds.low)


def off_by(space: Space, x: Tensor, bits: int = 8) -> float:
    """How far the values stand from their levels at the most, in steps."""
    place = (x.double() - space.bounds.low) / space.bounds.width * (2**bits - 1)
    return float((place - place.round()).abs().max())


@pytest.mark.parametrize("bits", [1, 8, 12])
@pytest.mark.parametrize("name", THREAT_NAMES)
@pytest.mark.parametrize("clean_on_levels", [True, False])
def test_settled_points_stand_on_levels_inside_the_set(space: Space, name: str, clean_on_levels: bool, bits: int):
    if name == "l0" and not clean_on_levels:
        return  # no value may move: refused, see below
    one = threats(space)[name]
    one = type(one)(one.eps, bits)
    x = on_levels(space, bits=bits) if clean_on_levels else points(space)
    bounds = space.bounds.to(x)
    if not one.contains(one._on_levels(x, x, _levels(one, bounds)), x).all():
        return  # the levels are too coarse for the set: refused, see below
    x_adv = one.project(x + noise(space), x, bounds)
    settled = one.settle(x_adv, x, bounds)
    assert off_by(space, settled, bits) < 1.1e-6 * 2**bits + 1e-5  # the slack of bounds
    assert one.contains(settled, x).all()
    assert bounds.contain(settled).all()
    assert torch.equal(one.settle(settled, x, bounds), settled)
    assert torch.equal(one.settle(x, x, bounds), x) or not clean_on_levels
    assert torch.equal(type(one)(one.eps).settle(x_adv, x, bounds), x_adv)


def _levels(one: Ball, bounds: Bounds) -> object:
    from brinell.threats.levels import Levels

    assert one.bits is not None
    return Levels.of(one.bits, bounds)


def test_linf_takes_the_nearest_point_that_there_is() -> None:
    x, bounds = points(IMAGE), IMAGE.bounds
    one = Linf(0.1, bits=4)
    x_adv = one.project(x + noise(IMAGE), x, bounds)
    levels = torch.arange(16) / 15
    allowed = (levels - x[..., None]).abs() <= 0.1 + 1e-6
    nearest = levels[torch.where(allowed, (levels - x_adv[..., None]).abs(), 9.0).argmin(-1)]
    assert torch.allclose(one.settle(x_adv, x, bounds), nearest, rtol=0, atol=1e-6)


def test_l2_is_hardly_farther_than_the_nearest_point() -> None:
    """Against all points on levels in three dimensions, where rounding each value for itself leads out of the ball."""
    generator = torch.Generator().manual_seed(3)
    x = (torch.rand(200, 3, generator=generator) * 15).round() / 15
    one, bounds = L2(0.25, bits=4), Bounds(0.0, 1.0)
    x_adv = one.project(x + torch.randn(200, 3, generator=generator), x, bounds)
    grid = torch.tensor([*itertools.product(range(16), repeat=3)]) / 15
    inside = (grid[None] - x[:, None]).norm(dim=2) <= 0.25 + 1e-6
    best = torch.where(inside, (grid[None] - x_adv[:, None]).norm(dim=2), 9.0).amin(1)
    found = (one.settle(x_adv, x, bounds) - x_adv).norm(dim=1)
    assert (found >= best - 1e-6).all()
    assert (found <= best + 0.25 / 15).all()
    assert float((found <= best + 1e-6).float().mean()) > 0.8


@pytest.mark.parametrize("name", THREAT_NAMES)
def test_points_elsewhere_stay_as_they_are(name: str) -> None:
    one = threats(IMAGE)[name]
    one, x = type(one)(one.eps, 8), on_levels(IMAGE)
    far = 1 - x + 0.001
    far[1], far[2] = torch.nan, torch.inf
    same = (one.settle(far, x, IMAGE.bounds) == far) | far.isnan()
    assert same.flatten(1).all(1)[~one.contains(far, x)].all()


def test_slopes_pass_straight_through() -> None:
    x = on_levels(IMAGE)
    x_adv = (x + 0.013).clamp(max=1).requires_grad_()
    settled = Linf("8/255", bits=8).settle(x_adv, x, IMAGE.bounds)
    assert off_by(IMAGE, settled.detach()) < 1e-3
    (grad,) = torch.autograd.grad((3 * settled).sum(), x_adv)
    assert grad.eq(3).all()


@pytest.mark.parametrize("name", THREAT_NAMES)
def test_text_brings_it_back_and_scaling_keeps_it(name: str) -> None:
    kind = THREATS[name]
    one = kind(4, bits=8)
    assert threat(str(one)) == one == threat(f" {name} : 8/2 @ 8bit ")
    assert str(one) == f"{name}:4@8bit"
    assert repr(one) == f"{kind.__name__}(eps=4.0, bits=8)"
    assert one.scaled(0.5) == kind(2, 8)
    assert one != kind(4)
    assert hash(one) != hash(kind(4))


@pytest.mark.parametrize("text", ["linf:8/255@", "linf:8/255@8", "linf:8/255@8bits", "linf:1@xbit", "linf:1@-8bit"])
def test_text_with_odd_bits_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="linf:8/255@8bit"):
        threat(text)


@pytest.mark.parametrize("bits", [0, 17, -8, 8.0, "8", True])
def test_bits_that_are_none_are_refused(bits: object) -> None:
    with pytest.raises(InputError, match="from 1 to 16"):
        Linf(0.1, bits)  # type: ignore[arg-type]


def test_inputs_with_no_level_within_reach_are_refused() -> None:
    x = on_levels(IMAGE)
    x[4] += 0.4 / 255 * (x[4] < 0.5)
    for one in (Linf("0.3/255", 8), L2("1/255", 8), L1("2/255", 8), L0(3, 8)):
        with pytest.raises(InputError, match=r"row 4 .* 8 bits, .* more than eps"):
            one.check(x, IMAGE.bounds)
        one.check(x[:4], IMAGE.bounds)
    Linf("1/255", 8).check(x, IMAGE.bounds)


def test_an_eps_below_a_level_is_noticed() -> None:
    x = on_levels(IMAGE)
    for kind in (Linf, L2, L1):
        assert "nothing can change" in (kind("0.9/255", 8).suspicion(x, IMAGE.bounds) or "")
        assert kind("1/255", 8).suspicion(x, IMAGE.bounds) is None
