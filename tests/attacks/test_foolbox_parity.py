"""Side by side with an independent library: same start and steps, same points; and never weaker."""

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from brinell.api import attack as run
from brinell.attacks import FGSM, PGD
from brinell.attacks.loop import Plan, ascend
from brinell.attacks.starts import center
from brinell.case import make_case
from brinell.goals import Away, Goal, Toward
from brinell.models import Classifier, evaluating
from brinell.objectives import cross_entropy
from brinell.threats import L2, Ball, Linf
from helpers import Problem, Space, convolutional, points

PHOTO = Space((3, 8, 8), 0.0, 1.0)


@pytest.fixture(scope="module")
def foolbox() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Please import", DeprecationWarning)  # its way to import from scipy
        import foolbox
    return foolbox


@pytest.fixture(scope="module")
def photos() -> Problem:
    model = Classifier(convolutional(PHOTO, 4).eval(), bounds=(0, 1))
    x = points(PHOTO, 100)
    return Problem(model, x, model(x).argmax(1), 4)


def theirs(foolbox: Any, attack: Any, problem: Problem, eps: float, goal: Toward | None = None) -> Tensor:
    model = foolbox.PyTorchModel(problem.model.net, bounds=(0, 1), device="cpu")
    criterion = problem.y if goal is None else foolbox.criteria.TargetedMisclassification(goal.labels)
    found: Tensor = attack.run(model, problem.x, criterion, epsilon=eps)
    return found.detach()


def ours(problem: Problem, threat: Ball, share: float, steps: int, goal: Goal | None = None) -> Tensor:
    """The shared loop from the input itself, no row leaving."""
    with evaluating(problem.model):
        case = make_case(problem.model, problem.x, problem.y, threat, goal=goal, seed=0)
        return ascend(case, Plan(center, cross_entropy, (share,) * steps))


def toward(problem: Problem) -> Toward:
    return Toward((problem.y + 1) % 4)


@pytest.mark.parametrize("eps", [0.03, 0.2])
def test_fgsm_gives_the_same_points(foolbox: Any, photos: Problem, eps: float) -> None:
    attack = foolbox.attacks.LinfFastGradientAttack(random_start=False)
    found = FGSM()(photos.model, photos.x, photos.y, Linf(eps))
    assert torch.allclose(found, theirs(foolbox, attack, photos, eps), rtol=0, atol=1e-5)


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize(("eps", "share", "steps"), [(0.05, 0.1, 10), (0.2, 0.05, 20), (0.3, 0.3, 4)])
def test_iterated_linf_steps_give_the_same_points(
    foolbox: Any, photos: Problem, eps: float, share: float, steps: int, targeted: bool
) -> None:
    goal = toward(photos) if targeted else None
    attack = foolbox.attacks.LinfPGD(abs_stepsize=share * eps, steps=steps, random_start=False)
    found = ours(photos, Linf(eps), share, steps, goal)
    assert torch.allclose(found, theirs(foolbox, attack, photos, eps, goal), rtol=0, atol=1e-5)


@pytest.mark.parametrize("targeted", [False, True])
def test_iterated_l2_steps_give_the_same_points_away_from_the_bounds(
    foolbox: Any, photos: Problem, targeted: bool
) -> None:
    """Beside the bounds foolbox clips after its projection, which leaves a part of eps unspent."""
    inner = photos._replace(x=0.4 + 0.2 * photos.x)
    goal = toward(inner) if targeted else None
    attack = foolbox.attacks.L2PGD(abs_stepsize=0.08, steps=12, random_start=False)
    found = ours(inner, L2(0.4), 0.2, 12, goal)
    assert torch.allclose(found, theirs(foolbox, attack, inner, 0.4, goal), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("threat", "name"), [(Linf(0.01), "LinfPGD"), (Linf(0.04), "LinfPGD"), (L2(0.1), "L2PGD"), (L2(0.4), "L2PGD")]
)  # fmt: skip
@pytest.mark.parametrize("targeted", [False, True])
def test_pgd_breaks_no_fewer_rows(foolbox: Any, photos: Problem, threat: Ball, name: str, targeted: bool) -> None:
    goal = toward(photos) if targeted else None
    torch.manual_seed(0)
    attack = getattr(foolbox.attacks, name)(rel_stepsize=2.5 / 20, steps=20, random_start=True)
    x_adv = theirs(foolbox, attack, photos, threat.eps, goal)
    assert threat.contains(x_adv, photos.x).all()
    broken = (goal or Away()).reached(photos.model(x_adv), photos.y)
    mine = run(PGD(steps=20), photos.model, photos.x, photos.y, threat, goal=goal).success
    assert mine.sum() >= broken.sum() - 1  # random starts differ: a row of a hundred may fall to one and not the other
    assert 0 < mine.sum() < 100
