"""Interval bounds enclose what the network computes, are exact where they can be, and refuse what they do not know."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from small import ACTIVATIONS, NETWORKS
from torch import Tensor, fx, nn

import brinell as br
from brinell.case import Case, make_case
from brinell.certificates import Arithmetic, IntervalBounds, margins
from brinell.errors import InputError, UnsupportedLayerError
from brinell.threats import Ball
from helpers import drawn_parameters, generator

UNIT = 2.0**-24
SETS = [br.Linf(0.05), br.L2(0.2), br.L1(0.4)]


def model_of(net: nn.Module, normalize: Any = None) -> br.Classifier:
    return br.Classifier(net, bounds=(0, 1), normalize=normalize).eval()


def case_of(net: nn.Module, shape: tuple[int, ...], threat: Ball, n: int = 6, normalize: Any = None) -> Case:
    x = torch.rand(n, *shape, generator=generator(0))
    model = model_of(net, normalize)
    with torch.no_grad():
        y = model(x).argmax(1)
    return make_case(model, x, y, threat, goal=None, seed=0)


def least(case: Case) -> Tensor:
    """The bounds of all margins, as a proof has them."""
    with torch.no_grad():
        return margins(case.model, case.x.double(), case.y, case.threat, bounds=case.model.bounds, how=Arithmetic(UNIT))


def measured(case: Case, x: Tensor) -> Tensor:
    with torch.no_grad():
        logits = case.model(x)
    return logits.gather(1, case.y[:, None]) - logits


def inside(case: Case) -> list[Tensor]:
    """Points of the set: random ones, far ones, and where PGD went for each class."""
    found = [case.threat.sample(case.x, case.bounds, case.at(restart=i).draws) for i in range(4)]
    for i in range(4):
        way = torch.randn(case.x.shape, generator=generator(i))
        found.append(case.threat.project(case.x + 10 * way, case.x, case.bounds))
    for label in range(measured(case, case.x).shape[1]):
        goal = br.Toward(torch.full_like(case.y, label))
        found.append(br.PGD(steps=5)(case.model, case.x, case.y, case.threat, goal=goal))
    return found


@pytest.mark.parametrize("threat", SETS, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_no_point_of_the_set_passes_the_bounds(name: str, threat: Ball) -> None:
    case = case_of(*NETWORKS[name], threat, normalize=None if name in ACTIVATIONS else (0.4, 0.3))
    below = least(case)
    assert below.shape == measured(case, case.x).shape
    assert (below.gather(1, case.y[:, None]) == 0).all()
    for x in inside(case):
        assert (measured(case, x) >= below).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_tiny_set_leaves_hardly_any_room(name: str) -> None:
    case = case_of(*NETWORKS[name], br.Linf(1e-9))
    torch.testing.assert_close(least(case), measured(case, case.x).double(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("threat", "dual"), [*zip(SETS, (1, 2, float("inf")), strict=True)], ids=str)
@pytest.mark.parametrize("logits", [1, 2, 5])
@pytest.mark.parametrize("normalize", [None, (0.4, 0.25)], ids=["raw", "normalised"])
def test_of_a_linear_model_they_are_exact(threat: Ball, dual: float, logits: int, normalize: Any) -> None:
    net = nn.Linear(6, logits)
    drawn_parameters(net, seed=logits)
    model = model_of(net, normalize)
    x = torch.full((4, 6), 0.5) + 0.02 * torch.randn(4, 6, generator=generator(1))
    y = model(x).argmax(1)
    case = make_case(model, x, y, threat, goal=None, seed=0)
    weight = net.weight.detach() / (1 if normalize is None else normalize[1])
    weight = F.pad(weight, (0, 0, 1, 0)) if logits == 1 else weight
    slope = torch.linalg.vector_norm(weight[y][:, None] - weight, ord=dual, dim=2)
    torch.testing.assert_close(least(case), (measured(case, x) - threat.eps * slope).double(), rtol=1e-4, atol=1e-4)


def test_the_bounds_of_the_input_count() -> None:
    case = case_of(*NETWORKS["linear"], br.Linf(0.7))
    corners = torch.stack([torch.tensor(corner) for corner in itertools.product((0.0, 1.0), repeat=6)])
    for row in range(len(case)):
        one = case.take(slice(row, row + 1))
        low, high = (case.x[row] - 0.7).clamp(0, 1), (case.x[row] + 0.7).clamp(0, 1)
        every = low + corners * (high - low)
        worst = torch.cat([measured(one, each[None]) for each in every]).amin(0)
        torch.testing.assert_close(least(one)[0], worst.double(), rtol=1e-4, atol=1e-5)


def test_a_hidden_layer_whose_units_all_stay_on_loses_nothing_in_the_last() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3))
    nn.init.eye_(net[0].weight)  # type: ignore[arg-type]
    nn.init.ones_(net[0].bias)  # type: ignore[arg-type]
    case = case_of(net, (4,), br.Linf(0.1))
    alone = case_of(nn.Sequential(net[2]), (4,), br.Linf(0.1))
    x = case.x * 0.6 + 0.2
    bounds = [
        margins(each.model, x.double(), case.y, case.threat, bounds=each.bounds, how=Arithmetic(UNIT))
        for each in (case, alone)
    ]
    shift = net[2](torch.ones(4)) - net[2].bias  # type: ignore[operator]
    torch.testing.assert_close(bounds[0] - bounds[1], (shift[case.y][:, None] - shift).double(), rtol=1e-4, atol=1e-4)


def test_they_hold_for_what_is_summed_up_in_float32() -> None:
    """A long sum that cancels: float32 misses the true logit by far more than a float64 bound would allow for."""
    n = 20_000
    net = nn.Linear(n, 2)
    with torch.no_grad():
        net.weight.copy_(1e3 * torch.randn(2, n, generator=generator(0)))
        net.bias.copy_(-(net.weight.double() @ torch.full((n,), 0.3, dtype=torch.float64)).float())
    x = torch.full((1, n), 0.3)
    orders = [torch.randperm(n, generator=generator(i)) for i in range(20)]
    sums = torch.stack([(net.weight.detach()[:, order] * x[:, order]).cumsum(1)[:, -1] + net.bias for order in orders])
    case = make_case(model_of(net), x, torch.tensor([0]), br.Linf(1e-12), goal=None, seed=0)
    differences = (sums[:, 0] - sums[:, 1]).detach()
    exact = margins(case.model, x.double(), case.y, case.threat, bounds=case.bounds, how=Arithmetic()).detach()[0, 1]
    assert (differences < exact - 1e-6).any()
    assert (differences >= least(case)[0, 1]).all()


@pytest.mark.parametrize("name", ["images", "one logit", "means"])
def test_a_proof(name: str) -> None:
    case = case_of(*NETWORKS[name], br.Linf(1e-3), n=20)
    wrong = case.take(torch.arange(20))
    wrong.y[:5] = 1 - wrong.y[:5].clamp(max=1)
    proof = IntervalBounds().prove(wrong)
    right = measured(wrong, wrong.x).gather(1, proof.prediction[:, None]).flatten() >= 0
    assert (proof.certified <= right).all()
    assert proof.certified.any()
    assert torch.equal(proof.certified, proof.strength > 0)
    again = IntervalBounds().prove(replace(wrong, batch=3))
    assert torch.equal(again.certified, proof.certified)
    torch.testing.assert_close(again.strength, proof.strength, rtol=1e-9, atol=1e-12)


def test_they_have_slopes_in_the_weights() -> None:
    net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)).double()
    x, y = torch.rand(5, 6, dtype=torch.float64, generator=generator(0)), torch.tensor([0, 1, 2, 0, 1])
    model = br.Classifier(net, bounds=(0, 1)).train()
    weight = net[0].weight

    def loss(value: Tensor) -> Tensor:
        with torch.no_grad():
            weight.copy_(value)
        how = Arithmetic()
        return F.cross_entropy(-margins(model, x, y, br.Linf(0.1), bounds=model.bounds, how=how), y)

    start = weight.detach().clone()
    (slope,) = torch.autograd.grad(loss(start), weight)
    way = torch.randn(start.shape, generator=generator(2), dtype=torch.float64)
    step = 1e-6
    rise = (loss(start + step * way) - loss(start - step * way)) / (2 * step)
    assert float(rise.detach()) == pytest.approx(float((slope * way).sum()), rel=1e-4)


class Asks(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, :2] if x.sum() > 0 else x[:, 1:3]


class Shares(nn.Module):
    """What a step changes in place, a later one reads."""

    def forward(self, x: Tensor) -> Tensor:
        middle = x - 0.5
        bent = F.relu(middle, inplace=True)
        return bent + middle


class Mixes(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


class Times(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x


class Sorts(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sort(1)[0]


def hooked() -> nn.Module:
    net = nn.Sequential(nn.Linear(6, 3))
    net[0].register_forward_hook(lambda module, given, out: out * 2)
    return net


REFUSED = {
    "layer": (nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6), nn.Linear(6, 3)),
              r"layer '1' \(LayerNorm\), step 2 of 3 of the network, after layer '0' \(Linear\)"),
    "first": (nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 3)), r"layer '0' \(LayerNorm\), step 1 of 2.*the first"),
    "call": (nn.Sequential(nn.Linear(6, 6), Sorts()), "the call of sort, step 2 of"),
    "squares": (nn.Sequential(nn.Linear(6, 6), Times()), "the call of mul.*both factors"),
    "asks": (Asks(), r"the network \(Asks\) cannot be traced"),
    "in place": (Shares(), "the call of relu.*changes in place what another step reads"),
    "mixes": (Mixes(), "the call of mean.*adds up the rows"),
    "hook": (hooked(), r"layer '0' \(Linear\) has a forward hook"),
    "no statistics": (nn.Sequential(nn.BatchNorm1d(6, track_running_stats=False)), "keeps no running statistics"),
    "falling": (nn.Sequential(nn.PReLU(init=-0.5)), "its slope is below 0"),
    "always random": (nn.Sequential(nn.Linear(6, 6), nn.Softmax(1)), r"\(Softmax\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_they_do_not_know_is_named_with_its_place(name: str) -> None:
    net, says = REFUSED[name]
    x = torch.rand(4, 6, generator=generator(0)) + 0.01
    model = model_of(net)
    case = make_case(model_of(nn.Linear(6, 3)), x.clamp(0, 1), torch.zeros(4, dtype=torch.int64), br.Linf(0.1),
                     goal=None, seed=0)  # fmt: skip
    with pytest.raises(UnsupportedLayerError, match=says):
        IntervalBounds().prove(replace(case, model=model))


def test_sets_and_precisions_without_bounds() -> None:
    case = case_of(*NETWORKS["linear"], br.L0(2))
    with pytest.raises(InputError, match=r"no interval bounds for the threat set l0:2.*linf, l2 or l1"):
        IntervalBounds().prove(case)
    half = model_of(nn.Linear(6, 3).bfloat16())
    with pytest.raises(InputError, match=r"works in bfloat16.*in float32"):
        IntervalBounds().prove(replace(case, model=half, threat=br.Linf(0.1)))


class Sanitiser(br.Classifier):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.round())


def test_a_classifier_with_a_forward_of_its_own_is_refused() -> None:
    case = case_of(*NETWORKS["linear"], br.Linf(0.1))
    with pytest.raises(UnsupportedLayerError, match="Sanitiser has a forward of its own"):
        IntervalBounds().prove(replace(case, model=Sanitiser(nn.Linear(6, 3), bounds=(0, 1)).eval()))


def test_parametrized_weights_and_layers_of_ones_own() -> None:
    class Own(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * 2

    normed = nn.utils.parametrizations.weight_norm(nn.Linear(6, 3))
    for net in (nn.Sequential(normed), nn.Sequential(Own(6, 3)), normed):
        case = case_of(net, (6,), br.Linf(0.05))
        for x in inside(case):
            assert (measured(case, x) >= least(case)).all()
        assert not isinstance(net, fx.GraphModule)  # traced, and left as it was
