"""FAB: on linear models the nearest adversarial example is known, and it is found."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.optimize import brentq
from torch import Tensor

from brinell.api import AttackResult
from brinell.api import attack as run
from brinell.attacks import FAB
from brinell.errors import InputError
from brinell.goals import Toward
from brinell.models import Classifier
from brinell.threats import L2, Ball, Linf
from helpers import IMAGE, WAVE, Problem, Space, classifier, curved, last, linear, points, problem, threats

Array = npt.NDArray[np.float64]
SETS: dict[str, type[Ball]] = {"linf": Linf, "l2": L2}
both = pytest.mark.parametrize("name", SETS)


def bench(space: Space, classes: int, n: int = 60, spread: float = 1.0) -> Problem:
    """A linear model and rows of all its classes; with a small spread no bound is in the way."""
    model = Classifier(linear(space, classes, seed=classes).double(), bounds=(space.low, space.high))
    middle = (space.low + space.high) / 2
    x = middle + spread * (points(space, n, dtype=torch.float64) - middle)
    return Problem(model, x, model(x).argmax(1), classes)


def least(slope: Array, x: Array, rise: float, space: Space, name: str) -> float:
    """The size of the smallest move within the bounds by which ``slope . move`` rises by ``rise``; inf if none does."""
    room, steep = np.where(slope > 0, space.high - x, x - space.low), abs(slope)
    if steep @ room < rise:
        return float("inf")
    pace = np.ones_like(steep) if name == "linf" else steep
    time = brentq(lambda t: steep @ np.minimum(t * pace, room) - rise, 0, 1e4, xtol=1e-12)
    return float(np.linalg.norm(np.minimum(time * pace, room), np.inf if name == "linf" else 2))


def distances(b: Problem, space: Space, name: str) -> Array:
    """How far each class is from each row, (N, K); nan for its own. Only the rival of the row's own label counts."""
    net = last(b.model.net)
    weight, logits = net.weight.detach().numpy(), b.model(b.x).detach().numpy()
    table = np.full(logits.shape, np.nan)
    for i, (row, own) in enumerate(zip(b.x.flatten(1).numpy(), b.y.tolist(), strict=True)):
        for k in set(range(b.classes)) - {own}:
            table[i, k] = least(weight[k] - weight[own], row, logits[i, own] - logits[i, k], space, name)
    return table


def agrees(result: AttackResult, distance: Array, eps: float, slack: float = 0.95) -> bool:
    """All that is well within eps is found, and nothing beyond it."""
    success = result.success.numpy()
    assert 0.1 < success.mean() < 0.9  # so that both say something
    return bool(success[distance < slack * eps].all() and not success[distance > eps * (1 + 1e-6)].any())


@both
@pytest.mark.parametrize("space", [IMAGE, WAVE], ids=["image", "wave"])
@pytest.mark.parametrize("spread", [0.3, 1.0], ids=["roomy", "at the bounds"])
def test_two_classes_are_exact(name: str, space: Space, spread: float) -> None:
    b = bench(space, 2, spread=spread)
    distance = np.nanmin(distances(b, space, name), 1)
    for quantile in (0.2, 0.5, 0.8):
        eps = float(np.quantile(distance, quantile))
        result = run(FAB(steps=15), b.model, b.x, b.y, SETS[name](eps))
        assert agrees(result, distance, eps, 0.98)


@both
def test_with_all_labels_as_targets_the_nearest_of_many_classes_is_found(name: str) -> None:
    b = bench(WAVE, 6, n=80)
    distance = np.nanmin(distances(b, WAVE, name), 1)
    eps = float(np.quantile(distance, 0.5))
    threat = SETS[name](eps)
    whole = run(FAB(steps=15), b.model, b.x, b.y, threat)  # 9 targets are more than there are
    assert agrees(whole, distance, eps)
    assert agrees(run(FAB(steps=15, targets=0), b.model, b.x, b.y, threat), distance, eps)
    assert run(FAB(steps=15, targets=1), b.model, b.x, b.y, threat).success.sum() <= whole.success.sum()


