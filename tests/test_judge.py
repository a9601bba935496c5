"""The one place that decides: goal, set, bounds, finiteness."""

import pytest
import torch
from torch import Tensor, nn

from brinell.bounds import Bounds
from brinell.case import Case, make_case
from brinell.goals import Goal, Toward
from brinell.judge import judge, logits_of, predictions
from brinell.models import Classifier, evaluating
from brinell.threats import L0, L2, Ball, Linf
from helpers import IMAGE, THREAT_NAMES, WAVE, Space, problem, threats


class Sum(nn.Module):
    """Says class 1 where the sum of the values is above 0, and by how much; NaN beyond 100."""

    def forward(self, x: Tensor) -> Tensor:
        total = x.flatten(1).sum(1)
        total = torch.where(total > 100, torch.nan, total)
        return torch.stack([torch.zeros_like(total), total], 1)


def case(x: Tensor, y: list[int], threat: Ball, goal: Goal | None = None, bounds: float = 50.0) -> Case:
    return make_case(Classifier(Sum(), (-bounds, bounds)), x, y, threat, goal=goal, seed=0)


def test_a_success_reaches_the_goal_within_set_and_bounds() -> None:
    x = torch.tensor([[-1.0, 0.0]] * 6)
    x_adv = torch.tensor([
        [-0.4, 0.6],  # broken
        [-0.5, 0.4],  # not far enough
        [-0.5, 0.5],  # a tie
        [-1.0, 3.0],  # outside the set
        [float("nan"), 0.0],
        [float("inf"), 0.0],
    ])  # fmt: skip
    verdict = judge(case(x, [0] * 6, Linf(0.6)), x_adv)
    assert verdict.success.tolist() == [True, False, False, False, False, False]
    assert verdict.valid.tolist() == [True, True, True, False, False, False]
    assert verdict.prediction.tolist()[:4] == [1, 0, 0, 1]
    assert torch.allclose(verdict.distance[:4], torch.tensor([0.6, 0.5, 0.5, 3.0]))
    assert verdict.distance[4].isnan()


def test_a_point_outside_the_bounds_is_no_success() -> None:
    x = torch.tensor([[-1.0, 0.9]])
    verdict = judge(case(x, [0], Linf(1.0), bounds=1.0), torch.tensor([[-0.5, 1.2]]))
    assert not verdict.valid.any()
    assert not verdict.success.any()


def test_a_model_that_answers_nan_is_not_broken() -> None:
    verdict = judge(case(torch.tensor([[-1.0, 0.0]]), [0], Linf(50.0), bounds=60.0), torch.tensor([[49.0, 60.0]]))
    assert not verdict.success.any()


def test_a_wanted_label_has_to_be_reached_and_wrong() -> None:
    x = torch.tensor([[-0.1, 0.0], [0.1, 0.0]])
    verdict = judge(case(x, [0, 1], Linf(0.2), Toward(1)), torch.tensor([[0.1, 0.0], [0.1, 0.1]]))
    assert verdict.success.tolist() == [True, False]


def test_the_input_itself_counts_where_the_model_is_wrong() -> None:
    x = torch.tensor([[1.0, 0.0]])
    verdict = judge(case(x, [0], Linf(0.1)), x)
    assert verdict.success.tolist() == [True]
    assert verdict.distance.tolist() == [0.0]


@pytest.mark.parametrize("name", THREAT_NAMES)
def test_any_step_beyond_the_set_is_seen(name: str) -> None:
    model, x, y, _ = problem(WAVE, dtype=torch.float64)
    threat = threats(WAVE, 0.05)[name]
    at = make_case(model, 0.1 * x, y, threat, goal=None, seed=0)
    move = torch.zeros_like(x)
    move[:, : (int(threat.eps) if isinstance(threat, L0) else 4)] = 0.5
    length = threat.distance(at.x + move, at.x)
    unit = move if isinstance(threat, L0) else move / length[:, None] * threat.eps
    assert judge(at, at.x + unit).valid.all()
    further = move + 0.5 * torch.eye(24, dtype=torch.float64)[-1] if isinstance(threat, L0) else unit * 1.0001
    assert not judge(at, at.x + further).valid.any()


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 20])
@pytest.mark.parametrize("batch", [1, 3, 8, 64])
def test_the_layout_is_fixed_and_rows_keep_their_order(n: int, batch: int) -> None:
    model, x, _, _ = problem(WAVE, n=n, dtype=torch.float64)
    sizes: list[int] = []
    model.register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0])))
    logits = logits_of(model, x, batch)
    assert torch.allclose(logits, model(x), rtol=0, atol=1e-12)
    assert not logits.requires_grad
    layout = sizes[:-1]
    assert sum(layout) >= n
    assert layout[:-1] == [batch] * (len(layout) - 1)
    assert layout[-1] == batch or layout[-1] & (layout[-1] - 1) == 0  # a power of two
    assert layout[-1] <= batch


def test_judging_twice_is_judging_once() -> None:
    model, x, y, _ = problem(IMAGE, n=20)
    at = make_case(model, x, y, L2(0.5), goal=None, seed=0)
    with evaluating(model):
        one, two = judge(at, at.threat.sample(x, at.bounds, at.draws)), None
        two = judge(at, at.threat.sample(x, at.bounds, at.draws))
    assert all(torch.equal(*pair) for pair in zip(one, two, strict=True))


def test_predictions_side_with_the_truth_in_a_tie() -> None:
    logits = torch.tensor([[1.0, 1.0, 0.0], [0.0, 2.0, 2.0], [0.0, 2.0, 2.0], [3.0, 2.0, 1.0]])
    assert predictions(logits, torch.tensor([1, 2, 0, 1])).tolist() == [1, 2, 1, 0]


def test_bounds_of_columns_are_respected() -> None:
    space = Space((2,), [0.0, 10.0], [1.0, 20.0])
    model = Classifier(Sum(), bounds=(space.low, space.high))
    at = make_case(model, torch.tensor([[0.5, 15.0]]), [0], Linf(9.0), goal=None, seed=0)
    assert isinstance(at.bounds, Bounds)
    for point, valid in (([0.0, 19.0], True), ([1.1, 15.0], False), ([0.5, 9.9], False), ([0.5, 20.0], True)):
        assert judge(at, torch.tensor([point])).valid.tolist() == [valid]
