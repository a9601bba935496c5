"""The model, and the world around it, are as they were: modes, parameters, gradients, buffers, hooks, random state."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from brinell.api import attack as run
from brinell.attacks import FGSM, PGD, Attack
from brinell.goals import Toward
from brinell.models import Classifier, evaluating, same_random_state
from helpers import ATTACKS, IMAGE, drawn_parameters, points, threats


class Restless(nn.Module):
    """A forward pass that draws, counts in place, and puts a new tensor in a buffer's place."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("last", torch.zeros(1))
        self.register_buffer("nothing", None)

    def forward(self, x: Tensor) -> Tensor:
        self.calls: Tensor = self.calls.add_(1)
        self.last = x.detach().mean().reshape(1)
        return x + 0.0 * (torch.rand(1) + np.random.rand() + random.random())


class Moody(nn.Dropout):
    """A module with a will of its own about modes, as frozen BatchNorm layers in detection networks have."""

    def train(self, mode: bool = True) -> "Moody":
        for parameter in self.parameters():
            parameter.requires_grad_(mode)
        return super().train(False)


@pytest.fixture
def net() -> nn.Sequential:
    """Half frozen, modes mixed, gradients there already."""
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), Moody(0.1), Restless()]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 3))
    drawn_parameters(net, 0)
    net.train()
    net[1].eval()  # one BatchNorm frozen in the midst of training
    net[4].training = True
    net[0].weight.requires_grad_(False)
    net[7].bias.grad = torch.full((3,), 7.0)
    return net


def state(model: nn.Module) -> dict[str, Any]:
    return {
        "modes": [(id(module), module.training) for module in model.modules()],
        "wanted": [(id(parameter), parameter.requires_grad) for parameter in model.parameters()],
        "values": [parameter.detach().clone() for parameter in model.parameters()],
        "grads": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        "buffers": [(name, id(buffer), buffer.clone()) for name, buffer in model.named_buffers()],
        "hooks": [(len(m._forward_hooks), len(m._backward_hooks)) for m in model.modules()],
        "torch": torch.get_rng_state(),
        "numpy": list(np.random.get_state(legacy=True)),
        "python": random.getstate(),
        "grad mode": torch.is_grad_enabled(),
    }


def same(one: Any, two: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, two)
    if isinstance(one, np.ndarray):
        return bool((one == two).all())
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(same(*pair) for pair in zip(one, two, strict=True))
    return bool(one == two)


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    before = state(model)
    yield
    after = state(model)
    assert [name for name in before if not same(before[name], after[name])] == []


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("verb", ["call", "judged"])
def test_an_attack_leaves_the_model_as_it_was(attack: Attack, verb: str, net: nn.Sequential) -> None:
    model, x, y = Classifier(net, bounds=(0, 1)), points(IMAGE, 5), torch.tensor([0, 1, 2, 0, 1])
    seen: list[bool] = []
    net[2].register_forward_hook(lambda module, *_: seen.append(module.training))
    with untouched(model):
        if verb == "call":
            attack(model, x, y, threats(IMAGE)["linf"])
        else:
            run(attack, model, x, y, threats(IMAGE)["linf"], goal=Toward(0))
    assert seen
    assert not any(seen)  # hooks were called, in eval mode


class Failing(nn.Module):
    """Fails at the call of that number, in the forward pass or in the backward."""

    def __init__(self, at: int, where: str) -> None:
        super().__init__()
        self.left, self.where = at, where

    def forward(self, x: Tensor) -> Tensor:
        self.left -= 1
        if self.left == 0 and self.where == "forward":
            raise RuntimeError("out of luck")
        if self.where == "backward" and x.requires_grad:
            x = x * 1
            x.register_hook(self.backward)  # type: ignore[no-untyped-call]
        return x

    def backward(self, grad: Tensor) -> Tensor:
        raise RuntimeError("out of luck")


@pytest.mark.parametrize(("at", "where"), [(1, "forward"), (2, "forward"), (4, "forward"), (1, "backward")])
def test_a_failure_leaves_the_model_as_it_was(at: int, where: str, net: nn.Sequential) -> None:
    model = Classifier(nn.Sequential(Failing(at, where), net), bounds=(0, 1))
    x, y = points(IMAGE, 5), torch.tensor([0, 1, 2, 0, 1])
    with untouched(model), pytest.raises(RuntimeError, match="out of luck"):
        PGD(steps=6)(model, x, y, threats(IMAGE)["linf"])


def test_wrong_use_leaves_the_model_as_it_was(net: nn.Sequential) -> None:
    model = Classifier(net, bounds=(0, 1))
    with untouched(model), pytest.raises(ValueError, match="out of range"):
        FGSM()(model, points(IMAGE, 2), [0, 9], threats(IMAGE)["linf"])


def test_parameters_get_no_gradients() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, 3))
    PGD(steps=3)(Classifier(net, bounds=(0, 1)), points(IMAGE, 4), [0, 1, 2, 0], threats(IMAGE)["l2"])
    assert all(parameter.grad is None and parameter.requires_grad for parameter in net.parameters())


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_an_attack_works_where_gradients_are_switched_off(context: Callable[[], Any]) -> None:
    """Evaluation code often stands under ``no_grad``; the attack needs its gradients all the same."""
    net = drawn_parameters(nn.Sequential(nn.Flatten(), nn.Linear(48, 3)), 0)
    model, x = Classifier(net, bounds=(0, 1)), points(IMAGE, 4)
    wanted = PGD(steps=3)(model, x, [0, 1, 2, 0], threats(IMAGE)["l2"])
    with context(), untouched(model):
        found = PGD(steps=3)(model, x.clone(), [0, 1, 2, 0], threats(IMAGE)["l2"])
    assert torch.equal(found, wanted)


def test_evaluating_is_eval_mode_with_frozen_parameters(net: nn.Sequential) -> None:
    with untouched(net), evaluating(net):
        assert not any(module.training for module in net.modules())
        assert not any(parameter.requires_grad for parameter in net.parameters())


def test_buffers_that_are_nan_are_put_back(net: nn.Sequential) -> None:
    mean = dict(net.named_buffers())["1.running_mean"]
    mean.fill_(float("nan"))
    with evaluating(net):
        mean.fill_(1.0)
    assert mean.isnan().all()


def draw() -> tuple[float, float, float]:
    return torch.rand(()).item(), float(np.random.rand()), random.random()


@pytest.mark.parametrize("seed", [0, -1, 2**31, 2**64 + 3, -(2**70)])
def test_what_a_model_draws_is_a_function_of_the_seed(seed: int) -> None:
    with same_random_state(seed):
        one = draw()
    draw()
    with same_random_state(seed):
        two = draw()
    with same_random_state(seed + 1):
        three = draw()
    assert one == two
    assert not set(one) & set(three)


def test_without_a_seed_the_random_state_goes_on_and_is_given_back() -> None:
    torch.manual_seed(3)
    np.random.seed(3)
    random.seed(3)
    with same_random_state():
        one = draw()
    assert draw() == one


def test_a_random_model_gives_the_same_attack_for_the_same_seed() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = drawn_parameters(nn.Linear(48, 3), 0)

        def forward(self, x: Tensor) -> Any:
            return self.inner(x.flatten(1) + 0.1 * torch.randn(len(x), 48))

    model, x = Classifier(Noisy(), bounds=(0, 1)), points(IMAGE, 4)
    one, two, three = (PGD(steps=4)(model, x, [0, 1, 2, 0], threats(IMAGE)["l2"], seed=s) for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, three)
