"""APGD: its schedule and steps as the paper writes them, its targets, and its strength beside PGD."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from brinell.api import attack as run
from brinell.api import audit
from brinell.attacks import APGD, PGD
from brinell.attacks.apgd import checkpoints
from brinell.attacks.base import Found
from brinell.case import Case, make_case
from brinell.goals import Away, Toward, Via
from brinell.models import Classifier
from brinell.objectives import Objective, cross_entropy, dlr, margin
from brinell.threats import L2, Ball, Linf
from helpers import THREAT_NAMES, WAVE, Problem, curved, drawn_parameters, generator, last, points, problem, threats

LEAD = 60.0  # of the true class, in logits: nothing breaks, so every row takes all its steps


def leading(n: int = 12) -> tuple[Classifier, Tensor, Tensor]:
    """A curved model whose first class leads wherever one looks, and rows of that class."""
    net = curved(WAVE)
    with torch.no_grad():
        last(net).bias[0] += LEAD
    return Classifier(net.double(), bounds=(-1, 1)).eval(), points(WAVE, n, dtype=torch.float64), torch.zeros(n).long()


def searched(attack: Any, threat: Ball, trial: Problem, **options: Any) -> Found:
    return attack.run(make_case(trial.model, trial.x, trial.y, threat, **{"goal": None, "seed": 0} | options))


# --- the paper --------------------------------------------------------------------------------------------------


def test_the_checkpoints_of_the_paper() -> None:
    """p = 0.22, 0.41, 0.57, 0.70, ...: section 3 of the paper, for its 100 steps."""
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(1000) == [220, 410, 570, 700, 800, 870, 930, 990]
    assert checkpoints(20) == [5, 9, 12, 14, 16, 18, 19]
    assert checkpoints(1) == []
    for steps in range(2, 60):
        at = checkpoints(steps)
        assert at == sorted(set(at))
        assert all(0 < step < steps for step in at)


def euclid(x: Tensor, centre: Tensor, eps: float) -> Tensor:
    """Into the L2 ball; the bounds are far away."""
    move = x - centre
    return centre + move * min(1.0, eps / float(move.norm()))


def cube(x: Tensor, centre: Tensor, eps: float) -> Tensor:
    return x.clamp(centre - eps, centre + eps)


STEPS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor, float], Tensor]]] = {
    "linf": (torch.sign, cube),
    "l2": (lambda grad: grad / grad.norm(), euclid),
}


def by_hand(climbed: Callable[[Tensor], Tensor], x: Tensor, name: str, eps: float, steps: int, rho: float) -> Tensor:
    """Algorithm 1 of the paper for one row, from the row itself; returns its best point, (1, D)."""
    toward, into = STEPS[name]

    def height(at: Tensor) -> tuple[float, Tensor]:
        leaf = at.clone().requires_grad_()
        value = climbed(leaf)
        return value.item(), torch.autograd.grad(value, leaf)[0]

    at, before, size = x, x, 2 * eps
    value, grad = height(at)
    peak, best, slope = value, at, grad
    rises, check, old_peak, halved = 0, 0, value, False
    for k in range(steps):
        if k in checkpoints(steps):
            halve = rises < rho * (k - check) or (not halved and old_peak == peak)
            if halve:
                size, at, grad, value = size / 2, best, slope, peak
            rises, check, old_peak, halved = 0, k, peak, halve
        ahead = into(at + size * toward(grad), x, eps)
        if k:
            ahead = into(at + 0.75 * (ahead - at) + 0.25 * (at - before), x, eps)
        before, at = at, ahead
        now, grad = height(at)
        rises, value = rises + (now > value), now
        if now > peak:
            peak, best, slope = now, at, grad
    return best


@pytest.mark.parametrize("name", ["linf", "l2"])
@pytest.mark.parametrize("rho", [0.75, 1.0, 0.3])
@pytest.mark.parametrize("steps", [1, 9, 25])
def test_it_takes_the_steps_of_the_paper(name: str, rho: float, steps: int) -> None:
    model, x, y = leading()
    x = 0.2 * x
    threat = {"linf": Linf(0.3), "l2": L2(0.25)}[name]  # within the bounds everywhere, also after a step of 2 eps
    attack = APGD(steps=steps, rho=rho, start="center", objective="margin")
    found = attack(model, x, y, threat)
    for i in range(len(x)):
        wanted = by_hand(lambda at: margin(model(at), y[:1])[0], x[i : i + 1], name, threat.eps, steps, rho)
        assert torch.allclose(found[i : i + 1], wanted, rtol=0, atol=1e-7)


def test_steps_are_halved_by_row() -> None:
    """A row in a narrow valley has to halve its step; its neighbour on a slope has not, and is not held back."""
    valley = Classifier(Valley().double(), bounds=(-1, 1))
    x, y = torch.zeros(2, 2, dtype=torch.float64), torch.zeros(2, dtype=torch.int64)
    x[0, 1], x[1, 1] = 0.8, -0.8  # the valley is where the second value is positive
    found = APGD(steps=100, start="center", objective="margin")(valley, x, y, Linf(0.1))
    assert found[1, 0] == pytest.approx(0.1)
    assert found[0, 0] == pytest.approx(0.03, abs=1e-3)


class Valley(nn.Module):
    """Rises along the first value; where the second is positive, only up to 0.03."""

    def forward(self, x: Tensor) -> Tensor:
        rise = torch.where(x[:, 1] > 0, -(x[:, 0] - 0.03).abs(), x[:, 0])
        return torch.stack([torch.full_like(rise, LEAD), rise], 1)


# --- targets ----------------------------------------------------------------------------------------------------


def test_rivals_are_the_most_likely_wrong_classes() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0, 0.0], [3.0, 1.0, 2.0, 0.0]])
    y = torch.tensor([0, 2])
    assert [way.rivals.tolist() for way in Away().aims(logits, y, 2)] == [[2, 0], [1, 1]]  # type: ignore[attr-defined]
    assert len(Away().aims(logits, y, 9)) == 3  # the true class is no rival


@pytest.mark.parametrize("name", THREAT_NAMES)
def test_each_target_takes_on_the_rows_that_stand(name: str) -> None:
    trial = problem(WAVE, classes=5, n=40, dtype=torch.float64)
    threat = threats(WAVE, 0.2)[name]
    found = [searched(APGD(steps=5, objective="dlr", targets=k), threat, trial) for k in (1, 2, 4, 9)]
    for less, more in pairwise(found):
        assert (more.nominated | ~less.nominated).all()
        assert torch.equal(more.x_adv[less.nominated], less.x_adv[less.nominated])
        assert (more.gradients >= less.gradients).all()
    assert found[2].gradients.max() == 4 * 5
    assert torch.equal(found[2].x_adv, found[3].x_adv)  # a model of 5 classes has 4 wrong ones
    assert found[3].nominated.sum() > found[0].nominated.sum()


def test_a_target_is_climbed_though_another_class_is_nearer() -> None:
    """Between its rival and the truth a row goes past a third class that the margin would turn to."""
    trial = problem(WAVE, classes=5, n=30, dtype=torch.float64)
    model, x, y = trial.model, trial.x[1:], trial.y[1:]
    logits = model(x)
    (_, second, *_) = (aim.rivals for aim in Away().aims(logits, y, 4))  # type: ignore[attr-defined]
    case = make_case(model, x, y, Linf(0.03), goal=Via(second), seed=0)
    found = APGD(steps=20, objective="margin").run(case)
    lead = (model(found.x_adv) - model(x)).gather(1, second[:, None]) - (model(found.x_adv) - model(x)).gather(
        1, y[:, None]
    )
    assert (lead[~found.nominated] > 0).all()


@pytest.mark.parametrize("objective", ["dlr", "margin", "cross_entropy"])
def test_toward_a_label_the_goal_is_the_target(objective: str) -> None:
    trial = problem(WAVE, classes=5, n=20, dtype=torch.float64)
    goal = Toward(trial.model(trial.x).topk(2, dim=1).indices[:, 1]).bind(trial.y, 5)
    one, many = (
        searched(APGD(steps=6, objective=objective, targets=k), Linf(0.6), trial, goal=goal) for k in (0, 3)
    )  # fmt: skip
    assert torch.equal(one.x_adv, many.x_adv)
    assert torch.equal(many.nominated, goal.reached(trial.model(many.x_adv), trial.y))
    assert many.nominated.any()


def test_restarts_and_targets_all_start_elsewhere() -> None:
    starts: list[Tensor] = []

    def noted(case: Case) -> Tensor:
        starts.append(case.threat.sample(case.x, case.bounds, case.draws))
        return starts[-1]

    model, x, y = leading()
    APGD(steps=1, restarts=2, targets=2, start=noted)(model, x, y, Linf(0.1))
    assert len(starts) == 4
    assert len({tuple(start.flatten().tolist()) for start in starts}) == 4


# --- few classes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("classes", "targets"), [(2, 0), (2, 9), (3, 9)])
def test_where_dlr_needs_more_classes_the_margin_takes_its_place(classes: int, targets: int) -> None:
    trial = problem(WAVE, classes=classes, n=20)
    attack, stand_in = (APGD(steps=5, objective=name, targets=targets) for name in ("dlr", "margin"))
    for threat in (Linf(0.05), L2(0.3)):
        found = attack(trial.model, trial.x, trial.y, threat)
        assert torch.equal(found, stand_in(trial.model, trial.x, trial.y, threat))
    assert "margin is climbed in its place" in (attack.note(classes) or "")
    assert f"the model has {classes}" in (attack.note(classes) or "")
    assert stand_in.note(classes) is None


def test_with_enough_classes_it_is_dlr() -> None:
    for classes, targets in ((3, 0), (4, 9), (1000, 3)):
        trial = problem(WAVE, classes=classes, n=20)
        attack, other = (APGD(steps=9, objective=name, targets=targets) for name in ("dlr", "margin"))
        found = attack(trial.model, trial.x, trial.y, Linf(0.05))
        assert not torch.equal(found, other(trial.model, trial.x, trial.y, Linf(0.05)))
        assert attack.note(classes) is None


def test_the_audit_says_where_the_margin_took_its_place() -> None:
    trial = problem(WAVE, classes=2, n=40)
    cascade = (APGD(steps=2), APGD(steps=2, objective="dlr", targets=3), PGD(steps=2, objective="dlr"))
    warnings = audit(trial.model, (trial.x, trial.y), Linf(0.05), cascade=cascade).record.warnings
    assert [warning.partition(": ")[0] for warning in warnings] == [
        "APGD(steps=2, dlr, targets=3)", "PGD(steps=2, dlr)",
    ]  # fmt: skip


# --- models that draw -------------------------------------------------------------------------------------------


class Noisy(nn.Module):
    """Its input is shaken by normal noise at every pass."""

    def __init__(self, noise: float) -> None:
        super().__init__()
        self.inner, self.noise = curved(WAVE), noise

    def forward(self, x: Tensor) -> Any:
        return self.inner(x + self.noise * torch.randn_like(x))


def test_averages_of_a_model_that_draws_nothing_are_its_own() -> None:
    trial = problem(WAVE, n=20, dtype=torch.float64)
    one, many = (searched(APGD(steps=4, samples=samples), L2(0.3), trial) for samples in (1, 5))
    assert torch.allclose(one.x_adv, many.x_adv, rtol=0, atol=1e-9)
    assert torch.equal(5 * one.gradients, many.gradients)


def test_averages_help_against_noise_and_are_seeded() -> None:
    """Measured on the same network without the noise."""
    trial, noisy = problem(WAVE, n=100), Classifier(Noisy(1.5), bounds=(-1, 1)).eval()
    still = Classifier(noisy.net.inner, bounds=(-1, 1))  # type: ignore[union-attr,arg-type]
    y = still(trial.x).argmax(1)

    def rise(samples: int) -> Tensor:
        attack = APGD(steps=4, samples=samples, objective=unbroken)
        x_adv = attack(noisy, trial.x, y, Linf(0.03))
        assert torch.equal(x_adv, attack(noisy, trial.x, y, Linf(0.03)))
        return (margin(still(x_adv), y) - margin(still(trial.x), y)).mean()

    assert rise(30) > rise(1)


def unbroken(logits: Tensor, labels: Tensor) -> Tensor:
    return margin(logits, labels)


# --- strength ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained() -> Problem:
    """A network trained for a moment on five clouds, and fresh rows that it gets right."""
    source = generator(0)
    centres = torch.rand(5, 20, generator=source)
    y = torch.arange(1000) % 5
    x = (centres[y] + 0.15 * torch.randn(1000, 20, generator=source)).clamp(0, 1)
    net = drawn_parameters(nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5)), 0)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[:600]), y[:600]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    model = Classifier(net.eval(), bounds=(0, 1))
    rows = (model(x).argmax(1) == y).nonzero().flatten()[-300:]
    return Problem(model, x[rows], y[rows], 5)


@pytest.mark.parametrize("objective", [cross_entropy, dlr, margin])
@pytest.mark.parametrize("threat", [Linf(0.2), L2(0.7)], ids=str)
def test_it_is_never_weaker_than_pgd_at_equal_cost(trained: Problem, threat: Ball, objective: Objective) -> None:
    """Up to 1 % of the rows: both begin at the same points, and a row may be led astray by either."""
    model, x, y, _ = trained
    pgd = run(PGD(steps=40, objective=objective), model, x, y, threat).success
    apgd = run(APGD(steps=40, objective=objective), model, x, y, threat).success
    against = run(APGD(steps=40, objective=objective, targets=4), model, x, y, threat).success
    assert apgd.sum() >= pgd.sum() - 3
    assert against.sum() >= apgd.sum() - 3
    assert 30 < apgd.sum() < 270


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"steps": 0}, "steps is 0; it must be a whole number, at least 1"),
        ({"restarts": 1.5}, "restarts is 1.5"),
        ({"samples": 0}, "samples is 0"),
        ({"targets": -1}, "targets is -1; it must be a whole number of classes, or 0 for untargeted"),
        ({"targets": 2.0}, r"targets is 2\.0"),
        ({"rho": 1.2}, r"rho is 1\.2; it is a share of steps, in 0\.\.1"),
        ({"rho": float("nan")}, "rho is nan"),
        ({"objective": "ce"}, "objective is 'ce'; choose one of cross_entropy, margin, dlr"),
        ({"start": "clean"}, "start is 'clean'"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        APGD(**wrong)
