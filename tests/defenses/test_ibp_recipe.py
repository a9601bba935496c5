"""IBP: what is trained on bounds can be proved; where it starts, and what it remembers."""

import math

import pytest
import torch
import toys
from torch import Tensor, nn

import brinell as br
from brinell.case import Case, make_case
from brinell.errors import InputError, UnsupportedLayerError


def batch(model: br.Classifier, n: int = 40) -> Case:
    x, y = toys.toy(n)
    case = make_case(model.eval(), x, y, toys.EPS, goal=None, seed=0)
    model.train()
    return case


def normed() -> br.Classifier:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(toys.VALUES, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 2))
    return br.Classifier(net, bounds=(0, 1))


def test_what_it_trains_can_be_proved() -> None:
    test = toys.toy(400, 1)
    plain = br.harden(normed(), toys.toy(), toys.EPS, recipe=br.Standard(), epochs=8, lr=1e-2)
    hard = br.harden(normed(), toys.toy(), toys.EPS, recipe=br.IBP(), epochs=20, batch_size=30, lr=1e-2)
    assert br.certify(plain, test, toys.EPS).certified_accuracy.value < 0.2
    proof = br.certify(hard, test, toys.EPS)
    assert proof.certified_accuracy.value > 0.85
    assert toys.robust(hard, test) >= proof.certified_accuracy.value


def test_it_starts_from_weights_of_its_own() -> None:
    model = br.Classifier(nn.Sequential(nn.Conv2d(3, 64, 5), nn.Flatten(), nn.Linear(6400, 50)), bounds=(0, 1))
    model.net[2].weight.requires_grad_(False)  # type: ignore[union-attr]
    kept = model.net[2].weight.detach().clone()  # type: ignore[union-attr]
    br.IBP().prepare(model, 0)
    weight = model.net[0].weight.detach().clone()  # type: ignore[union-attr]
    assert float(weight.std()) == pytest.approx(math.sqrt(2 * math.pi) / 75, rel=0.05)
    assert torch.equal(model.net[2].weight, kept)  # type: ignore[union-attr, arg-type]
    assert (model.net[0].bias == 0).all()  # type: ignore[union-attr, operator]
    br.IBP(keep=True).prepare(model, 1)
    assert torch.equal(model.net[0].weight, weight)  # type: ignore[union-attr, arg-type]
    br.IBP().prepare(model, 1)
    assert not torch.equal(model.net[0].weight, weight)  # type: ignore[union-attr, arg-type]


def gradients(recipe: br.IBP, done: float) -> tuple[float, list[Tensor]]:
    model = normed()
    loss = float(recipe.backward(batch(model), done))
    return loss, [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


def test_eps_grows_and_the_regularisers_fade() -> None:
    plain = [gradients(br.IBP(regularize=0.0), done)[0] for done in (0.0, 0.1, 0.2, 0.35, 0.9)]
    assert plain == sorted(plain)
    assert plain[-1] == plain[-2] > 1.5 * plain[0]
    more = [gradients(br.IBP(regularize=0.5), done)[0] for done in (0.0, 0.1, 0.2, 0.35, 0.9)]
    assert more[0] > plain[0]
    assert more[-2:] == plain[-2:]


def test_gradients_are_added_to_those_that_are_there() -> None:
    _, once = gradients(br.IBP(), 0.5)
    model = normed()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    br.IBP().backward(batch(model), 0.5)
    for parameter, alone in zip(model.parameters(), once, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, alone + 1)


def test_with_all_weight_on_the_clean_loss_it_is_that() -> None:
    model = normed()
    case = batch(model)
    loss = br.IBP(clean=1.0, regularize=0.0).backward(case, 0.9)
    with torch.no_grad():
        torch.testing.assert_close(loss, nn.functional.cross_entropy(model(case.x), case.y))


def test_batchnorm_remembers_the_middles() -> None:
    model = normed()
    case = batch(model)
    br.IBP(regularize=0.0).backward(case, 0.0)  # at next to no eps: the inputs themselves
    layer = model.net[1]
    with torch.no_grad():
        seen = model.net[0](case.x)
    assert isinstance(layer, nn.BatchNorm1d)
    torch.testing.assert_close(layer.running_mean, 0.1 * seen.mean(0), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(layer.running_var, 0.9 + 0.1 * seen.var(0), rtol=1e-3, atol=1e-4)
    assert int(layer.num_batches_tracked) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["warmup", "rel_eps", "clean", "regularize"])
def test_numbers_that_make_no_sense(name: str) -> None:
    for value in (-1.0, float("nan"), float("inf"), *([2.0] if name in ("warmup", "clean") else [])):
        with pytest.raises(InputError, match=f"{name} is {value}"):
            br.IBP(**{name: value})  # type: ignore[arg-type]


def test_bounds_stay_exact_where_passes_are_in_bfloat16() -> None:
    model = normed()
    case = batch(model)
    plain = br.IBP().backward(case, 0.5)
    again = normed()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(br.IBP().backward(batch(again), 0.5), plain)


def test_wrong_use() -> None:
    net = nn.Sequential(nn.Linear(toys.VALUES, 8), nn.LayerNorm(8), nn.Linear(8, 2))
    with pytest.raises(UnsupportedLayerError, match=r"layer '1' \(LayerNorm\), step 2 of 3"):
        br.harden(br.Classifier(net, bounds=(0, 1)), toys.toy(), toys.EPS, recipe=br.IBP(), epochs=1)
    with pytest.raises(InputError, match="no interval bounds for the threat set l0:"):
        br.harden(normed(), toys.toy(), br.L0(3), recipe=br.IBP(), epochs=1)
