"""BasinHopping: what it makes of the best points that are known."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from brinell.attacks import PGD, BasinHopping, Found
from brinell.attacks.base import FORWARD
from brinell.attacks.loop import annealed
from brinell.case import Case, make_case
from brinell.errors import InputError
from brinell.models import evaluating
from brinell.objectives import margin
from brinell.threats import Linf
from helpers import IMAGE, WAVE, Space, incline, problem, threats

SEQUENCE = Space((12, 2), -1.0, 1.0)
ALL = 10.0  # near enough for every row, from the first round to the last
HOPS = BasinHopping(rounds=4, looks=5, steps=3, near=ALL)
LONG = BasinHopping(rounds=13, looks=3, steps=2, near=ALL)  # the last five rounds go abreast
both = pytest.mark.parametrize("name", ["linf", "l2"])


def case_of(name: str = "linf", space: Space = IMAGE, n: int = 24, share: float = 0.02, **more: Any) -> Case:
    """Rows that are right, most of which no attack breaks, with a best point that is random."""
    model, x, y, _ = problem(space, n=n + 1, dtype=torch.float64)
    case = make_case(model, x[1:], y[1:], threats(space, share)[name], goal=None, seed=3, **more)
    return case.after(case.threat.sample(case.x, case.bounds, case.draws))


def search(case: Case, attack: BasinHopping = HOPS) -> Found:
    with evaluating(case.model, 0):
        return attack.run(case)


def heights(case: Case, x_adv: Tensor) -> Tensor:
    with torch.no_grad():
        return case.goal.gain(margin, case.model(x_adv), case.y)


def equal(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@both
@pytest.mark.parametrize("space", [IMAGE, WAVE, SEQUENCE], ids=["image", "wave", "sequence"])
def test_it_never_ends_below_the_point_that_it_was_given_and_stays_in_the_set(name: str, space: Space) -> None:
    case = case_of(name, space)
    assert case.known is not None
    before = heights(case, case.known)
    found = search(case)
    assert (found.height >= before).all()
    assert (found.height > before).float().mean() > 0.8
    assert torch.allclose(heights(case, found.x_adv), found.height)
    assert torch.equal(found.nominated, found.height > 0)
    assert case.threat.contains(found.x_adv, case.x).all()
    assert case.bounds.contain(found.x_adv).all()


def test_the_best_known_point_is_where_it_begins() -> None:
    """Points that a walk found are nearer to the goal than the inputs, and so is what becomes of them."""
    case = case_of(n=40, share=0.03)
    with evaluating(case.model, 0):
        walked = PGD(steps=20, objective="margin").run(replace(case, known=None)).x_adv
    from_walk, from_input = (search(case.after(point), BasinHopping(rounds=1, steps=1)) for point in (walked, case.x))
    assert (from_walk.height >= heights(case, walked)).all()
    assert from_walk.height.mean() > from_input.height.mean()
    assert equal(from_input, search(replace(case, known=None), BasinHopping(rounds=1, steps=1)))


def test_rows_without_hope_leave_and_cost_nothing_more() -> None:
    case = case_of()
    once = search(case, replace(HOPS, rounds=1))
    strict = search(case, replace(HOPS, rounds=6, near=0.0, pace=0.0))
    standing = ~once.nominated
    assert standing.sum() > 10
    assert (strict.gradients == once.gradients).all()
    assert (strict.gradients[standing] == HOPS.steps).all()
    everyone = search(case, replace(HOPS, rounds=6))
    still = ~everyone.nominated
    assert (everyone.gradients[still] == 6 * HOPS.steps).all()
    assert (everyone.height >= strict.height).all()
    assert (everyone.forwards[still] <= 2 + 6 * (HOPS.looks + 4)).all()


def test_near_rows_go_on_and_far_ones_do_not() -> None:
    """The first round is for all; afterwards only rows go on that have lost all but ``near`` of their clean margin.

    That share falls by 0.4 until the second of two rounds: to a fifth by the end."""
    case = case_of(n=60)
    first = search(case, replace(HOPS, rounds=1))
    left = first.height / heights(case, case.x)
    near = float(left.median())
    found = search(case, replace(HOPS, rounds=2, near=near / 0.6, pace=0.0))
    goes_on = ~first.nominated & (left <= near)
    assert 0 < goes_on.sum() < (~first.nominated).sum()
    looked = found.forwards - first.forwards
    assert (looked[goes_on] > 0).all()
    assert (looked[~goes_on] == 0).all()


@both
@pytest.mark.parametrize("attack", [HOPS, LONG], ids=["one by one", "abreast"])
def test_a_rows_way_depends_on_neither_batch_nor_company(name: str, attack: BasinHopping) -> None:
    case = case_of(name)
    whole = search(case, attack)
    small = search(case_of(name, batch=2), attack)
    assert equal(whole[2:], small[2:])
    assert torch.allclose(whole.x_adv, small.x_adv, atol=1e-9)
    some = torch.tensor([17, 3, 8])
    part = search(case.take(some), attack)
    assert equal(part[2:], [field[some] for field in whole[2:]])
    assert torch.allclose(part.x_adv, whole.x_adv[some], atol=1e-9)


def test_rounds_abreast_cost_as_much_as_rounds_in_a_row_and_keep_the_best_of_them() -> None:
    case = case_of()
    all_of_it, one_more = search(case, LONG), search(case, replace(LONG, rounds=9))
    still = ~all_of_it.nominated
    assert still.sum() > 10
    assert (all_of_it.gradients[still] == LONG.rounds * LONG.steps).all()
    assert (all_of_it.height[still] >= one_more.height[still]).all()
    assert (all_of_it.height[still] > one_more.height[still]).any()  # five draw apart from each other


def test_it_is_a_function_of_the_seed() -> None:
    case = case_of()
    assert equal(search(case), search(case))
    other = replace(case, draws=replace(case.draws, seed=4))
    assert not torch.equal(search(case).x_adv, search(other).x_adv)


@pytest.mark.parametrize("space", [IMAGE, WAVE, SEQUENCE], ids=["image", "wave", "sequence"])
def test_on_a_linear_model_it_comes_to_the_corner(space: Space) -> None:
    case = incline(space)
    x_adv = BasinHopping(rounds=20, near=ALL)(case.model, case.x, case.y, Linf(0.2))
    assert case.share_of_corner(x_adv, 0.2) > 0.999


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(("attack", "abreast"), [(HOPS, 1), (LONG, 5)], ids=["one by one", "abreast"])
def test_a_budget_ends_the_rounds(share: float, attack: BasinHopping, abreast: int) -> None:
    case = case_of()
    whole = search(case, attack).spent
    ended = search(replace(case, enough=lambda more: more > share * whole), attack)
    assert share * whole - len(case) * (abreast + FORWARD) <= ended.spent <= share * whole


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"rounds": 0}, "rounds is 0"),
        ({"looks": 2.5}, r"looks is 2\.5"),
        ({"steps": -1}, "steps is -1"),
        ({"near": -0.1}, r"near is -0\.1; it must be a number, at least 0"),
        ({"pace": float("nan")}, "pace is nan"),
        ({"objective": "loss"}, "objective is 'loss'"),
    ],
)
def test_parameters_are_refused_with_their_values(values: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        BasinHopping(**values)


@pytest.mark.parametrize("name", ["l1", "l0"])
def test_sets_without_patches_are_refused(name: str) -> None:
    model, x, y, _ = problem()
    with pytest.raises(InputError, match=r"does not work within l[01]:.*: linf, l2\."):
        BasinHopping()(model, x, y, threats(IMAGE)[name])


def test_annealed_steps_fall_along_half_a_cosine() -> None:
    sizes = annealed(1.0, 4)
    assert sizes == pytest.approx((1.0, 0.05 + 0.95 * (1 + 0.5**0.5) / 2, 0.525, 0.05 + 0.95 * (1 - 0.5**0.5) / 2))
    assert annealed(0.3, 1) == (0.3,)
    assert len(annealed(0.3, 7)) == 7
    assert min(annealed(0.3, 1000)) == pytest.approx(0.05, abs=1e-3)
    assert PGD(steps=4, schedule="annealed").budget == 4
    with pytest.raises(InputError, match="schedule is 'cosine'; choose one of constant, annealed"):
        PGD(schedule="cosine")
