"""The tutorial's recipe with one graph at a time gives the gradients of the usual loop, which keeps two."""

import pytest
import torch
import toys
from torch import Tensor, nn

import brinell as br
from brinell.case import make_case
from brinell.threats import Ball


def usual_loop(model: br.Classifier, x: Tensor, y: Tensor, threat: Ball, weights: tuple[float, float]) -> Tensor:
    """``weights`` times clean and FGSM loss, the graph of the first kept for the second; returns the loss."""
    leaf = x.clone().requires_grad_()
    loss = nn.functional.cross_entropy(model(leaf), y)
    (slope,) = torch.autograd.grad(loss, leaf, retain_graph=True)
    if isinstance(threat, br.Linf):
        step = threat.eps * slope.sign()
    else:
        step = threat.eps * slope / slope.flatten(1).norm(dim=1)[:, None]
    x_adv = (x + step).clamp(0, 1).detach()
    both = weights[0] * loss + weights[1] * nn.functional.cross_entropy(model(x_adv), y)
    both.backward()  # type: ignore[no-untyped-call]
    return both.detach()


@pytest.mark.parametrize("threat", [br.Linf(0.05), br.Linf(0.3), br.L2(0.02)], ids=str)
@pytest.mark.parametrize("weights", [(0.5, 0.5), (1.0, 0.25)])
def test_gradients_are_those_of_the_usual_loop(threat: Ball, weights: tuple[float, float]) -> None:
    x, y = toys.toy(64)
    x = x.double() * 0.5 + 0.25  # away from the bounds, where the L2 step of the recipe goes around corners
    ours, theirs = toys.untrained().double().train(), toys.untrained().double().train()
    case = make_case(ours, x, y, threat, goal=None, seed=0)
    loss = br.Tutorial(clean_weight=weights[0], adversarial_weight=weights[1]).backward(case, 0.0)
    torch.testing.assert_close(loss, usual_loop(theirs, x, y, threat, weights), rtol=1e-6, atol=1e-9)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.grad is not None
        assert other.grad is not None
        assert other.grad.abs().max() > 1e-4
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-6, atol=1e-9)


def test_it_answers_fgsm_and_falls_to_pgd() -> None:
    train, test = toys.toy(600), toys.toy(400, 1)
    model = br.harden(toys.untrained(), train, toys.WIDE, recipe=br.Tutorial(), epochs=8, lr=1e-2)
    fgsm = br.attack(br.FGSM(), model, *test, toys.WIDE).robust_accuracy.value
    assert fgsm > toys.robust(model, test, toys.WIDE) + 0.3
