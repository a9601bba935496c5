"""``step`` is the displacement of its length along which a linear function rises most."""

import pytest
import torch
from torch import Tensor

from brinell.threats import L0, L1, L2, Ball, Linf
from brinell.threats.base import Place
from helpers import IMAGE, SPACES, TABLE, THREAT_NAMES, WAVE, Space, generator, noise, points, threats

ORDER = {"linf": float("inf"), "l2": 2.0, "l1": 1.0, "l0": 0.0}
SETS: list[Ball] = [Linf(0.1), L2(1.0), L1(2.0), L0(4)]


def slopes(space: Space = WAVE, n: int = 9, seed: int = 5) -> Tensor:
    return torch.randn(n, *space.shape, generator=generator(seed), dtype=torch.float64)


def rise(grad: Tensor, move: Tensor) -> Tensor:
    product: Tensor = (grad * move).flatten(1).sum(1)
    return product


def random_moves(threat: Ball, size: float, seed: int) -> Tensor:
    """Moves of length ``size``: dense ones, and for L1 and L0 also those along few values."""
    move = slopes(seed=seed)
    keep = 1 + seed % 5 if isinstance(threat, L1) else round(size) if isinstance(threat, L0) else 24
    move = torch.where(move.abs() >= move.abs().topk(keep, dim=1).values[:, -1:], move, 0.0)
    if isinstance(threat, L0):
        return move.sign()
    length: Tensor = torch.linalg.vector_norm(move, ord=ORDER[threat.name], dim=1, keepdim=True)
    return size * move / length


@pytest.mark.parametrize("threat", SETS, ids=str)
@pytest.mark.parametrize("size", [1.0, 3.0])
def test_no_random_move_of_its_length_rises_more(threat: Ball, size: float) -> None:
    grad = slopes()
    best = rise(grad, threat.step(grad, size))
    for seed in range(100):
        assert (rise(grad, random_moves(threat, size, seed)) <= best + 1e-12).all()


@pytest.mark.parametrize("threat", SETS, ids=str)
@pytest.mark.parametrize("size", [1.0, 2.0])
def test_its_length_is_what_was_asked_for(threat: Ball, size: float) -> None:
    length = threat.distance(threat.step(slopes(), size), torch.zeros(9, 24, dtype=torch.float64))
    assert torch.allclose(length, torch.full_like(length, size))


