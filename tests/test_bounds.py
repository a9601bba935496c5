"""The range that inputs may take: numbers or arrays."""

from typing import Any

import numpy as np
import pytest
import torch

from brinell.bounds import Bounds
from brinell.errors import InputError
from helpers import SPACES, Space, noise, points

spaces = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


@pytest.mark.parametrize("pair", [(0, 1), [0.0, 1.0], (np.float32(0), 1), (torch.tensor(0), torch.tensor(1))])
def test_a_pair_of_numbers_is_two_floats(pair: Any) -> None:
    bounds = Bounds.of(pair)
    assert (bounds.low, bounds.high, bounds.width) == (0.0, 1.0, 1.0)
    assert isinstance(bounds.low, float)
    assert str(bounds) == "(0, 1)"
    assert Bounds.of(bounds) is bounds


def test_arrays_broadcast_against_each_other() -> None:
    bounds = Bounds.of((0, np.array([1.0, 2.0, 255.0])))
    assert torch.equal(torch.as_tensor(bounds.low), torch.zeros(3))
    assert str(bounds) == "(0..0, 1..255), 3 columns"


@pytest.mark.parametrize(
    "pair",
    [
        (1, 0), (0, 0), (0, float("inf")), (float("nan"), 1), ([0, 1], [1, 1]), (0, [1, float("inf")]),
        (0,), (0, 1, 2), 3, None, "ab", ("low", "high"), ([0, 0], [1, 1, 1]),
    ],
)  # fmt: skip
def test_what_is_no_range_is_refused_with_its_value(pair: Any) -> None:
    with pytest.raises(InputError) as caught:
        Bounds.of(pair)
    assert repr(pair) in str(caught.value)
    assert "low" in str(caught.value)
    assert "high" in str(caught.value)


@spaces
def test_they_follow_device_and_dtype(space: Space) -> None:
    x = points(space, dtype=torch.float64)
    bounds = space.bounds.to(x)
    assert bounds.clip(x).dtype == torch.float64
    assert torch.equal(bounds.clip(x), x)
    assert torch.equal(Bounds.of(bounds).clip(x), x)


@spaces
def test_widened_bounds_leave_room_of_one_width_on_either_side(space: Space) -> None:
    x = points(space, dtype=torch.float64)
    bounds = space.bounds.to(x)
    for side in (-1, 1):
        assert bounds.widened().contain(x + side * bounds.width).all()
        assert not bounds.widened().contain(x + 2.1 * side * bounds.width).any()


@spaces
def test_clipped_points_are_contained(space: Space) -> None:
    far = points(space) + 3 * noise(space)
    assert not space.bounds.contain(far).any()
    assert space.bounds.contain(space.bounds.clip(far)).all()


@spaces
def test_room_is_the_way_to_the_bound_ahead(space: Space) -> None:
    x, direction = points(space), noise(space)
    bounds = space.bounds
    room = bounds.room(x, direction)
    assert (room >= 0).all()
    ahead = x + direction.sign() * room
    wanted = torch.where(direction > 0, torch.as_tensor(bounds.high), torch.as_tensor(bounds.low)).expand_as(x)
    assert torch.allclose(ahead, wanted, rtol=1e-6)


@spaces
def test_corners_are_the_lowest_and_the_highest_input(space: Space) -> None:
    low, high = space.bounds.corners(points(space))
    assert low.shape == high.shape == (1, *space.shape)
    assert ((low <= points(space)) & (points(space) <= high)).all()
    assert torch.allclose((high - low).mean(), torch.tensor(space.width, dtype=torch.float64), rtol=0.7)


@spaces
def test_rounding_is_clipped_and_more_is_an_error(space: Space) -> None:
    x = points(space, dtype=torch.float64)
    bounds = space.bounds.to(x)
    high = torch.as_tensor(bounds.high)
    width = torch.as_tensor(bounds.width, dtype=torch.float64)
    a_little, too_much = x.clone(), x.clone()
    a_little[2] = (high + 0.5e-6 * width).expand(space.shape)
    too_much[2] = (high + 3e-6 * width).expand(space.shape)
    assert torch.equal(bounds.check(a_little)[2], high.expand(space.shape).double())
    assert bounds.contain(a_little).all()
    with pytest.raises(InputError, match="outside the bounds"):
        bounds.check(too_much)
    assert bounds.contain(too_much).tolist() == [i != 2 for i in range(len(x))]


def test_the_error_has_the_worst_value_the_bounds_and_the_remedy() -> None:
    x = torch.full((4, 3), 0.5)
    x[1, 2], x[3, 0] = -2.25, 2.5
    with pytest.raises(InputError) as caught:
        Bounds.of((0, 1)).check(x, "pixels")
    message = str(caught.value)
    assert "pixels holds -2.25" in message
    assert "(0, 1)" in message
    assert "Classifier(normalize=...)" in message


@pytest.mark.parametrize("shape", [(5,), (4, 3), (2, 1, 1), (1, 4, 3)])
def test_arrays_of_another_shape_than_one_input_are_refused(shape: tuple[int, ...]) -> None:
    """(4, 3) would silently mean bounds for each row."""
    bounds = Bounds.of((torch.zeros(shape), torch.ones(shape)))
    with pytest.raises(InputError) as caught:
        bounds.check(torch.rand(4, 3))
    assert str(shape) in str(caught.value)
    assert "broadcast against one input" in str(caught.value)


def test_arrays_that_broadcast_are_fine() -> None:
    for shape in [(3,), (1,), (3, 1, 1), (4, 4), (1, 4, 4)]:
        x = torch.rand(2, 3, 4, 4) if len(shape) > 1 else torch.rand(2, 3)
        assert torch.equal(Bounds.of((torch.zeros(shape), torch.ones(shape))).check(x), x)
