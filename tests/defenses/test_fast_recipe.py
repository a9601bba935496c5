"""FastFGSM starts anywhere in the set and clips last; what a start within the bounds would do is what it avoids."""

import torch
from torch import Tensor, nn

import brinell as br
from brinell.case import make_case

EPS = 0.25


class Noting(nn.Module):
    """A linear network that keeps the inputs it learns from."""

    def __init__(self, values: int) -> None:
        super().__init__()
        self.layer, self.learned = nn.Linear(values, 1), torch.empty(0)
        nn.init.constant_(self.layer.weight, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.learned = x.detach()
        out: Tensor = self.layer(x)
        return out


def learned_from(x: Tensor, recipe: br.FastFGSM) -> Tensor:
    """What the recipe makes of rows of class 0 at full eps; the slope is positive everywhere."""
    net = Noting(x[0].numel())
    model = br.Classifier(net, bounds=(0, 1)).train()
    recipe.backward(make_case(model, x, torch.zeros(len(x), dtype=torch.int64), br.Linf(EPS), goal=None, seed=0), 1.0)
    return net.learned


def test_beside_a_bound_the_inputs_are_those_of_the_paper() -> None:
    """A start in -eps..eps and a step of 1.25 eps end at eps for 5 of 8 starts, and evenly above eps / 4 for others."""
    x_adv = learned_from(torch.zeros(200, 50), br.FastFGSM())
    assert x_adv.min() >= 0.24 * EPS
    assert x_adv.max() <= EPS * (1 + 1e-6)
    corner = x_adv >= EPS * (1 - 1e-6)
    assert abs(corner.float().mean() - 0.625) < 0.02
    middle = x_adv[~corner].median()
    assert abs(middle - 0.625 * EPS) < 0.02 * EPS


def test_what_it_learns_from_lies_in_set_and_bounds() -> None:
    x = torch.rand(200, 50, generator=torch.Generator().manual_seed(0))
    for threat in (br.Linf(0.3), br.L2(2.0), br.L1(5.0), br.L0(6)):
        net = Noting(50)
        model = br.Classifier(net, bounds=(0, 1)).train()
        br.FastFGSM().backward(make_case(model, x, torch.zeros(200).long(), threat, goal=None, seed=0), 1.0)
        assert threat.contains(net.learned, x).all()
        assert model.bounds.contain(net.learned).all()
