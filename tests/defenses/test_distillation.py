"""Defensive distillation looks robust to whoever climbs the cross-entropy, and is not."""

import pytest
import torch
import toys

import brinell as br

THREAT = br.Linf(0.15)


@pytest.fixture(scope="module")
def distilled() -> br.Classifier:
    """Teacher and student at temperature 100, on the toy that standard training does not survive."""
    return br.harden(
        toys.untrained(), toys.toy(600), THREAT, recipe=br.DefensiveDistillation(temperature=100), epochs=30, lr=5e-2,
        batch_size=32,
    )  # fmt: skip


def left(model: br.Classifier, attack: br.FGSM | br.PGD) -> float:
    return br.attack(attack, model, *toys.toy(400, 1), THREAT).robust_accuracy.value


def test_it_hides_the_slope_of_the_cross_entropy_and_nothing_else(distilled: br.Classifier) -> None:
    x, y = toys.toy(400, 1)
    leaf = x.clone().requires_grad_()
    logits = distilled(leaf)
    assert (logits.argmax(1) == y).float().mean() > 0.9
    losses = torch.nn.functional.cross_entropy(logits, y, reduction="none")
    (slope,) = torch.autograd.grad(losses.sum(), leaf)
    assert (slope.abs().amax(1) == 0).float().mean() > 0.5
    assert left(distilled, br.FGSM()) > 0.5
    assert left(distilled, br.PGD(steps=20, start="center")) > 0.5
    assert left(distilled, br.PGD(steps=20, objective="margin")) < 0.2


def test_the_audit_breaks_it_and_says_why(distilled: br.Classifier) -> None:
    audit = br.audit(distilled, tuple(toys.toy(400, 1)), THREAT, effort="quick")
    assert audit.clean_accuracy.value > 0.9
    assert audit.robust_accuracy.value < 0.2
