"""What an attacker climbs, by row."""

from typing import Any

import pytest
import torch
from torch import Tensor

from brinell.errors import InputError
from brinell.objectives import OBJECTIVES, cross_entropy, dlr, duel, margin, probability_margin, resolve, shortfall
from helpers import generator


def logits_and_labels(n: int = 20, classes: int = 5) -> tuple[Tensor, Tensor]:
    source = generator(classes)
    return 3 * torch.randn(n, classes, generator=source, dtype=torch.float64), torch.randint(
        classes, (n,), generator=source
    )


@pytest.mark.parametrize("classes", [2, 3, 1000])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_one_number_a_row_and_each_row_alone(name: str, classes: int) -> None:
    logits, labels = logits_and_labels(classes=classes)
    values = OBJECTIVES[name](logits, labels)
    assert values.shape == (20,)
    alone = torch.cat([OBJECTIVES[name](logits[i : i + 1], labels[i : i + 1]) for i in range(20)])
    assert torch.allclose(values, alone)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_more_of_another_logit_is_more_adversarial(name: str) -> None:
    """Where the label is the prediction; behind it, DLR is a matter of the other logits."""
    logits, _ = logits_and_labels()
    labels = logits.argmax(1)
    other = torch.nn.functional.one_hot((labels + 1) % 5, 5) * 20.0
    assert (OBJECTIVES[name](logits + other, labels) > OBJECTIVES[name](logits, labels)).all()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_common_shift_of_the_logits_changes_nothing(name: str) -> None:
    logits, labels = logits_and_labels()
    assert torch.allclose(OBJECTIVES[name](logits + 7, labels), OBJECTIVES[name](logits, labels))


def test_cross_entropy_is_minus_the_log_probability() -> None:
    logits, labels = logits_and_labels()
    wanted = -logits.softmax(1)[torch.arange(20), labels].log()
    assert torch.allclose(cross_entropy(logits, labels), wanted)


def test_margin_by_hand() -> None:
    logits = torch.tensor([[1.0, 4.0, 2.0], [1.0, 4.0, 2.0], [3.0, 3.0, 0.0]])
    assert margin(logits, torch.tensor([1, 0, 0])).tolist() == [-2.0, 3.0, 0.0]


def test_the_sign_of_the_margin_is_the_prediction() -> None:
    logits, labels = logits_and_labels()
    assert torch.equal(margin(logits, labels) > 0, logits.argmax(1) != labels)


def test_dlr_by_hand() -> None:
    """-(z_y - max of the others) / (z_1 - z_3): eq. (6) of arXiv:2003.01690."""
    logits = torch.tensor([[1.0, 4.0, 2.0, 0.0], [1.0, 4.0, 2.0, 0.0], [0.0, 3.0, 5.0, 4.0]])
    wanted = torch.tensor([-2 / 3, 2 / 3, 5 / 2])
    assert torch.allclose(dlr(logits, torch.tensor([1, 2, 0])), wanted)


def test_targeted_dlr_by_hand() -> None:
    """-(z_y - z_t) / (z_1 - (z_3 + z_4) / 2): eq. (7) of arXiv:2003.01690."""
    logits = torch.tensor([[1.0, 4.0, 2.0, 0.0, -9.0]] * 2)
    found = duel(dlr, logits, torch.tensor([1, 1]), torch.tensor([2, 4]))
    assert torch.allclose(found, torch.tensor([-2 / 3.5, -13 / 3.5]))


def test_probability_margin_by_hand() -> None:
    logits = torch.tensor([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1]]).log() + 5
    assert torch.allclose(probability_margin(logits, torch.tensor([0, 2])), torch.tensor([-0.5, 0.6]))


def test_dlr_does_not_depend_on_the_scale_of_the_logits() -> None:
    """Where cross-entropy loses its slope to rounding, DLR keeps it."""
    logits, labels = logits_and_labels()
    assert torch.allclose(dlr(1e4 * logits, labels), dlr(logits, labels))
    rivals = (labels + 1) % 5
    assert torch.allclose(duel(dlr, 1e4 * logits, labels, rivals), duel(dlr, logits, labels, rivals))


def test_with_too_few_classes_the_margin_takes_the_place_of_dlr() -> None:
    for classes, needed in ((2, 3), (3, 4)):
        logits, labels = logits_and_labels(classes=classes)
        rivals = (labels + 1) % classes
        said = shortfall("dlr", classes, rivals=classes == 3)
        assert said is not None
        assert f"needs {needed} classes and the model has {classes}" in said
        assert torch.equal(duel(dlr, logits, labels, rivals), duel(margin, logits, labels, rivals))
        assert torch.equal(dlr(logits, labels), margin(logits, labels)) == (classes == 2)
    assert shortfall(dlr, 3) is None
    assert shortfall(dlr, 4, rivals=True) is None
    assert shortfall("margin", 2, rivals=True) is None


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("classes", [2, 3, 4, 1000])
def test_a_duel_is_won_by_the_rival(name: str, classes: int) -> None:
    logits, labels = logits_and_labels(classes=classes)
    labels, rows = logits.argmax(1), torch.arange(20)
    rivals = (labels + 1) % classes
    before = duel(OBJECTIVES[name], logits, labels, rivals)
    assert before.shape == (20,)
    logits[rows, rivals] += 0.1
    assert (duel(OBJECTIVES[name], logits, labels, rivals) > before).all()
    alone = torch.cat([duel(OBJECTIVES[name], logits[i : i + 1], labels[i : i + 1], rivals[i : i + 1]) for i in rows])
    assert torch.allclose(alone, duel(OBJECTIVES[name], logits, labels, rivals))


def test_with_two_classes_the_duel_is_the_margin() -> None:
    logits, labels = logits_and_labels(classes=2)
    for objective in (margin, dlr, probability_margin):
        assert torch.allclose(duel(objective, logits, labels, 1 - labels), objective(logits, labels))


def test_an_objective_of_ones_own_is_climbed_down_at_the_rival() -> None:
    logits, labels = logits_and_labels()

    def own(logits: Tensor, labels: Tensor) -> Tensor:
        return -logits.gather(1, labels[:, None])[:, 0]

    rivals = (labels + 2) % 5
    assert torch.equal(duel(own, logits, labels, rivals), logits[torch.arange(20), rivals])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_equal_logits_give_finite_numbers_and_slopes(name: str) -> None:
    logits, labels = torch.zeros(3, 5, requires_grad=True), torch.tensor([0, 1, 4])
    for values in (OBJECTIVES[name](logits, labels), duel(OBJECTIVES[name], logits, labels, (labels + 1) % 5)):
        assert values.isfinite().all()
        assert torch.autograd.grad(values.sum(), logits)[0].isfinite().all()


def test_names_and_callables() -> None:
    assert resolve("margin") is margin
    assert resolve(cross_entropy) is cross_entropy


@pytest.mark.parametrize("wrong", ["ce", "", 3, None, ["margin"]])
def test_what_is_no_objective_is_refused_with_the_choices(wrong: Any) -> None:
    with pytest.raises(InputError) as caught:
        resolve(wrong)
    assert repr(wrong) in str(caught.value)
    assert "cross_entropy, margin, dlr, probability_margin, or pass a callable" in str(caught.value)
