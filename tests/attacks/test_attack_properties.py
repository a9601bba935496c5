"""What every attack has to keep, over one table of attacks, one of threat sets and one of spaces."""

import dataclasses
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import brinell
from brinell.api import attack as run
from brinell.attacks import BIM, PGD, Attack
from brinell.case import make_case
from brinell.goals import Away, Goal, Toward
from brinell.models import Classifier
from brinell.threats import Linf
from helpers import (
    ATTACKS,
    DRAWING,
    IMAGE,
    SPACES,
    THREAT_NAMES,
    WAVE,
    Space,
    classifier,
    linear,
    pairs,
    points,
    threats,
)
from helpers import problem as make_problem

all_attacks = pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
all_sets = pytest.mark.parametrize("name", THREAT_NAMES)


def within(space: Space, x: Tensor) -> bool:
    bounds = space.bounds.to(x)
    return bool(((x >= bounds.low) & (x <= bounds.high)).all())


def goals(y: Tensor, classes: int) -> dict[str, Goal]:
    return {"away": Away(), "toward": Toward((y + 1) % classes), "toward one": Toward(0)}


def test_every_attack_has_a_row_here() -> None:
    assert {type(attack) for attack in ATTACKS.values()} == set(brinell.attacks.ATTACKS.values())


@pairs()
def test_candidates_stay_in_the_set_and_the_bounds(attack: Attack, name: str) -> None:
    """For every space; goals and dtypes take turns."""
    for turn, space in enumerate(SPACES.values(), list(ATTACKS.values()).index(attack)):
        dtype = (torch.float32, torch.float64)[turn % 2]
        threat, (model, x, y, classes) = threats(space)[name], make_problem(space, dtype=dtype)
        goal = [*goals(y, classes).values()][turn % 3]
        x_adv = attack(model, x, y, threat, goal=goal)
        assert (x_adv.shape, x_adv.dtype, x_adv.device) == (x.shape, dtype, x.device)
        assert not x_adv.requires_grad
        assert threat.contains(x_adv, x).all()
        assert within(space, x_adv)


@pairs()
def test_success_is_what_the_model_itself_says(attack: Attack, name: str) -> None:
    threat, (model, x, y, classes) = threats(WAVE)[name], make_problem(WAVE, n=40)
    for goal in goals(y, classes).values():
        result = run(attack, model, x, y, threat, goal=goal)
        with torch.no_grad():
            prediction = model(result.x_adv).argmax(1)
        labels = goal.bind(y, classes).labels if isinstance(goal, Toward) else None
        wanted = prediction != y if labels is None else (prediction == labels) & (labels != y)
        assert torch.equal(result.success, wanted)
        assert torch.equal(result.distance, threat.distance(result.x_adv, x))


@pairs()
def test_it_finds_something_and_misses_something(attack: Attack, name: str) -> None:
    """So that the other tests are not about empty sets."""
    model, x, y, _ = make_problem(WAVE, n=40)
    success = run(attack, model, x, y, threats(WAVE)[name]).success
    assert 4 <= int(success.sum()) <= 40
    small = run(attack, model, x, y, threats(WAVE, 0.05)[name]).success
    assert small.sum() < 40


@pairs()
def test_same_seed_same_bytes(attack: Attack, name: str) -> None:
    threat, (model, x, y, _) = threats(IMAGE)[name], make_problem(IMAGE)
    torch.manual_seed(1)
    one = attack(model, x, y, threat, seed=5)
    torch.manual_seed(2)
    assert torch.equal(one, attack(model, x, y, threat, seed=5))
    equal = pickle.loads(pickle.dumps(attack))  # noqa: S301 - our own bytes
    assert equal == attack
    assert torch.equal(one, equal(model, x, y, threat, seed=5))


@pairs(DRAWING)
def test_another_seed_and_another_id_start_elsewhere(attack: Attack, name: str) -> None:
    threat, (model, x, y, _) = threats(IMAGE)[name], make_problem(IMAGE)
    x, y = x[1:2].expand(6, *x.shape[1:]), y[1:2].expand(6)
    drawn = [attack(model, x, y, threat, seed=seed) for seed in range(3)]
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert len({tuple(row.flatten().tolist()) for row in torch.cat(drawn)}) > 6  # copies of one input differ
    same = attack(model, x, y, threat, ids=torch.full((6,), 3))
    torch.testing.assert_close(same, same[:1].expand_as(same), atol=1e-4, rtol=0)  # rows may round differently
    assert torch.allclose(same[0], drawn[0][3], rtol=0, atol=1e-5)


