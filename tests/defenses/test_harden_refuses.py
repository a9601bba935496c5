"""What ``harden`` and the recipes refuse, and what their errors say."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
import torch
import toys

import brinell as br
from brinell.defenses import Recipe
from brinell.errors import InputError, InputTypeError


def harden(recipe: Any, model: br.Classifier | None = None, **options: Any) -> br.Classifier:
    return br.harden(model or toys.untrained(), toys.toy(120), toys.EPS, recipe=recipe, **options)


@pytest.mark.parametrize(
    ("options", "text"),
    [({"epochs": 0}, "epochs is 0"), ({"lr": -1.0}, r"lr -1\.0"), ({"lr": 0.0}, r"lr 0\.0"),
     ({"lr": float("nan")}, "lr nan"), ({"batch_size": 0}, "batch_size 0"),
     ({"epochs": -3}, "epochs is -3"),
     ({"epochs": 2.5}, r"epochs is 2\.5.* whole"), ({"batch_size": 32.0}, r"batch_size 32\.0 .* whole")],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        harden(br.Standard(), **options)


def test_a_seed_that_would_draw_like_another_is_refused() -> None:
    with pytest.raises(InputError, match="seed is -1; it must be at least 0"):
        harden(br.Standard(), seed=-1)


@pytest.mark.parametrize("recipe", [br.Standard, "Standard", None, br.PGD()])
def test_what_is_no_recipe_is_refused(recipe: Any) -> None:
    with pytest.raises(InputTypeError, match=r"PGDTraining\(\)"):
        harden(recipe)


def test_a_frozen_model_is_refused() -> None:
    model = toys.untrained().requires_grad_(False)
    with pytest.raises(InputError, match="thaw"):
        harden(br.Standard(), model)


NUMBERS = [  # those of IBP may be 0: see test_ibp_recipe.py
    (kind, field.name) for kind in br.RECIPES.values()
    for field in fields(kind) if field.name != "recipe" and kind is not br.IBP  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_numbers_of_a_recipe_that_make_no_sense_are_refused(
    kind: Callable[..., Recipe], name: str, value: float
) -> None:
    with pytest.raises(InputError, match=f"{name} is {value}"):
        kind(**{name: value})


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
def test_only_the_warmup_may_be_none_at_all_and_at_most_all(kind: Callable[..., Recipe], name: str) -> None:
    allowed, refused = (0, 1.5) if name == "warmup" else (2, 0)
    kind(**{name: allowed})
    with pytest.raises(InputError, match=f"{name} is {refused}"):
        kind(**{name: refused})


def test_a_step_and_a_half_is_no_number_of_steps() -> None:
    with pytest.raises(InputError, match=r"steps is 1\.5; it must be a whole number"):
        br.PGDTraining(steps=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("place", ["x", "y", "bounds"])
def test_bad_data_are_refused(place: str) -> None:
    x, y = toys.toy(120)
    if place == "y":
        y[90] = 2
    else:
        x[90, 3] = torch.nan if place == "x" else 3.0
    with pytest.raises(
        InputError, match={"x": "nan", "y": "label 2 of row 90 .* 0..1", "bounds": "outside the bounds"}[place]
    ):
        br.harden(toys.untrained(), (x, y), toys.EPS, recipe=br.Standard(), epochs=1)
