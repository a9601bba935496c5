"""What is changed before it is learned from: how far, and by draws of the row alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import brinell as br
from brinell.defenses import AUGMENTATIONS
from brinell.defenses.augmentations import augmented
from brinell.draws import Draws
from brinell.errors import InputError

SHAPES = [(3, 6, 6), (2, 9), (8,)]
CHANGES = [(kind(), shape) for kind in AUGMENTATIONS.values() for shape in SHAPES[: 1 if kind is br.Affine else 3]]


@pytest.mark.parametrize(("way", "shape"), CHANGES, ids=repr)
def test_augmentations_depend_on_the_row_alone(way: Any, shape: tuple[int, ...]) -> None:
    x = torch.rand(50, *shape, generator=torch.Generator().manual_seed(0))
    draws = Draws(3, torch.arange(50), stage=1)
    state = torch.random.get_rng_state()
    changed = augmented(x, draws, (way,))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert changed.shape == x.shape
    assert not torch.equal(changed, x)
    some = torch.tensor([40, 3, 17])
    assert torch.equal(augmented(x[some], draws.take(some), (way,)), changed[some])
    assert not torch.equal(augmented(x, replace(draws, stage=2), (way,)), changed)


def test_a_shift_moves_every_value_alike_and_repeats_the_edge() -> None:
    x = torch.arange(5.0).repeat(200, 1)
    moved = br.Shift(2)(x, Draws(0, torch.arange(200)))
    kinds = {tuple(row.tolist()) for row in moved}
    assert kinds == {(0, 0, 0, 1, 2), (0, 0, 1, 2, 3), (0, 1, 2, 3, 4), (1, 2, 3, 4, 4), (2, 3, 4, 4, 4)}


def test_a_flip_mirrors_half_of_the_rows() -> None:
    x = torch.arange(4.0).repeat(400, 1, 2, 1)
    flipped = br.Flip()(x, Draws(0, torch.arange(400)))[:, 0, 0, 0] == 3
    assert 150 < flipped.sum() < 250


def test_color_jitter_changes_brightness_and_contrast_and_keeps_the_order_of_values() -> None:
    x, draws = torch.linspace(0.1, 0.9, 12).reshape(1, 3, 2, 2).repeat(500, 1, 1, 1), Draws(0, torch.arange(500))
    both = br.ColorJitter(0.2, 0.4)(x, draws).flatten(1)
    assert bool((both.diff(dim=1) > 0).all())
    assert both.mean(1).min().item() == pytest.approx(0.4, abs=0.01)
    assert both.mean(1).max().item() == pytest.approx(0.6, abs=0.01)
    dull = br.ColorJitter(0, 0.4)(x, draws).flatten(1)
    torch.testing.assert_close(dull.mean(1), x.flatten(1).mean(1))
    shares = dull.std(1) / x.flatten(1).std(1)
    assert shares.min().item() == pytest.approx(0.6, abs=0.01)
    assert shares.max().item() == pytest.approx(1.4, abs=0.01)


def test_affine_turns_stretches_and_moves_as_far_as_it_says() -> None:
    row, column = torch.meshgrid(torch.arange(9.0), torch.arange(15.0), indexing="ij")
    x, draws = torch.stack([column, row]).repeat(500, 1, 1, 1), Draws(0, torch.arange(500))
    torch.testing.assert_close(br.Affine(0, 0, 0)(x, draws), x)

    def middle(way: br.Affine) -> Tensor:  # where the middle and its neighbours on the right and below come from
        changed = way(x, draws)
        return torch.stack([changed[..., 4, 7], changed[..., 4, 8], changed[..., 5, 7]], 1)

    moved = middle(br.Affine(0, 0.1, 0))[:, 0] - torch.tensor([7.0, 4.0])
    torch.testing.assert_close(moved.abs().amax(0), torch.tensor([1.5, 0.9]), rtol=0.02, atol=0)
    turned = middle(br.Affine(30, 0, 0))
    right, down = (turned[:, side] - turned[:, 0] for side in (1, 2))
    torch.testing.assert_close(right.norm(dim=1), torch.ones(500))
    torch.testing.assert_close((right * down).sum(1), torch.zeros(500), rtol=0, atol=1e-4)
    assert right[:, 1].asin().rad2deg().abs().max().item() == pytest.approx(30, abs=0.3)
    stretched = middle(br.Affine(0, 0, 0.2))
    widths = stretched[:, 1, 0] - stretched[:, 0, 0]
    assert widths.min().item() == pytest.approx(1 / 1.2, abs=0.01)
    assert widths.max().item() == pytest.approx(1 / 0.8, abs=0.01)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda: br.ColorJitter(brightness=1), "brightness is 1; it must be at least 0 and below 1"),
        (lambda: br.ColorJitter(contrast=-0.1), r"contrast is -0\.1; it must be"),
        (lambda: br.Affine(scale=float("nan")), "scale is nan; it must be"),
        (lambda: br.Affine(degrees=181), r"degrees is 181; it must be within 0\.\.180"),
        (lambda: br.Affine()(torch.zeros(2, 8), Draws(0, torch.arange(2))), r"pictures .* are \(2, 8\); use Shift"),
    ],
)  # fmt: skip
def test_augmentations_that_make_no_sense_are_refused(wrong: Callable[[], Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        wrong()
