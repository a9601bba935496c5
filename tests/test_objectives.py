"""What an attacker climbs, by row."""

from typing import Any

import pytest
import torch
from torch import Tensor

from brinell.errors import InputError
from brinell.objectives import OBJECTIVES, cross_entropy, margin, resolve
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
    logits, labels = logits_and_labels()
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


def test_names_and_callables() -> None:
    assert resolve("margin") is margin
    assert resolve(cross_entropy) is cross_entropy


@pytest.mark.parametrize("wrong", ["dlr", "", 3, None, ["margin"]])
def test_what_is_no_objective_is_refused_with_the_choices(wrong: Any) -> None:
    with pytest.raises(InputError) as caught:
        resolve(wrong)
    assert repr(wrong) in str(caught.value)
    assert "cross_entropy, margin, or pass a callable" in str(caught.value)
