"""Each recipe gives the gradients, or learns from the inputs, that its paper's formula gives when written out."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import toys
from torch import Tensor, nn

import brinell as br
from brinell.case import Case, make_case
from brinell.defenses import Recipe, lesson_of
from brinell.defenses.distillation import AtTemperature
from brinell.threats import Ball

SETS = [br.Linf(0.1), br.L2(0.5), br.L1(1.0), br.L0(3)]


class Noting(nn.Module):
    """A linear network that keeps the inputs it learns from."""

    def __init__(self, logits: int = 2) -> None:
        super().__init__()
        self.layer, self.learned = nn.Linear(toys.VALUES, logits), torch.empty(0)
        with torch.no_grad():
            self.layer.weight.copy_(torch.linspace(-1, 1, logits * toys.VALUES).reshape(logits, -1))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.learned = x.detach()
        out: Tensor = self.layer(x)
        return out


def case_of(model: br.Classifier, threat: Ball = toys.EPS, n: int = 64) -> Case:
    """Rows of the toy in the model's dtype, the model in train mode."""
    x, y = toys.toy(n)
    case = make_case(model.eval(), x.to(model.anchor.dtype), y, threat, goal=None, seed=0)
    model.train()
    return case


def gradients(model: br.Classifier) -> list[Tensor]:
    grads = [parameter.grad for parameter in model.parameters()]
    assert all(grad is not None and grad.abs().max() > 1e-5 for grad in grads)
    return [grad for grad in grads if grad is not None]


def same(ours: br.Classifier, theirs: br.Classifier) -> None:
    for mine, other in zip(gradients(ours), gradients(theirs), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-10)


def trades_loss(model: br.Classifier, case: Case, x_adv: Tensor, beta: float) -> Tensor:
    """The paper's loss in one expression, both graphs alive."""
    clean, near = model(case.x), model(x_adv)
    apart = F.kl_div(near.log_softmax(1), clean.softmax(1), reduction="batchmean")
    return F.cross_entropy(clean, case.y) + beta * apart


@pytest.mark.parametrize("threat", SETS, ids=str)
def test_trades_with_one_graph_at_a_time_has_the_papers_gradient(threat: Ball) -> None:
    ours, theirs = toys.untrained().double(), toys.untrained().double()
    case, recipe = case_of(ours, threat), br.TRADES(beta=3)
    x_adv = recipe.search(case, 1.0)
    loss = recipe.backward(case, 1.0)
    plain = trades_loss(theirs, case, x_adv, 3)
    plain.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(loss, plain.detach())
    same(ours, theirs)


def test_trades_climbs_the_divergence_and_stays_in_the_set() -> None:
    for threat in SETS:
        model = toys.untrained().double()
        case = case_of(model, threat)
        with torch.no_grad():
            clean = model(case.x)
        apart = [
            F.kl_div(model(x).log_softmax(1), clean.softmax(1), reduction="batchmean").item()
            for x in (case.x, br.TRADES(steps=2).search(case, 1.0), br.TRADES().search(case, 1.0))
        ]
        assert apart[0] < 1e-12
        assert apart[2] >= 0.9 * apart[1] > 1e-4
        x_adv = br.TRADES().search(case, 1.0)
        assert threat.contains(x_adv, case.x).all()
        assert model.bounds.contain(x_adv).all()


def test_batchnorm_in_trades_sees_clean_and_adversarial_inputs_once_each() -> None:
    model = br.Classifier(nn.Sequential(nn.BatchNorm1d(toys.VALUES), nn.Linear(toys.VALUES, 2)), (0, 1))
    br.TRADES(steps=1).backward(case_of(model), 1.0)
    assert int(model.net[0].num_batches_tracked) == 2  # type: ignore[index]


