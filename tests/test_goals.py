"""What counts as success."""

from typing import Any

import numpy as np
import pytest
import torch

from brinell.errors import InputError
from brinell.goals import Away, Goal, Toward, Via
from brinell.objectives import OBJECTIVES, Objective, margin
from helpers import generator

LOGITS = torch.tensor([[1.0, 3.0, 2.0], [3.0, 3.0, 0.0], [0.0, 1.0, 2.0], [5.0, 1.0, 1.0]])
Y = torch.tensor([1, 0, 1, 1])


def test_away_is_any_label_but_the_true_one_and_no_tie() -> None:
    assert Away().reached(LOGITS, Y).tolist() == [False, False, True, True]


def test_toward_is_the_wanted_label_on_top_and_no_tie() -> None:
    goal = Toward(torch.tensor([1, 1, 2, 2])).bind(Y, 3)
    assert goal.reached(LOGITS, torch.tensor([0, 2, 0, 0])).tolist() == [True, False, True, False]


def test_a_tie_of_all_logits_is_no_success() -> None:
    flat, y = torch.zeros(3, 4), torch.tensor([0, 1, 3])
    assert not Away().reached(flat, y).any()
    assert not Toward(torch.tensor([1, 2, 0])).reached(flat, y).any()


def test_being_right_is_no_success() -> None:
    goal = Toward(1).bind(Y, 3)
    assert goal.reached(LOGITS, torch.ones(4, dtype=torch.int64)).tolist() == [False] * 4
    assert goal.reached(LOGITS, torch.zeros(4, dtype=torch.int64)).tolist() == [True, False, False, False]


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
@pytest.mark.parametrize("goal", [Away(), Toward(2), Via(2)], ids=["away", "toward", "via"])
def test_climbing_leads_to_the_goal(goal: Goal, objective: Objective) -> None:
    """Ascending the gain over free logits reaches the goal."""
    y = torch.tensor([0, 1, 3])
    goal = goal.bind(y, 4)
    logits = torch.randn(3, 4, generator=generator(0)).requires_grad_()
    for _ in range(200):
        (slope,) = torch.autograd.grad(goal.gain(objective, logits, y).sum(), logits)
        logits = (logits + 0.5 * slope).detach().requires_grad_()
    assert goal.reached(logits, y).all()


def test_rows_can_be_chosen() -> None:
    y = torch.tensor([0, 0, 0, 0])
    goal = Toward(torch.tensor([1, 2, 1, 2])).bind(y, 3)
    rows = torch.tensor([3, 0])
    logits = torch.randn(4, 3, generator=generator(1))
    assert torch.equal(goal.take(rows).reached(logits[rows], y[rows]), goal.reached(logits, y)[rows])
    assert torch.equal(Away().take(rows).reached(logits[rows], y[rows]), Away().reached(logits, y)[rows])


@pytest.mark.parametrize("labels", [2, [2, 2, 2, 2], np.array([2] * 4), torch.full((4,), 2, dtype=torch.uint8)])
def test_wanted_labels_may_be_any_integers(labels: Any) -> None:
    bound = Toward(labels).bind(Y, 3)
    assert bound.labels.tolist() == [2, 2, 2, 2]
    assert bound.labels.dtype == torch.int64


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (3, r"a wanted label is 3; the model's classes are 0\.\.2"),
        (-1, r"a wanted label is -1"),
        ([0, 1], r"\(2,\) wanted labels for 4 rows"),
        ([[0, 1, 2, 0]], r"\(1, 4\) wanted labels for 4 rows"),
        (1.0, r"float.*pass integers in 0\.\.2"),
        ([True, False, True, True], r"bool.*pass integers"),
        ("dog", r"'dog'.*pass integers"),
        (None, r"None.*pass integers"),
    ],
)
def test_wanted_labels_that_make_no_sense_are_refused(labels: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Toward(labels).bind(Y, 3)


def test_past_a_rival_any_label_but_the_true_one_counts() -> None:
    for rivals in (0, 1, 2):
        assert torch.equal(Via(rivals).bind(Y, 3).reached(LOGITS, Y), Away().reached(LOGITS, Y))


def test_past_a_rival_only_the_rival_is_climbed() -> None:
    goal = Via([0, 1, 2, 2]).bind(Y, 3)
    assert goal.gain(margin, LOGITS, Y).tolist() == [-2.0, 0.0, 1.0, 0.0]
    rows = torch.tensor([2, 0])
    assert goal.take(rows).gain(margin, LOGITS[rows], Y[rows]).tolist() == [1.0, -2.0]
    with pytest.raises(InputError, match=r"a rival label is 3; the model's classes are 0\.\.2"):
        Via(3).bind(Y, 3)


@pytest.mark.parametrize("classes", [2, 3, 1000])
def test_the_aims_of_each_goal(classes: int) -> None:
    logits = torch.randn(6, classes, generator=generator(classes))
    y = torch.arange(6) % classes
    aims = Away().aims(logits, y, 9)
    assert len(aims) == min(9, classes - 1)
    rivals = torch.stack([aim.rivals for aim in aims])  # type: ignore[attr-defined]
    assert (rivals != y).all()
    assert (logits.gather(1, rivals.T).diff(dim=1) <= 0).all()
    for goal in (Toward(1).bind(y, classes), Via(1).bind(y, classes)):
        assert goal.aims(logits, y, 9) == (goal,)
