"""Attacks are frozen values: they can be compared, printed and stored, and refuse parameters that make no sense."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import brinell
from brinell.attacks import BIM, FAB, FGSM, PGD, Attack, MomentumPGD, Square
from brinell.errors import InputError
from brinell.models import Classifier
from brinell.objectives import margin
from helpers import ATTACKS, IMAGE, problem, sets_of, threats

PARAMETERS = [
    (PGD, {"steps": 0}, r"steps is 0; .*at least 1"),
    (BIM, {"steps": -3}, r"steps is -3"),
    (MomentumPGD, {"steps": 2.5}, r"steps is 2\.5; .*whole number"),
    (PGD, {"steps": "40"}, r"steps is '40'"),
    (PGD, {"restarts": 0}, r"restarts is 0; .*at least 1"),
    (PGD, {"rel_step": 0.0}, r"rel_step is 0\.0.*share of eps, above 0"),
    (PGD, {"rel_step": -0.1}, r"rel_step is -0\.1"),
    (BIM, {"rel_step": float("nan")}, r"rel_step is nan"),
    (MomentumPGD, {"rel_step": float("inf")}, r"rel_step is inf"),
    (FGSM, {"objective": "loss"}, r"objective is 'loss'; choose one of cross_entropy, margin"),
    (BIM, {"objective": "loss"}, r"objective is 'loss'"),
    (PGD, {"objective": 3}, r"objective is 3"),
    (MomentumPGD, {"objective": None}, r"objective is None"),
    (Square, {"queries": 0}, r"queries is 0; .*at least 1"),
    (Square, {"restarts": 1.5}, r"restarts is 1\.5; .*whole number"),
    (Square, {"p": 0.0}, r"p is 0\.0; .*above 0, at most 1"),
    (Square, {"p": 1.1}, r"p is 1\.1"),
    (Square, {"objective": "loss"}, r"objective is 'loss'"),
    (FAB, {"steps": 0}, r"steps is 0; .*at least 1"),
    (FAB, {"restarts": -1}, r"restarts is -1"),
    (FAB, {"targets": -1}, r"targets is -1; .*0 for the nearest"),
    (FAB, {"targets": 2.0}, r"targets is 2\.0; .*whole number"),
    (FAB, {"bias": 1.5}, r"bias is 1\.5; bias lies in \[0, 1\]"),
    (FAB, {"overshoot": 0.9}, r"overshoot is 0\.9; .*at least 1"),
    (FAB, {"backward": 1.0}, r"backward is 1\.0; .*backward in \(0, 1\)"),
]


@pytest.mark.parametrize(("kind", "wrong", "said"), PARAMETERS)
def test_parameters_that_make_no_sense_are_refused(kind: type[Attack], wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        kind(**wrong)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_they_are_frozen_values(attack: Attack) -> None:
    fields: Any = dataclasses.fields(attack)  # type: ignore[arg-type]
    copy = type(attack)(**{field.name: getattr(attack, field.name) for field in fields})
    assert copy == attack
    assert hash(copy) == hash(attack)
    assert eval(repr(attack), dict(brinell.attacks.ATTACKS)) == attack  # noqa: S307 - our own text
    for field in fields:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(attack, field.name, 1)
    assert not hasattr(attack, "__dict__")


@pytest.mark.parametrize("kind", brinell.attacks.ATTACKS.values(), ids=brinell.attacks.ATTACKS)
def test_each_kind_says_what_it_needs_and_where_it_comes_from(kind: type[Attack]) -> None:
    assert kind.source.startswith("arXiv:")
    assert kind.source in (kind.__doc__ or "")
    assert kind.access in ("gradients", "scores")
    assert set(sets_of(kind())) <= set(brinell.threats.THREATS)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        assert field.name in (kind.__doc__ or "")


def scaled_margin(logits: Tensor, labels: Tensor) -> Tensor:
    return 7 * margin(logits, labels)


def test_an_objective_of_ones_own() -> None:
    model, x, y, _ = problem()
    own, named = PGD(steps=4, objective=scaled_margin), PGD(steps=4, objective="margin")
    assert torch.allclose(own(model, x, y, threats(IMAGE)["linf"]), named(model, x, y, threats(IMAGE)["linf"]))


def test_the_step_defaults_are_those_of_the_papers() -> None:
    model, x, y, _ = problem()
    threat = threats(IMAGE)["l2"]
    for default, told in (
        (PGD(steps=8), PGD(steps=8, rel_step=2.5 / 8)),
        (BIM(steps=8), BIM(steps=8, rel_step=1 / 8)),
        (MomentumPGD(steps=8), MomentumPGD(steps=8, rel_step=1 / 8, decay=1.0)),
    ):
        assert torch.equal(default(model, x, y, threat), told(model, x, y, threat))


def test_momentum_without_memory_is_bim() -> None:
    model, x, y, _ = problem(dtype=torch.float64)
    for name in ("linf", "l2"):
        threat = threats(IMAGE)[name]
        plain, without = BIM(steps=5), MomentumPGD(steps=5, decay=0.0)
        assert torch.allclose(plain(model, x, y, threat), without(model, x, y, threat), rtol=0, atol=1e-12)
        assert not torch.allclose(plain(model, x, y, threat), MomentumPGD(steps=5)(model, x, y, threat))


def test_momentum_by_hand() -> None:
    """g <- decay g + slope / |slope|_1, then a step along its sign: Dong et al. 2018, Algorithm 1."""
    model, x, y, _ = problem(n=5, dtype=torch.float64)
    threat, eps = threats(IMAGE, 0.01)["linf"], threats(IMAGE, 0.01)["linf"].eps
    x, y = x[1:], y[1:]
    memory, at = torch.zeros_like(x), x.clone()
    for _ in range(4):
        leaf = at.clone().requires_grad_()
        (slope,) = torch.autograd.grad(nn.functional.cross_entropy(model(leaf), y, reduction="sum"), leaf)
        memory = 0.7 * memory + slope / slope.abs().flatten(1).sum(1).reshape(-1, 1, 1, 1)
        at = (at + eps / 4 * memory.sign()).clamp(x - eps, x + eps).clamp(0, 1)
    found = MomentumPGD(steps=4, decay=0.7)(model, x, y, threat)
    assert model(at).argmax(1).eq(y).all()  # nobody left on the way, and nobody passed a better point
    assert torch.allclose(found, at, rtol=0, atol=1e-12)


class Root(nn.Module):
    """Its slope is infinite, or not a number, where a value is 0; as in models that take a root or a logarithm."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(48, 3)

    def forward(self, x: Tensor) -> Any:
        flat = x.flatten(1)
        return self.inner(flat.sqrt() + (0 * flat).sqrt())


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_undefined_slopes_do_not_lead_out_of_the_set(attack: Attack) -> None:
    model, x = Classifier(Root(), bounds=(0, 1)), problem().x
    assert (x == 0).any()
    for threat in (threats(IMAGE)[name] for name in sets_of(attack)):
        x_adv = attack(model, x, torch.zeros(9, dtype=torch.int64), threat)
        assert x_adv.isfinite().all()
        assert threat.contains(x_adv, x).all()


class Cut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(48, 3)

    def forward(self, x: Tensor) -> Any:
        return self.inner(x.flatten(1)).detach()


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_model_without_gradients_is_refused_with_the_remedy_by_who_needs_them(attack: Attack) -> None:
    if attack.access == "scores":
        found = attack(Classifier(Cut(), bounds=(0, 1)), problem().x, problem().y, threats(IMAGE)["linf"])
        assert found.shape == problem().x.shape
        return
    with pytest.raises(InputError, match=r"gives no gradient .*detach\(\)"):
        attack(Classifier(Cut(), bounds=(0, 1)), problem().x, problem().y, threats(IMAGE)["linf"])
