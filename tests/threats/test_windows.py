"""Windows and the patches that two sets make of them."""

from typing import Any

import pytest
import torch
from torch import Tensor

from brinell.draws import Draws
from brinell.errors import InputError
from brinell.threats import L0, L1, L2, Linf, Place, demand
from brinell.threats.windows import BLOCK, bumps, cells, draw_luck, grid, odd_sides, planes, sides, within
from helpers import CHANNELS, SPACES, Space, draws, points

PHOTO = Space((3, 20, 20), 0.0, 1.0)
STRIP = Space((2, 9, 3), -1.0, 1.0)
LINE = Space((50,), 0.0, 1.0)
SEQUENCE = Space((30, 4), 0.0, 1.0)
VIDEO = Space((2, 3, 8, 8), 0.0, 1.0)
SHAPES = {**SPACES, "photo": PHOTO, "strip": STRIP, "line": LINE, "sequence": SEQUENCE, "video": VIDEO}
all_shapes = pytest.mark.parametrize("space", SHAPES.values(), ids=SHAPES)


def balls(space: Space) -> dict[str, Any]:
    return {"linf": Linf(0.1 * space.width), "l2": L2(0.1 * space.width * space.size**0.5)}


both = pytest.mark.parametrize("name", ["linf", "l2"])


def luck(x: Tensor, draw: int = 0, seed: int = 0) -> Tensor:
    """One line of luck for each row."""
    return draw_luck(x, draws(len(x), seed), draw)[:, 0]


def place(space: Space, ball: Any, n: int = 9) -> Place:
    """A point of the set about rows in the bounds."""
    x = points(space, n, dtype=torch.float64)
    bounds = space.bounds.to(x)
    return Place(ball.sample(x, bounds, draws(n)), x, bounds)


@all_shapes
@both
@pytest.mark.parametrize("share", [1.0, 0.8, 0.1, 0.001])
def test_patches_and_patterns_stay_in_the_set_and_the_bounds(space: Space, name: str, share: float) -> None:
    ball = balls(space)[name]
    at = place(space, ball)
    for point in (ball.pattern(at.x, at.bounds, draws()), ball.patch(at, share, luck(at.x, 3))):
        assert (point.shape, point.dtype) == (at.x.shape, at.x.dtype)
        assert ball.contains(point, at.x).all()
        assert (point >= at.bounds.low).all()
        assert (point <= at.bounds.high).all()


@both
def test_a_patch_is_a_function_of_seed_row_and_draw(name: str) -> None:
    ball = balls(PHOTO)[name]
    at, rows = place(PHOTO, ball), torch.tensor([5, 2])
    one = ball.patch(at, 0.1, luck(at.x, 3))
    there = Place(at.x_adv[rows], at.x[rows], at.bounds)
    part = ball.patch(there, 0.1, draw_luck(there.x, draws().take(rows), 3)[:, 0])
    torch.testing.assert_close(part, one[rows], rtol=0, atol=1e-12)
    before = at.x_adv.clone()
    for other in (ball.patch(at, 0.1, luck(at.x, 4)), ball.patch(at, 0.1, luck(at.x, 3, seed=1))):
        assert (other != one).flatten(1).any(1).all()
    assert torch.equal(at.x_adv, before)


def box(changed: Tensor) -> tuple[int, int]:
    """Height and width of the smallest box about all that is true."""
    down, across = changed.any(1).nonzero().flatten(), changed.any(0).nonzero().flatten()
    return int(down[-1] - down[0]) + 1, int(across[-1] - across[0]) + 1


def test_a_patch_of_linf_sends_one_window_to_the_far_end() -> None:
    ball = Linf(0.1)
    x = 0.5 + 0.1 * points(PHOTO, 60, dtype=torch.float64)  # no bound in the way
    at = Place(x, x, PHOTO.bounds)
    move = ball.patch(at, 0.16, luck(x)) - x
    for row in move:
        changed = row[0] != 0
        assert box(changed) == (8, 8)  # 0.16 of 20 x 20 is 8 x 8
        assert int(changed.sum()) == 64
        assert torch.allclose(row.abs().amax((1, 2)), torch.full((3,), 0.1, dtype=torch.float64))
        assert all(len(plane[changed].round(decimals=6).unique()) == 1 for plane in row)  # a sign for each plane
    tops = {int((row[0] != 0).any(1).nonzero()[0]) for row in move}
    assert min(tops) == 0
    assert max(tops) == 12  # windows reach both edges
    assert len({tuple(row.amax((1, 2)).gt(0).tolist()) for row in move}) == 8  # all signs occur


@pytest.mark.parametrize(
    ("space", "share", "size"),
    [(LINE, 0.1, (1, 5)), (LINE, 1e-6, (1, 1)), (PHOTO, 0.25, (10, 10)), (PHOTO, 1.0, (20, 20)),
     (SEQUENCE, 0.25, (15, 2)), (STRIP, 0.25, (4, 2)), (VIDEO, 0.25, (4, 4))],
)  # fmt: skip
def test_a_window_covers_a_share_of_both_axes(space: Space, share: float, size: tuple[int, int]) -> None:
    assert sides(grid(points(space)), share) == size


def test_windows_of_l2_are_odd_and_no_smaller_than_3() -> None:
    assert odd_sides(grid(points(PHOTO)), 0.25) == (11, 11)
    assert odd_sides(grid(points(PHOTO)), 1e-6) == (3, 3)
    assert odd_sides(grid(points(PHOTO)), 1.0) == (20, 20)  # there is no more
    assert odd_sides(grid(points(LINE)), 0.1) == (1, 5)


