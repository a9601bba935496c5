"""Square: what it finds with scores alone."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from brinell.api import attack as run
from brinell.attacks import Square
from brinell.attacks.square import hunt, propose, shrunk
from brinell.case import Case, make_case
from brinell.errors import InputError
from brinell.goals import Away, Goal, Toward
from brinell.models import Classifier
from brinell.objectives import margin
from brinell.threats import L2, Linf
from brinell.threats.windows import draw_luck
from helpers import IMAGE, WAVE, Space, incline, linear, points, problem, threats

SEQUENCE = Space((12, 2), -1.0, 1.0)


class Scores(nn.Module):
    """A linear model that gives scores and nothing else: its outputs have no history, and a backward is an error."""

    def __init__(self, space: Space) -> None:
        super().__init__()
        self.inner = linear(space, 3)

    def forward(self, x: Tensor) -> Any:
        assert not torch.is_grad_enabled() or not x.requires_grad
        with torch.no_grad():
            return torch.from_numpy(self.inner(x.detach()).numpy().copy())


@pytest.mark.parametrize("name", ["linf", "l2"])
@pytest.mark.parametrize("goal", [Away(), Toward(2)], ids=["away", "toward"])
def test_scores_are_all_it_needs(name: str, goal: Goal) -> None:
    model = Classifier(Scores(IMAGE), bounds=(0, 1))
    x = points(IMAGE, 30)
    y = model(x).argmax(1)
    result = run(Square(queries=60), model, x, y, threats(IMAGE)[name], goal=goal)
    assert result.success.any()
    assert not result.gradients.any()


@pytest.mark.parametrize("space", [IMAGE, WAVE, SEQUENCE], ids=["image", "wave", "sequence"])
def test_on_a_linear_model_it_comes_to_the_corner(space: Space) -> None:
    """Nothing breaks here, so all queries are spent: the rise of the margin is known, and nearly all of it is found."""
    case = incline(space)
    x_adv = Square(queries=800, p=0.1)(case.model, case.x, case.y, Linf(0.2))
    assert case.share_of_corner(x_adv, 0.2) >= (0.999 if space is not IMAGE else 0.95)


def test_l2_finds_most_of_what_there_is() -> None:
    """Windows of 3 x 3 cannot follow a slope of noise; the share is far above that of a random direction."""
    space = Space((1, 12, 12), 0.0, 1.0)
    case = incline(space, 0.4 + 0.2 * points(space, 8, dtype=torch.float64))
    share = {}
    for queries in (1, 100, 800):
        x_adv = Square(queries=queries)(case.model, case.x, case.y, L2(0.3))
        share[queries] = (case.rise(x_adv) / (0.3 * case.slope.norm())).mean().item()
    assert abs(share[1]) < 0.2
    assert share[100] > 0.25
    assert share[800] > 0.5


@pytest.mark.parametrize("name", ["linf", "l2"])
def test_more_queries_break_more_and_cost_no_more_than_they_say(name: str) -> None:
    model, x, y, _ = problem(n=80)
    threat = threats(IMAGE, 0.05)[name]
    counts = []
    for queries in (2, 30, 300):
        result = run(Square(queries=queries), model, x, y, threat)
        assert result.forwards.max() == queries
        counts.append(int(result.success.sum()))
    assert counts[0] < counts[1] < counts[2] <= 80


def test_restarts_go_on_with_other_draws() -> None:
    model, x, y, _ = problem(n=30)
    threat = threats(IMAGE, 0.05)["linf"]
    once, twice = (run(Square(queries=10, restarts=n), model, x, y, threat) for n in (1, 2))
    assert (twice.success | ~once.success).all()
    standing = ~once.success & ~twice.success
    assert standing.any()
    assert (twice.forwards[standing] == 20).all()


def test_the_schedule_is_the_papers() -> None:
    """Halved after 10, 50, 200, 500, 1,000, 2,000, 4,000, 6,000 and 8,000 of 10,000 queries."""
    at = (0, 10, 11, 50, 51, 200, 201, 500, 501, 1000, 1001, 2000, 2001, 4000, 4001, 6000, 6001, 8000, 8001, 9999)
    halvings = (0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9)
    for query, times in zip(at, halvings, strict=True):
        assert shrunk(0.8, query, 10_000) == 0.8 / 2**times
    assert shrunk(0.8, 5, 50) == shrunk(0.8, 1000, 10_000)


def case_of(n: int = 40) -> Case:
    model, x, y, _ = problem(n=n, dtype=torch.float64)
    return make_case(model, x, y, threats(IMAGE, 0.02)["linf"], goal=None, seed=3)


def test_a_hunt_from_a_point_of_ones_own_never_ends_lower() -> None:
    case = case_of()
    start = case.threat.sample(case.x, case.bounds, case.draws)
    before = margin(case.model(start), case.y)
    found = hunt(case, start, [0.3] * 40, margin)
    assert (found.height >= before).all()
    assert (found.height > before).any()
    assert (found.forwards <= 41).all()
    nothing = hunt(case, start, [], margin)
    assert torch.equal(nothing.x_adv, start)
    assert torch.equal(nothing.height, before)


def test_a_hunt_is_its_proposals_one_after_another() -> None:
    """So that others may use the proposals alone."""
    case = case_of(2).take(slice(1, 2))
    best = case.threat.sample(case.x, case.bounds, case.draws)
    luck = draw_luck(case.x, case.draws, 1)
    found = hunt(case, best, [0.3] * 20, margin)
    for query in range(20):
        x_adv = propose(case, best, 0.3, luck[:, query])
        if margin(case.model(x_adv), case.y) > margin(case.model(best), case.y):
            best = x_adv
    assert torch.equal(found.x_adv, best)


@pytest.mark.parametrize("name", ["l1", "l0"])
def test_sets_without_patches_are_refused_with_the_choices(name: str) -> None:
    model, x, y, _ = problem()
    with pytest.raises(InputError, match=r"Square does not work within l[01]:.*: linf, l2\."):
        Square()(model, x, y, threats(IMAGE)[name])