@pairs()
def test_a_row_does_not_depend_on_batch_order_or_who_left(attack: Attack, name: str) -> None:
    threat = threats(WAVE, 0.08)[name]
    model, x, y, _ = make_problem(WAVE, n=14, dtype=torch.float64)
    whole = attack(model, x, y, threat)
    order = torch.randperm(14, generator=torch.Generator().manual_seed(0))
    shuffled = attack(model, x[order], y[order], threat, ids=order)
    assert torch.allclose(shuffled, whole[order], rtol=0, atol=1e-12)
    for i in (0, 6, 13):
        alone = attack(model, x[i : i + 1], y[i : i + 1], threat, ids=[i])
        assert torch.allclose(alone, whole[i : i + 1], rtol=0, atol=1e-12)
    for batch in (2, 6):
        case = make_case(model, x, y, threat, goal=None, seed=0, batch=batch)
        assert torch.allclose(attack.run(case).x_adv, whole, rtol=0, atol=1e-12)


@pairs()
def test_a_wanted_label_that_is_the_truth_is_never_reached(attack: Attack, name: str) -> None:
    model, x, y, _ = make_problem(WAVE, n=12)
    result = run(attack, model, x, y, threats(WAVE)[name], goal=Toward(y))
    assert not result.success.any()
    assert result.robust_accuracy.hits == result.clean_accuracy.hits