@all_shapes
def test_both_ways_to_name_a_window_name_the_same(space: Space) -> None:
    x = grid(points(space, 40))
    size = sides(x, 0.3)
    mask = within(x, size, luck(x)).expand(x.shape).reshape(40, planes(x), -1)
    assert torch.equal(torch.zeros_like(mask).scatter(2, cells(x, size, luck(x)), True), mask)
    assert (mask.sum(2) == size[0] * size[1]).all()


def test_a_patch_of_l2_takes_from_one_window_what_it_gives_to_another() -> None:
    ball = L2(0.5)
    x = 0.5 + 0.01 * points(PHOTO, 40, dtype=torch.float64)
    start = Place(ball.pattern(x, PHOTO.bounds, draws(40)), x, PHOTO.bounds)
    before, after = start.x_adv - x, ball.patch(start, 0.06, luck(x, 1)) - x
    lengths = torch.full((40,), 0.5, dtype=torch.float64)
    torch.testing.assert_close(before.flatten(1).norm(dim=1), lengths)  # all of eps is spent, before and after
    torch.testing.assert_close(after.flatten(1).norm(dim=1), lengths)
    changed = ((before - after).abs() > 1e-9)[:, 0].flatten(1).sum(1)
    assert (changed <= 2 * 25).all()
    assert (changed > 25).float().mean() > 0.7  # two windows, which may overlap
    gone = ((before != 0) & (after == 0))[:, 0].flatten(1).sum(1)
    assert (gone > 0).float().mean() > 0.7


def test_what_is_left_of_eps_goes_into_the_window() -> None:
    ball = L2(0.5)
    x = 0.5 + 0.01 * points(PHOTO, 40, dtype=torch.float64)
    after = ball.patch(Place(x, x, PHOTO.bounds), 0.06, luck(x)) - x
    torch.testing.assert_close(after.flatten(1).norm(dim=1), torch.full((40,), 0.5, dtype=torch.float64))
    assert all(box(row[0] != 0) == (5, 5) for row in after)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5), (5, 1), (2, 2), (3, 3), (5, 5), (7, 3), (25, 25)])
def test_a_bump_is_a_hill_and_its_mirror_image(height: int, width: int) -> None:
    x = torch.zeros(40, 1, height, width, dtype=torch.float64)
    ways = bumps(x, (height, width), luck(x)).unique(dim=0)
    assert len(ways) == (2 if min(height, width) > 1 else 1)
    one, other = sorted(ways[[0, -1], 0].reshape(2, height, width), key=lambda bump: bool(bump[0, -1] > 0))[::-1]
    for bump in (one, other):
        assert bump.norm().item() == pytest.approx(1)
        assert (bump != 0).all()
    if height > 1:
        assert (one[: height // 2] > 0).all()
        assert (one[height // 2 :] < 0).all()
    if width > 1:
        assert (other[:, : width // 2] > 0).all()
        assert (other[:, width // 2 :] < 0).all()
    if height == width:
        assert torch.equal(one.T, other)


def test_a_hill_by_hand() -> None:
    """Croce's code adds 1 / (k + 1)^2 over rectangles of half width k about the middle: here 2 x 5 above 3 x 5."""
    x = torch.zeros(40, 1, 5, 5, dtype=torch.float64)
    ways = bumps(x, (5, 5), luck(x)).reshape(40, 5, 5)
    one = ways[ways[:, 0, -1] > 0][0]  # above, not to the left
    low, middle, top = 1 / 9, 1 / 9 + 1 / 4, 1 / 9 + 1 / 4 + 1
    upper = torch.tensor([[low, middle, middle, middle, low], [low, middle, top, middle, low]], dtype=torch.float64)
    lower = torch.tensor([[low, middle, middle, middle, low], [low, middle, top, middle, low]], dtype=torch.float64)
    lower = torch.cat([lower, lower[:1]])
    whole = torch.cat([upper / upper.norm(), -lower / lower.norm()])
    torch.testing.assert_close(one, whole / whole.norm())


def test_stripes_run_down_the_image() -> None:
    x = 0.5 + 0.01 * points(PHOTO, 20)
    sign = (Linf(0.1).pattern(x, PHOTO.bounds, draws(20)) - x).sign()
    assert torch.equal(sign, sign[:, :, :1].expand_as(sign))
    assert 0.4 < (sign > 0).float().mean() < 0.6


@pytest.mark.parametrize("ball", [L1(1.0), L0(2)], ids=str)
def test_sets_without_patches_are_refused_with_the_choices(ball: Any) -> None:
    with pytest.raises(InputError, match=rf"Square does not work within {ball}; .*: linf, l2\."):
        demand(ball, "patch", "Square")


def test_any_seed_is_good() -> None:
    x = points(CHANNELS, 3)
    for seed in (0, -1, 2**63, 2**70):
        lucky = draw_luck(x, Draws(seed, torch.arange(3)), 2)[:, BLOCK - 1]
        point = Linf(0.1).patch(Place(x, x, CHANNELS.bounds.to(x)), 0.5, lucky)
        assert (point != x).any()


def test_a_patch_of_linf_always_changes_a_grey_image() -> None:
    space, ball = Space((1, 9, 9), 0.0, 1.0), Linf(0.1)
    x = points(space, 60)
    at = ball.pattern(x, space.bounds, draws(60))
    for draw in range(5):
        x_adv = ball.patch(Place(at, x, space.bounds), 0.05, luck(x, draw))
        assert (x_adv != at).flatten(1).any(1).all()
        at = x_adv
