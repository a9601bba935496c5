"""``brinell.attack``: one attack, judged."""

from typing import Any

import pytest
import torch

import brinell
from brinell.api import AttackResult, attack
from brinell.attacks import FGSM, PGD, Attack
from brinell.errors import InputTypeError
from brinell.goals import Toward
from brinell.statistics import Rate
from brinell.threats import Linf
from helpers import ATTACKS, IMAGE, WAVE, classifier, linear, points, problem, sets_of, threats

all_attacks = pytest.mark.parametrize("one", ATTACKS.values(), ids=ATTACKS)


def test_it_is_public() -> None:
    assert brinell.attack is attack
    assert brinell.AttackResult is AttackResult


@all_attacks
@pytest.mark.parametrize("which", [0, -1], ids=["first set", "last set"])
def test_rates_follow_from_rows(one: Attack, which: int) -> None:
    model, x, y, _ = problem(WAVE, n=30)
    result = attack(one, model, x, y, threats(WAVE, 0.08)[sets_of(one)[which]])
    right = model(x).argmax(1) == y
    assert result.clean_accuracy == Rate(int(right.sum()), 30)
    assert result.robust_accuracy == Rate(int((right & ~result.success).sum()), 30)
    assert result.robust_accuracy.hits <= result.clean_accuracy.hits
    assert torch.equal(result.prediction, model(result.x_adv).argmax(1))
    for field in (result.success, result.distance, result.prediction, result.gradients, result.forwards):
        assert field.shape == (30,)


@all_attacks
def test_rows_that_are_wrong_already_are_left_and_cost_nothing(one: Attack) -> None:
    model, x, y, _ = problem(WAVE, n=12)
    y[:5] = (model(x[:5]).argmax(1) + 1) % 3
    result = attack(one, model, x, y, threats(WAVE)["linf"])
    assert torch.equal(result.x_adv[:5], x[:5])
    assert result.success[:5].all()
    assert not result.distance[:5].any()
    cost = result.gradients + result.forwards
    assert not cost[:5].any()
    assert (cost[5:] > 0).all()


@all_attacks
def test_a_model_that_is_always_wrong_has_nothing_to_break(one: Attack) -> None:
    model, x, _, _ = problem(WAVE)
    result = attack(one, model, x, (model(x).argmax(1) + 1) % 3, threats(WAVE)["l2"])
    assert torch.equal(result.x_adv, x)
    assert result.success.all()
    assert (result.clean_accuracy.value, result.robust_accuracy.value) == (0.0, 0.0)


@all_attacks
def test_a_wrong_row_is_still_led_toward_a_wanted_label(one: Attack) -> None:
    model, x, _, _ = problem(WAVE, n=20)
    top = model(x).argmax(1)
    result = attack(one, model, x, (top + 1) % 3, threats(WAVE)["linf"], goal=Toward((top + 2) % 3))
    assert result.success.any()
    assert (result.gradients + result.forwards > 0).all()


def test_the_candidates_are_those_of_the_attack_alone() -> None:
    model, x, y, _ = problem(WAVE, n=12, dtype=torch.float64)
    result = attack(PGD(steps=4), model, x[1:], y[1:], threats(WAVE)["l2"], seed=3)
    alone = PGD(steps=4)(model, x[1:], y[1:], threats(WAVE)["l2"], seed=3)
    assert torch.allclose(result.x_adv, alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_the_batch_size_changes_nothing(batch: int) -> None:
    model, x, y, _ = problem(WAVE, n=12, dtype=torch.float64)
    whole = attack(PGD(steps=4), model, x, y, threats(WAVE)["l2"])
    parts = attack(PGD(steps=4), model, x, y, threats(WAVE)["l2"], batch_size=batch)
    assert torch.allclose(whole.x_adv, parts.x_adv, rtol=0, atol=1e-12)
    assert torch.equal(whole.success, parts.success)
    assert torch.equal(whole.gradients, parts.gradients)


def test_progress_counts_up_to_the_end() -> None:
    model, x, y, _ = problem(WAVE, n=50)
    seen: list[Any] = []
    attack(FGSM(), model, x, y, threats(WAVE)["linf"], batch_size=4, progress=lambda *told: seen.append(told))
    assert {label for label, _, _ in seen} == {"attacking"}
    done = [count for _, count, _ in seen]
    assert done == sorted(done)
    assert done[-1] == seen[-1][2] == 50
    assert len(seen) > 2


def test_what_progress_raises_ends_the_work() -> None:
    class Enough(Exception):
        pass

    def stop(*_: Any) -> None:
        raise Enough

    model, x, y, _ = problem(WAVE)
    with pytest.raises(Enough):
        attack(FGSM(), model, x, y, threats(WAVE)["linf"], progress=stop)


@pytest.mark.parametrize("wrong", [PGD, "pgd", None, lambda model, x, y: x])
def test_what_is_no_attack_is_refused_with_an_example(wrong: Any) -> None:
    with pytest.raises(InputTypeError, match=r"the attack is .*PGD\(steps=40\)"):
        attack(wrong, classifier(IMAGE, linear(IMAGE)), points(IMAGE), [0] * 9, Linf(0.1))
