"""Attacks on a GPU: on the model's device, in the set, reproducible, and about what the CPU finds."""

import pytest
import torch

from brinell.api import attack as run
from brinell.attacks import Attack
from helpers import ATTACKS, IMAGE, pairs, problem, threats

pytestmark = pytest.mark.cuda


@pairs()
def test_inputs_move_to_the_model_and_stay_in_the_set(attack: Attack, name: str) -> None:
    threat, (model, x, y, _) = threats(IMAGE)[name], problem(n=40)
    model = model.cuda()
    x_adv = attack(model, x, y, threat, seed=1)  # x and y are on the CPU
    assert x_adv.is_cuda
    assert threat.contains(x_adv, x.cuda()).all()
    assert ((x_adv >= 0) & (x_adv <= 1)).all()
    assert torch.equal(x_adv, attack(model, x.cuda(), y.cuda(), threat, seed=1))


@pairs()
def test_cpu_and_gpu_find_the_same(attack: Attack, name: str) -> None:
    """In float64; a step at a tie of slopes may fall the other way, so most rows, not all."""
    threat, (model, x, y, _) = threats(IMAGE)[name], problem(n=40, dtype=torch.float64)
    here = run(attack, model, x, y, threat)
    there = run(attack, model.cuda(), x, y, threat)
    alike = (here.x_adv - there.x_adv.cpu()).abs().flatten(1).amax(1) < 1e-6
    assert alike.double().mean() > 0.9
    assert (here.success == there.success.cpu()).double().mean() > 0.9


def test_the_random_state_of_the_gpu_is_given_back() -> None:
    model, x, y, _ = problem()
    state = torch.cuda.get_rng_state()
    ATTACKS["PGD"](model.cuda(), x, y, threats(IMAGE)["l2"])
    assert torch.equal(state, torch.cuda.get_rng_state())