@pytest.mark.parametrize("inner", [br.PGDTraining(steps=3), br.TRADES(beta=2), br.FastFGSM(), br.NFGSM()], ids=repr)
def test_awp_learns_where_the_weights_are_worst(inner: Recipe) -> None:
    gamma = 0.05
    ours, theirs, there = (toys.untrained().double() for _ in range(3))
    case, before = case_of(ours), [p.detach().clone() for p in ours.parameters()]
    loss = br.AWP(inner, gamma=gamma).backward(case, 1.0)
    assert all(torch.equal(p, was) for p, was in zip(ours.parameters(), before, strict=True))
    x_adv = inner.search(case, 1.0)
    inner.learn(case_of(theirs), x_adv)
    with torch.no_grad():
        for p, q in zip(there.parameters(), theirs.parameters(), strict=True):
            assert q.grad is not None
            if p.dim() > 1:
                p.add_(gamma * q.norm() * q.grad / q.grad.norm())
    torch.testing.assert_close(loss, inner.learn(case_of(there), x_adv))
    same(ours, there)
    assert loss > inner.learn(case_of(theirs), x_adv)


def test_awp_adds_to_the_gradients_that_are_there() -> None:
    once, twice = toys.untrained().double(), toys.untrained().double()
    recipe = br.AWP(br.PGDTraining(steps=2))
    recipe.backward(case_of(once), 1.0)
    for _ in range(2):
        recipe.backward(case_of(twice), 1.0)
    for one, two in zip(gradients(once), gradients(twice), strict=True):
        torch.testing.assert_close(2 * one, two)


class Failing(nn.Module):
    """Learns once, then raises."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.layer, self.lessons = nn.BatchNorm1d(toys.VALUES), nn.Linear(toys.VALUES, 2), 0

    def forward(self, x: Tensor) -> Tensor:
        self.lessons += self.training
        if self.lessons > 1:
            raise ArithmeticError
        out: Tensor = self.layer(self.norm(x))
        return out


def test_awp_puts_the_weights_back_after_an_error() -> None:
    model = br.Classifier(Failing(), (0, 1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.net.layer.bias.grad = torch.ones(2)  # type: ignore[union-attr]
    with pytest.raises(ArithmeticError):
        br.AWP(br.PGDTraining(steps=1)).backward(case_of(model), 1.0)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items() if "norm" not in name)
    assert torch.equal(model.net.layer.bias.grad, torch.ones(2))  # type: ignore[union-attr]
    assert model.net.layer.weight.grad is None  # type: ignore[union-attr]


def test_batchnorm_in_awp_learns_from_the_second_pass_alone() -> None:
    model = br.Classifier(nn.Sequential(nn.BatchNorm1d(toys.VALUES), nn.Linear(toys.VALUES, 2)), (0, 1))
    br.AWP(br.PGDTraining(steps=1)).backward(case_of(model), 1.0)
    assert int(model.net[0].num_batches_tracked) == 1  # type: ignore[index]


def learned(recipe: Recipe, threat: Ball) -> tuple[Tensor, Case]:
    """What the recipe lets a linear network learn from."""
    net = Noting()
    case = case_of(br.Classifier(net, (0, 1)), threat)
    recipe.backward(case, 1.0)
    return net.learned, case


@pytest.mark.parametrize(("done", "share"), [(0.1, 0.6), (0.2, 1.2), (0.9, 1.2)])
def test_rel_eps_trains_in_a_larger_set_which_grows_like_the_asked_one(done: float, share: float) -> None:
    case = case_of(toys.untrained().double(), br.Linf(0.1))
    asked, larger = (br.PGDTraining(warmup=0.2, rel_eps=rel).search(case, done) for rel in (1.0, 1.2))
    for x_adv, most in ((asked, share / 1.2), (larger, share)):
        assert (x_adv - case.x).abs().max().item() == pytest.approx(0.1 * most, rel=1e-2)


def test_nfgsm_is_strong_noise_and_one_step_that_nobody_brings_back() -> None:
    """On a linear network the slope's sign is known: class 1 is lowered by the step for rows of class 1."""
    threat = br.Linf(0.1)
    x_adv, case = learned(br.NFGSM(), threat)
    noise = threat.scaled(2).sample(case.x, case.bounds.widened(), case.draws)
    weight = Noting().layer.weight
    sign = torch.where(case.y[:, None] == 1, (weight[0] - weight[1]).sign(), (weight[1] - weight[0]).sign())
    torch.testing.assert_close(x_adv, (noise + 0.1 * sign).clamp(0, 1))
    assert threat.distance(noise, case.x).max() > 0.19
    assert threat.distance(x_adv, case.x).max() > 0.25