@all_attacks
def test_a_tie_is_no_success(attack: Attack) -> None:
    """A model that has no opinion is not broken, however hard one presses."""
    model = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(24, 3)), bounds=(-1, 1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    x, y = points(WAVE, 6), torch.tensor([0, 1, 2, 0, 1, 2])
    for goal in goals(y, 3).values():
        assert not run(attack, model, x, y, threats(WAVE)["linf"], goal=goal).success.any()


@all_attacks
@pytest.mark.parametrize("classes", [2, 3, 1000])
def test_any_number_of_classes(attack: Attack, classes: int) -> None:
    model, x, y, _ = make_problem(IMAGE, classes)
    for goal in goals(y, classes).values():
        result = run(attack, model, x, y, threats(IMAGE)["linf"], goal=goal)
        assert result.x_adv.shape == x.shape
        assert result.success.shape == y.shape


class Wrapped(nn.Module):
    """A linear network that hands its logits over in the shape asked for."""

    def __init__(self, classes: int, shape: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.inner, self.shape = linear(WAVE, classes), shape

    def forward(self, x: Tensor) -> Any:
        return self.shape(self.inner(x))


@all_attacks
@pytest.mark.parametrize("name", ["linf", "l2"])
def test_one_logit_is_two_classes(attack: Attack, name: str) -> None:
    """(N, 1), (N,), and a squeeze that turns a batch of one into a number."""
    x, threat = points(WAVE, 9, dtype=torch.float64), threats(WAVE)[name]
    found = []
    for shape in (torch.clone, torch.flatten, torch.squeeze):
        model = classifier(WAVE, Wrapped(1, shape), torch.float64)
        y = (model(x)[:, 1] > 0).long()
        found.append(attack(model, x, y, threat))
        assert run(attack, model, x[:1], y[:1], threat).success.shape == (1,)
    assert all(torch.equal(found[0], other) for other in found[1:])


WRAPPINGS: dict[str, Callable[[Tensor], Any]] = {
    "dict": lambda logits: {"loss": None, "logits": logits},
    "tuple": lambda logits: (logits, -logits),
    "object": dataclasses.make_dataclass("Output", ["logits"]),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS.values(), ids=WRAPPINGS)
def test_what_models_wrap_around_their_logits_changes_nothing(wrapping: Callable[[Tensor], Any]) -> None:
    x, threat = points(WAVE), threats(WAVE)["l2"]
    plain, wrapped = classifier(WAVE, linear(WAVE, 3)), classifier(WAVE, Wrapped(3, wrapping))
    y = plain(x).argmax(1)
    assert torch.equal(PGD(steps=4)(plain, x, y, threat), PGD(steps=4)(wrapped, x, y, threat))


@all_attacks
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_precision_network_is_attacked_in_float32(attack: Attack, dtype: torch.dtype) -> None:
    """Near 1 two neighbouring bfloat16 numbers lie 0.0078 apart: steps are not to be rounded to that."""
    model, x, _, _ = make_problem(IMAGE, n=20)
    model.net.to(dtype)
    y = model(x).argmax(1)
    for threat in (Linf("2/255"), threats(IMAGE)["l2"]):
        result = run(attack, model, x, y, threat)
        assert result.x_adv.dtype == torch.float32
        assert threat.contains(result.x_adv, x).all()
        assert torch.equal(result.success, Away().reached(model(result.x_adv), y))  # ties are common in few digits
    assert result.success.any()


def test_what_users_hand_over_is_understood() -> None:
    """numpy arrays, integers, lists; the result is a tensor in the model's dtype."""
    model, x, y, _ = make_problem(Space((5,), 0.0, 255.0), dtype=torch.float64)
    threat, x = threats(Space((5,), 0.0, 255.0))["linf"], x.round()
    wanted = BIM(steps=3)(model, x, y, threat)
    for given in (x.numpy(), x.float(), x.to(torch.uint8), x.to(torch.uint8).numpy(), x.tolist()):
        assert torch.equal(BIM(steps=3)(model, given, y.numpy().astype(np.int32), threat), wanted)


def test_arguments_are_not_changed() -> None:
    model, x, y, _ = make_problem()
    x.requires_grad_()
    before = x.detach().clone(), y.clone()
    for attack in ATTACKS.values():
        attack(model, x, y, threats(IMAGE)["linf"])
    assert torch.equal(x.detach(), before[0])
    assert torch.equal(y, before[1])
    assert x.grad is None


# --- more effort never hurts ------------------------------------------------------------------------------------


def never_worse(less: Any, more: Any) -> bool:
    """By (goal reached, height), up to rounding."""
    kept = more.nominated | ~less.nominated
    higher = less.nominated | more.nominated | (more.height >= less.height - 1e-12)
    return bool((kept & higher).all())


@all_sets
@pytest.mark.parametrize("objective", ["cross_entropy", "margin"])
@pytest.mark.parametrize("goal", ["away", "toward"])
def test_more_steps_of_the_same_size_never_lower_the_best_objective(name: str, objective: str, goal: str) -> None:
    model, x, y, classes = make_problem(WAVE, n=20, dtype=torch.float64)
    case = make_case(model, x, y, threats(WAVE, 0.04)[name], goal=goals(y, classes)[goal], seed=0)
    found = [PGD(steps=n, rel_step=0.3, objective=objective).run(case) for n in (1, 2, 3, 5, 9)]
    assert all(never_worse(*pair) for pair in pairwise(found))
    assert (found[-1].height > found[0].height).any()


@all_sets
def test_restarts_never_hurt(name: str) -> None:
    model, x, y, _ = make_problem(WAVE, n=20, dtype=torch.float64)
    case = make_case(model, x, y, threats(WAVE, 0.04)[name], goal=None, seed=0)
    found = [PGD(steps=2, restarts=n).run(case) for n in (1, 2, 3, 5)]
    assert all(never_worse(*pair) for pair in pairwise(found))
    assert (found[-1].height > found[0].height).any()


@pairs()
def test_the_height_that_is_reported_is_that_of_the_candidate(attack: Attack, name: str) -> None:
    model, x, y, _ = make_problem(WAVE, n=20, dtype=torch.float64)
    case = make_case(model, x, y, threats(WAVE, 0.06)[name], goal=None, seed=0)
    found = attack.run(case)
    objective = brinell.objectives.resolve(getattr(attack, "objective", "margin"))
    aims = case.goal.aims(model(x), y, attack.targets) if getattr(attack, "targets", 0) else [case.goal]
    heights = torch.stack([aim.gain(objective, model(found.x_adv), y) for aim in aims])
    looked = found.height > -torch.inf
    assert ((found.height - heights)[:, looked].abs().amin(0) < 1e-9).all()
    reached = case.goal.reached(model(found.x_adv), y)
    assert torch.equal(found.nominated[looked], reached[looked])


@all_attacks
def test_the_cost_is_counted_by_row(attack: Attack) -> None:
    """At most one gradient a step and restart; a row that falls stops costing."""
    model, x, y, _ = make_problem(WAVE, n=20)
    case = make_case(model, x, y, threats(WAVE)["linf"], goal=None, seed=0, batch=8)
    calls: list[int] = []
    model.register_forward_hook(lambda _, inputs, __: calls.append(len(inputs[0])))
    found = attack.run(case)
    cost = found.forwards if attack.access == "scores" else found.gradients
    assert (cost <= attack.budget).all()
    assert attack.access == "gradients" or not found.gradients.any()
    assert int((found.gradients + found.forwards).sum()) <= sum(calls)
    if attack.budget > 1:
        assert cost[0] <= getattr(attack, "samples", 1)  # it was wrong to begin with
        assert cost.max() > cost.min()