@pytest.mark.parametrize("threat", SETS, ids=str)
@pytest.mark.parametrize("placed", [False, True])
def test_each_row_may_have_a_size_of_its_own(threat: Ball, placed: bool) -> None:
    grad, x = slopes(), points(WAVE, dtype=torch.float64)
    size = torch.tensor([0.05, 0.3, 1.0, 1.2, 2.0, 2.5, 4.0, 7.0, 100.0], dtype=torch.float64)
    places = [Place(x[i : i + 1], x[i : i + 1], WAVE.bounds) if placed else None for i in range(9)]
    alone = [threat.step(grad[i : i + 1], float(size[i]), places[i]) for i in range(9)]
    together = threat.step(grad, size, Place(x, x, WAVE.bounds) if placed else None)
    assert torch.allclose(together, torch.cat(alone), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("threat", SETS, ids=str)
@pytest.mark.parametrize("scale", [1e-35, 1e-25, 1e-10, 1e10, 1e30])
def test_only_the_direction_of_the_slope_counts(threat: Ball, scale: float) -> None:
    """A confident model's slopes are tiny, and their squares are 0 in float32."""
    grad = slopes().float()
    assert torch.allclose(threat.step(grad * scale, 2.0), threat.step(grad, 2.0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("threat", SETS, ids=str)
@pytest.mark.parametrize("placed", [False, True])
def test_no_slope_is_no_step(threat: Ball, placed: bool) -> None:
    x = points(WAVE)
    place = Place(x, x, WAVE.bounds) if placed else None
    assert not threat.step(torch.zeros_like(x), 2.0, place).any()


@pytest.mark.parametrize("name", THREAT_NAMES)
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_row_steps_alone(name: str, space: Space) -> None:
    threat, grad, x = threats(space)[name], slopes(space), points(space, dtype=torch.float64)
    bounds = space.bounds.to(x)
    together = threat.step(grad, threat.eps, Place(x, x, bounds))
    for i in range(len(x)):
        row = slice(i, i + 1)
        alone = threat.step(grad[row], threat.eps, Place(x[row], x[row], bounds))
        assert torch.allclose(together[row], alone, rtol=1e-14, atol=0)


@pytest.mark.parametrize("threat", [Linf(0.1), L2(1.0), L2(4.0), L1(2.0), L0(4)], ids=str)
def test_from_the_center_no_point_of_set_and_bounds_lies_higher(threat: Ball) -> None:
    """These sets count the bounds in: one step of length eps already is the best move for a linear function."""
    x, grad = points(IMAGE, dtype=torch.float64), slopes(IMAGE)
    step = threat.step(grad, threat.eps, Place(x, x, IMAGE.bounds))
    best = rise(grad, threat.project(x + step, x, IMAGE.bounds) - x)
    for seed in range(40):
        far = x + noise(IMAGE, seed=seed, dtype=torch.float64) + (seed % 4) * grad.sign()
        assert (rise(grad, threat.project(far, x, IMAGE.bounds) - x) <= best + 1e-9).all()


@pytest.mark.parametrize("name", ["linf", "l2", "l0"])
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_step_from_any_point_of_the_set_never_leads_down(name: str, space: Space) -> None:
    """L1 is not here: beside values that stand at a bound, its projection may take away more than the step gave."""
    threat, grad, x = threats(space)[name], slopes(space), points(space, dtype=torch.float64)
    bounds = space.bounds.to(x)
    at = threat.project(x + noise(space, dtype=torch.float64), x, bounds)
    for share in (0.05, 0.3, 1.0, 2.5):
        moved = threat.project(at + threat.step(grad, share * threat.eps, Place(at, x, bounds)), x, bounds)
        assert (rise(grad, moved - at) >= -1e-3 * rise(grad, grad) ** 0.5 * threat.eps).all()


def test_an_l1_step_never_leads_down_where_no_bound_is_near() -> None:
    threat, grad, x = L1(0.4), slopes(IMAGE), points(IMAGE, dtype=torch.float64) * 0.1 + 0.45
    at = threat.project(x + noise(IMAGE, dtype=torch.float64), x, IMAGE.bounds)
    for share in (0.05, 0.3, 1.0, 2.5):
        move = threat.step(grad, share * threat.eps, Place(at, x, IMAGE.bounds))
        assert (rise(grad, threat.project(at + move, x, IMAGE.bounds) - at) >= -1e-9).all()


def test_l1_spends_all_it_has_and_no_value_passes_its_bound() -> None:
    x = points(TABLE, dtype=torch.float64)
    bounds = TABLE.bounds.to(x)
    grad = slopes(TABLE)
    step = L1(5.0).step(grad, 5.0, Place(x, x, bounds))
    assert bounds.contain(x + step).all()
    room = bounds.room(x, grad).sum(1)
    assert torch.allclose(step.abs().sum(1), room.clamp(max=5.0))


def test_what_the_bounds_leave_of_an_l2_step_is_as_long_as_was_asked_for() -> None:
    x, grad = points(IMAGE, dtype=torch.float64), slopes(IMAGE)
    for size in (0.1, 1.0, 3.0, 9.0):
        step = IMAGE.bounds.clip(x + L2(1.0).step(grad, size, Place(x, x, IMAGE.bounds))) - x
        room = IMAGE.bounds.room(x, grad).flatten(1).norm(dim=1)
        assert torch.allclose(step.flatten(1).norm(dim=1), room.clamp(max=size), rtol=1e-3)


def test_l2_far_from_the_bounds_does_not_ask_where_it_is() -> None:
    x, grad = torch.full((9, *IMAGE.shape), 0.5), slopes(IMAGE).float()
    for size in (1e-3, 0.1, 0.4):
        assert torch.equal(L2(1.0).step(grad, size, Place(x, x, IMAGE.bounds)), L2(1.0).step(grad, size))


def test_l2_copes_with_slopes_of_very_unlike_size() -> None:
    """Squares of the small ones are 0 in float32; the large ones stand at their bound."""
    x = torch.tensor([[1.0, 1.0, 0.5, 0.5]])
    grad = torch.tensor([[1.0, 1.0, 1e-18, -2e-18]])
    bounds = SPACES["image"].bounds
    step = L2(3.0).step(grad, 2.0, Place(x, x, bounds))
    assert torch.allclose(L2(3.0).project(x + step, x, bounds), torch.tensor([[1.0, 1.0, 1.0, 0.0]]))


def test_l0_sends_values_to_the_bound_that_gains() -> None:
    x = points(TABLE, dtype=torch.float64)
    bounds = TABLE.bounds.to(x)
    grad = slopes(TABLE)
    step = L0(2).step(grad, 2.0, Place(x, x, bounds))
    gain = (grad.abs() * bounds.room(x, grad)).sort(dim=1, descending=True).values[:, :2].sum(1)
    assert torch.allclose(rise(grad, step), gain)
    moved = x + step
    assert ((moved == bounds.low) | (moved == bounds.high) | (moved == x) | (step.abs() < 1e-12)).all()


def test_l0_takes_back_what_helps_least() -> None:
    x = torch.full((1, 4), 0.5)
    at = torch.tensor([[0.6, 0.5, 1.0, 0.5]])  # the first value moved a little, the third all the way
    grad = torch.tensor([[1.0, 2.0, 3.0, 0.1]])
    bounds = SPACES["image"].bounds
    step = L0(2).step(grad, 1.0, Place(at, x, bounds))
    assert torch.allclose(at + step, torch.tensor([[0.5, 1.0, 1.0, 0.5]]))
