"""The border: what can be worked with becomes a case, anything else a clear error with value and remedy."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from brinell.api import attack as run
from brinell.attacks import FGSM, PGD
from brinell.case import batch_for, make_case
from brinell.errors import InputError, InputTypeError
from brinell.goals import Away, Toward
from brinell.models import Classifier
from brinell.threats import L1, L2, Linf
from helpers import IMAGE, TABLE, WAVE, linear, points, problem, threats

X, Y = points(IMAGE, 4), [0, 1, 2, 0]


def model(net: nn.Module | None = None, bounds: Any = (0, 1)) -> Classifier:
    return Classifier(net or linear(IMAGE), bounds)


def refused(kind: type[InputError] = InputError, **wrong: Any) -> str:
    """The message; the verb and the attack itself must say the same."""
    given: dict[str, Any] = {"model": model(), "x": X, "y": Y, "threat": Linf(0.1)} | wrong
    with pytest.raises(kind) as by_call:
        PGD(steps=2)(**given)
    with pytest.raises(kind) as by_verb:
        run(PGD(steps=2), **given)
    assert str(by_call.value) == str(by_verb.value)
    assert isinstance(by_call.value, ValueError)
    return str(by_call.value)


# --- inputs -----------------------------------------------------------------------------------------------------


def test_normalised_input_is_told_where_normalisation_belongs() -> None:
    x = (X - 0.1307) / 0.3081
    said = refused(x=x)
    worst = x.flatten()[(torch.maximum(x - 1, -x)).flatten().argmax()].item()
    assert f"x holds {worst:.6g}, outside the bounds (0, 1)" in said
    assert "Classifier(normalize=...)" in said


def test_bytes_are_not_taken_for_unit_pixels() -> None:
    assert "outside the bounds (0, 1)" in refused(x=(X * 255).to(torch.uint8))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_named_by_row(value: float) -> None:
    x = X.clone()
    x[2, 0, 0, 0] = value
    assert "x holds NaN or infinity, first in row 2" in refused(x=x)


@pytest.mark.parametrize("x", [X[:0], torch.rand(4), torch.rand(()), torch.rand(4, 0), [], np.zeros((0, 3, 4, 4))])
def test_empty_data_is_refused_with_its_shape(x: Any) -> None:
    assert f"x has shape {tuple(torch.as_tensor(x).shape)}" in refused(x=x, y=[])


@pytest.mark.parametrize("x", [None, "images", [[1, 2], [3]], object(), {"x": 1}])
def test_what_is_no_array_is_refused(x: Any) -> None:
    assert f"x is {type(x).__name__}" in refused(InputTypeError, x=x)


def test_complex_numbers_are_refused() -> None:
    assert "complex" in refused(InputTypeError, x=X + 0j)


def test_a_network_meant_for_another_shape_fails_with_its_own_words() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        FGSM()(model(), torch.rand(4, 7), Y, Linf(0.1))


def test_bounds_of_another_shape_are_refused() -> None:
    assert "bounds have shape (6,)" in refused(model=model(bounds=(TABLE.low, TABLE.high)))


# --- labels -----------------------------------------------------------------------------------------------------

LABELS = [
    ([0, 1, 3, 0], InputError, ["label 3 of row 2 is out of range", "classes 0..2"]),
    ([0, -1, 2, 0], InputError, ["label -1 of row 1 is out of range", "classes 0..2"]),
    ([0.0, 1.0, 2.0, 0.0], InputTypeError, ["torch.float32", "integers", "y.long()"]),
    (np.zeros(4), InputTypeError, ["torch.float64", "y.long()"]),
    ([0, 1, 2], InputError, ["(3,)", "4 rows"]),
    ([0, 1, 2, 0, 1], InputError, ["(5,)", "4 rows"]),
    (0, InputError, ["()", "4 rows"]),
    (np.eye(4, dtype=int), InputError, ["(4, 4)", "y.argmax(1)"]),
    ([[0], [1], [2], [0]], InputError, ["(4, 1)"]),
    (None, InputTypeError, ["NoneType"]),
    (["cat", "dog", "cat", "dog"], InputTypeError, ["list"]),
]


@pytest.mark.parametrize(("y", "kind", "words"), LABELS)
def test_labels_that_make_no_sense_are_refused(y: Any, kind: type[InputError], words: list[str]) -> None:
    said = refused(kind, y=y)
    assert [word for word in words if word not in said] == []


def test_a_wrong_label_is_found_wherever_it_is() -> None:
    x, y = points(IMAGE, 400), torch.zeros(400, dtype=torch.int64)
    y[399] = 7
    assert "label 7 of row 399" in refused(x=x, y=y)


def test_labels_may_be_any_integers() -> None:
    for y in (torch.tensor(Y), np.array(Y, dtype=np.uint8), torch.tensor(Y, dtype=torch.int16), tuple(Y)):
        assert torch.equal(make_case(model(), X, y, Linf(0.1), goal=None, seed=0).y, torch.tensor(Y))


# --- models -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("net", [linear(IMAGE), lambda x: x, None, "resnet18", Classifier])
def test_a_plain_network_is_told_how_to_become_a_classifier(net: Any) -> None:
    said = refused(InputTypeError, model=net)
    assert f"the model is {type(net).__name__}" in said
    assert "Classifier(net, bounds=(0, 1))" in said


ENDINGS = {
    "softmax": nn.Sequential(linear(IMAGE), nn.Softmax(1)),
    "sigmoid": nn.Sequential(linear(IMAGE, 1), nn.Sigmoid()),
    "softmax of two": nn.Sequential(linear(IMAGE, 2), nn.Softmax(1)),
    "softmax of a thousand": nn.Sequential(linear(IMAGE, 1000), nn.Softmax(1)),
}


@pytest.mark.parametrize("net", ENDINGS.values(), ids=ENDINGS)
def test_probabilities_are_told_apart_from_logits(net: nn.Module) -> None:
    said = refused(model=model(net), y=[0, 1, 1, 0])
    assert "probabilities" in said
    assert "Remove the final softmax or sigmoid" in said


@pytest.mark.parametrize("net", [linear(IMAGE), linear(IMAGE, 1), nn.Sequential(linear(IMAGE), nn.LogSoftmax(1))])
def test_logits_are_not_taken_for_probabilities(net: nn.Module) -> None:
    make_case(model(net), X, [0, 1, 1, 0], Linf(0.1), goal=None, seed=0)


class Constant(nn.Module):
    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits.expand(len(x), -1) + 0 * x.flatten(1).sum(1, keepdim=True)


@pytest.mark.parametrize("logits", [[0.0, float("nan"), 1.0], [float("inf"), 0.0, 1.0]])
def test_logits_that_are_not_finite_are_named(logits: list[float]) -> None:
    said = refused(model=model(Constant(logits)))
    assert "NaN or infinity on 4 of 4 clean rows, first on row 0" in said
    assert "weights" in said


def test_weights_that_are_not_finite_are_noticed() -> None:
    net = linear(IMAGE)
    next(net.parameters()).data[0, 0] = float("nan")
    assert "check its weights" in refused(model=model(net))


def test_a_network_that_returns_no_logits_is_told_so() -> None:
    assert "returned shape (4, 3, 4, 4) for 4 rows" in refused(model=model(nn.Identity()))


# --- threat, goal, seed, ids ------------------------------------------------------------------------------------


@pytest.mark.parametrize("threat", [0.3, "linf:0.3", None, Linf])
def test_what_is_no_threat_set_is_refused_with_an_example(threat: Any) -> None:
    said = refused(InputTypeError, threat=threat)
    assert repr(threat) in said
    assert "Linf(0.3)" in said


@pytest.mark.parametrize("threat", [Linf(8), L2(8), L1(100)])
def test_an_eps_beyond_the_bounds_is_refused(threat: Any) -> None:
    said = refused(threat=threat)
    assert f"eps is {threat.eps:g}" in said
    assert "at most" in said
    assert "(0, 1)" in said
    assert f'"{threat.eps:g}/255"' in said


@pytest.mark.parametrize("goal", [torch.tensor([1, 1, 1, 1]), "toward", 3, Toward])
def test_what_is_no_goal_is_refused_with_an_example(goal: Any) -> None:
    assert "Toward(labels)" in refused(InputTypeError, goal=goal)


def test_wanted_labels_are_checked_against_rows_and_classes() -> None:
    assert "a wanted label is 3; the model's classes are 0..2" in refused(goal=Toward(3))
    assert "(2,) wanted labels for 4 rows" in refused(goal=Toward([0, 1]))


@pytest.mark.parametrize("seed", ["a", 1.5, None, [1]])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    assert f"seed is {seed!r}" in refused(InputTypeError, seed=seed)


@pytest.mark.parametrize("seed", [-1, 2**63, -(2**70)])
def test_a_seed_that_would_draw_like_another_is_refused(seed: int) -> None:
    assert f"seed is {seed}; it must be at least 0 and below 2**63" in refused(InputError, seed=seed)


@pytest.mark.parametrize("seed", [np.int64(3), True, 2**63 - 1])
def test_any_whole_number_will_do(seed: Any) -> None:
    x_adv = PGD(steps=2)(model(), X, Y, Linf(0.1), seed=seed)
    assert torch.equal(x_adv, PGD(steps=2)(model(), X, Y, Linf(0.1), seed=int(seed)))


def test_ids_are_one_integer_a_row() -> None:
    assert "ids have shape (2,) for 4 rows" in refused(ids=[1, 2])
    assert "ids are torch.float32" in refused(InputTypeError, ids=[1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize("batch", [0, -8])
def test_a_batch_has_rows(batch: int) -> None:
    with pytest.raises(InputError, match=f"batch size is {batch}; it must be a whole number, at least 1"):
        run(FGSM(), model(), X, Y, Linf(0.1), batch_size=batch)


# --- the case ---------------------------------------------------------------------------------------------------


def test_a_case_has_everything_in_the_models_own_terms() -> None:
    m, x, y, _ = problem(IMAGE, dtype=torch.float64)
    at = make_case(m, x.float().numpy(), y.numpy(), Linf(0.1), goal=None, seed=4)
    assert (at.x.dtype, at.y.dtype, len(at)) == (torch.float64, torch.int64, 9)
    assert isinstance(at.goal, Away)
    assert (at.draws.seed, at.draws.stage, at.draws.restart) == (4, 0, 0)
    assert torch.equal(at.draws.ids, torch.arange(9))


def test_taking_rows_takes_all_that_belongs_to_them() -> None:
    m, x, y, _ = problem(WAVE)
    at = make_case(m, x, y, threats(WAVE)["l2"], goal=Toward((y + 1) % 3), seed=4, ids=torch.arange(9) * 10)
    rows = torch.tensor([7, 0, 3])
    some = at.take(rows)
    assert torch.equal(some.x, x[rows])
    assert torch.equal(some.y, y[rows])
    assert some.draws.ids.tolist() == [70, 0, 30]
    assert isinstance(some.goal, Toward)
    assert torch.equal(some.goal.labels, (y[rows] + 1) % 3)
    assert len(at.take(slice(2, 5))) == 3


def test_stage_and_restart_change_only_the_draws() -> None:
    m, x, y, _ = problem(WAVE)
    at = make_case(m, x, y, threats(WAVE)["l2"], goal=None, seed=4).at(stage=2)
    assert (at.draws.stage, at.draws.restart) == (2, 0)
    assert (at.at(restart=3).draws.stage, at.at(restart=3).draws.restart) == (2, 3)
    assert at.at(restart=3).x is at.x


def test_large_rows_come_in_small_batches() -> None:
    assert batch_for(torch.empty(1, 784)) == 256
    assert batch_for(torch.empty(1, 3, 224, 224)) == 27
    assert batch_for(torch.empty(1, 3, 4000, 4000)) == 8