@both
def test_toward_a_label(name: str) -> None:
    """In two classes that is the same; in five the label has to pass all others, not the true one alone."""
    b = bench(WAVE, 2, n=60)
    goal = Toward(1 - b.y)
    distance = np.nanmin(distances(b, WAVE, name), 1)
    eps = float(np.quantile(distance, 0.5))
    assert agrees(run(FAB(steps=15), b.model, b.x, b.y, SETS[name](eps), goal=goal), distance, eps)
    many = bench(WAVE, 5, n=60)
    wanted = (many.y + 1) % 5
    eps = float(np.quantile(np.nanmin(distances(many, WAVE, name), 1), 0.9)) * 1.5
    result = run(FAB(steps=30), many.model, many.x, many.y, SETS[name](eps), goal=Toward(wanted))
    lower = np.take_along_axis(distances(many, WAVE, name), wanted.numpy()[:, None], 1)[:, 0]
    assert result.success.any()
    assert torch.equal(result.success, many.model(result.x_adv).argmax(1) == wanted)
    assert not result.success.numpy()[lower > eps * (1 + 1e-6)].any()


@both
def test_examples_come_close_to_the_nearest(name: str) -> None:
    """With eps just above the distance there is nothing else to find."""
    b = bench(WAVE, 2, n=20)
    distance = torch.from_numpy(np.nanmin(distances(b, WAVE, name), 1))
    for row in range(5):
        threat = SETS[name](distance[row].item() * 1.01)
        part = slice(row, row + 1)
        result = run(FAB(steps=10), b.model, b.x[part], b.y[part], threat)
        assert result.success.all()
        assert result.distance.item() <= distance[row].item() * 1.01 + 1e-9


def spent(attack: FAB, classes: int, n: int = 30) -> tuple[Tensor, Tensor]:
    """Gradients and forward passes of rows that nothing breaks."""
    model = classifier(WAVE, curved(WAVE, classes))
    x = points(WAVE, n)
    result = run(attack, model, x, model(x).argmax(1), Linf(1e-4))
    assert not result.success.any()
    return result.gradients, result.forwards


@pytest.mark.parametrize("classes", [3, 10, 50])
def test_a_step_costs_one_gradient_in_any_number_of_classes(classes: int) -> None:
    gradients, forwards = spent(FAB(steps=4, targets=2), classes)
    assert (gradients == 2 * 4).all()
    assert (forwards == 1 + 2 * (4 + 1)).all()  # the input; a look at each step, and at the last point


def test_there_are_no_more_targets_than_wrong_labels() -> None:
    assert (spent(FAB(steps=4, targets=9), 3)[0] == 2 * 4).all()
    assert (spent(FAB(steps=4, targets=9), 2)[0] == 4).all()


def test_the_nearest_boundary_takes_a_gradient_of_every_class() -> None:
    assert (spent(FAB(steps=4, targets=0), 5)[0] == 4 * 5).all()
    with pytest.raises(InputError, match=r"at most 100; the model has 101\. Set targets"):
        spent(FAB(targets=0), 101)


def test_restarts_start_elsewhere_and_are_for_those_who_stand() -> None:
    model, x, y, _ = problem(n=60)
    threat = threats(IMAGE, 0.06)["l2"]
    once, twice = (run(FAB(steps=4, restarts=n), model, x, y, threat) for n in (1, 2))
    assert (twice.success | ~once.success).all()
    assert torch.equal(once.x_adv[once.success], twice.x_adv[once.success])
    standing = ~twice.success & ~once.success
    assert (twice.gradients[standing] == 2 * once.gradients[standing]).all()


@pytest.mark.parametrize("name", ["l1", "l0"])
def test_sets_without_planes_are_refused_with_the_choices(name: str) -> None:
    model, x, y, _ = problem()
    with pytest.raises(InputError, match=r"FAB does not work within l[01]:.*: linf, l2\."):
        FAB()(model, x, y, threats(IMAGE)[name])
