"""Published robust weights on real digits: figures that others measured too."""

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from brinell.api import attack as run
from brinell.attacks import FGSM, PGD
from brinell.data import read
from brinell.judge import logits_of
from brinell.models import Classifier, SmallCNN, load_weights
from brinell.threats import Linf

pytestmark = pytest.mark.data


def published(name: str) -> Classifier:
    model = Classifier(SmallCNN(), bounds=(0, 1))
    load_weights(model, Path(os.environ["BRINELL_DATA"]) / "models" / f"locuslab-mnist-{name}.safetensors")
    return model.eval()


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    """MNIST's test set."""
    return read("mnist").block(slice(None))


@pytest.mark.parametrize(("name", "right"), [("pgd", 9899), ("fgsm", 9850)])
def test_clean_accuracy_is_that_of_the_file(name: str, right: int, digits: tuple[Tensor, Tensor]) -> None:
    x, y = digits
    assert int((logits_of(published(name), x, 500).argmax(1) == y).sum()) == right


def test_robust_accuracy_is_near_what_others_measured(digits: tuple[Tensor, Tensor]) -> None:
    """PGD, 40 steps of 0.01: 90.8 % of the first 1,000 were measured before; here the first 500."""
    x, y = digits[0][:500], digits[1][:500]
    model = published("pgd")
    rate = run(PGD(steps=40, rel_step=0.01 / 0.3), model, x, y, Linf(0.3)).robust_accuracy
    assert rate.n == 500
    assert 0.88 <= rate.value <= 0.94
    by_fgsm = run(FGSM(), model, x, y, Linf(0.3)).robust_accuracy
    assert rate.value < by_fgsm.value < 0.98
    assert torch.get_default_dtype() == torch.float32