@pytest.mark.parametrize("threat", SETS, ids=str)
def test_nfgsm_keeps_to_the_bounds_in_every_set(threat: Ball) -> None:
    x_adv, case = learned(br.NFGSM(), threat)
    assert case.bounds.contain(x_adv).all()
    assert not threat.contains(x_adv, case.x).all()


def test_gaussian_adds_noise_of_its_size_and_new_noise_in_every_epoch() -> None:
    x_adv, case = learned(br.Gaussian(sigma=0.3), toys.EPS)
    noise = x_adv - case.x
    assert abs(noise.mean()) < 0.03
    assert abs(noise.std() - 0.3) < 0.02
    assert not torch.equal(br.Gaussian(sigma=0.3).search(case.at(stage=1), 0.0), x_adv)


def test_distillation_learns_the_teachers_probabilities_at_its_temperature() -> None:
    ours, theirs, teacher = toys.untrained().double(), toys.untrained().double(), toys.untrained(seed=1).double()
    case = case_of(ours)
    br.DefensiveDistillation(temperature=5).backward(lesson_of(case, teacher=teacher), 0.0)
    wanted = (teacher(case.x) / 5).softmax(1).detach()
    (-(wanted * (theirs(case.x) / 5).log_softmax(1)).sum(1)).mean().backward()
    same(ours, theirs)
    ours.zero_grad()
    theirs.zero_grad()
    br.DefensiveDistillation(temperature=5).teacher().backward(case, 0.0)
    F.cross_entropy(theirs(case.x) / 5, case.y).backward()  # type: ignore[no-untyped-call]
    same(ours, theirs)


@pytest.mark.parametrize(
    "recipe",
    [br.NFGSM(), br.TRADES(steps=2), br.AWP(br.TRADES(steps=2)), br.Gaussian(), AtTemperature(temperature=3.0)],
    ids=repr,
)
def test_one_logit_learns_as_two(recipe: Recipe) -> None:
    """One logit ``z`` is the two logits (0, z), so a second weight row of zeros that is held changes nothing."""
    one = br.Classifier(nn.Linear(toys.VALUES, 1), (0, 1)).double()
    two = br.Classifier(nn.Linear(toys.VALUES, 2), (0, 1)).double()
    with torch.no_grad():
        for name in ("weight", "bias"):
            value = getattr(one.net, name)
            getattr(two.net, name).copy_(torch.cat([torch.zeros_like(value), value]))
    if isinstance(recipe, br.AWP):  # moves the row of zeros as well
        recipe.backward(case_of(one), 1.0)
        assert gradients(one)
        return
    losses = [recipe.backward(case_of(model), 1.0) for model in (one, two)]
    torch.testing.assert_close(losses[0], losses[1])
    for mine, other in zip(gradients(one), gradients(two), strict=True):
        torch.testing.assert_close(mine, other[1:], rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda: br.AWP(br.Standard()), r"recipe is Standard\(\); AWP needs one that searches"),
        (lambda: br.AWP(br.Tutorial()), r"recipe is Tutorial\(.*AWP needs"),
        (
            lambda: br.AWP("TRADES"),  # type: ignore[arg-type]
            r"recipe is 'TRADES'; .* such as PGDTraining\(\)",
        ),
        (lambda: br.TRADES(beta=0), "beta is 0; it must be above 0"),
        (lambda: br.TRADES(steps=0), "steps is 0"),
        (lambda: br.DefensiveDistillation(temperature=0), "temperature is 0; it must be above 0"),
        (lambda: br.Gaussian(sigma=-0.1), r"sigma is -0\.1"),
        (lambda: br.DefensiveDistillation().backward(case_of(toys.untrained()), 0.0), "learns from a teacher"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: Callable[[], Any], text: str) -> None:
    with pytest.raises(br.InputError, match=text):
        wrong()


@pytest.mark.parametrize("recipe", [br.NFGSM(), br.TRADES(), br.AWP()], ids=repr)
def test_a_model_without_slopes_is_refused(recipe: Recipe) -> None:
    class Blind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(toys.VALUES, 2)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.layer(x.detach().round())
            return out

    model = br.Classifier(Blind(), (0, 1))
    model.requires_grad_(False)
    with pytest.raises(br.InputError, match="no gradient with respect to its input"):
        recipe.backward(case_of(model), 1.0)
