"""What an audit warns of: suspicious settings, and rows that rounding or the layout decides."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import brinell as br
from brinell.errors import InputTypeError
from helpers import IMAGE, curved, linear, points

FGSM = (br.FGSM(),)


def warnings(model: br.Classifier, x: Tensor, y: Tensor, threat: Any, **options: Any) -> tuple[str, ...]:
    return br.audit(model, (x, y), threat, cascade=FGSM, **options).record.warnings


def decent(scale: float = 1.0) -> tuple[br.Classifier, Tensor, Tensor]:
    """A linear model that normalises, and 90 rows that it gets right."""
    x = points(IMAGE, 90) * scale
    model = br.Classifier(linear(IMAGE), bounds=(0, scale), normalize=(0.5 * scale, 0.5 * scale)).eval()
    with torch.no_grad():
        return model, x, model(x).argmax(1)


def test_a_decent_model_gets_no_warning() -> None:
    assert warnings(*decent(), br.Linf(0.1)) == ()
    assert warnings(*decent(255.0), br.Linf(8.0)) == ()


def test_an_eps_of_pixels_in_0_to_1_on_bytes_is_warned_of() -> None:
    (warning,) = warnings(*decent(255.0), br.Linf(0.3))
    assert "0.3" in warning
    assert "255" in warning


def test_accuracy_near_chance_is_warned_of() -> None:
    model, x, _ = decent()
    (warning,) = warnings(model, x, torch.arange(90) % 3, br.Linf(0.1))
    assert "near chance (33.3% for 3 classes)" in warning


def test_normalising_twice_is_warned_of() -> None:
    model, x, y = decent()
    shift = nn.Sequential(Shift(), deepcopy(model.net))
    twice = br.Classifier(shift, (0, 1), normalize=(0.9, 0.1)).eval()
    assert "Leave normalize out" in warnings(twice, x, y, br.Linf(0.1))[-1]
    assert warnings(br.Classifier(shift, (0, 1)).eval(), x, y, br.Linf(0.1)) == ()


class Shift(nn.Module):
    """The normalisation of a network that does its own."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - 0.5) / 0.5


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(3), nn.Dropout(0.5)])
def test_train_mode_is_warned_of_where_it_matters(layer: nn.Module) -> None:
    model, x, y = decent()
    moody = br.Classifier(nn.Sequential(layer, deepcopy(model.net)), (0, 1), normalize=(0.5, 0.5))
    assert not [text for text in warnings(moody.eval(), x, y, br.Linf(0.1)) if "train mode" in text]
    (warning,) = [text for text in warnings(moody.train(), x, y, br.Linf(0.1)) if "train mode" in text]
    assert type(layer).__name__ in warning
    assert warnings(model.train(), x, y, br.Linf(0.1)) == ()


def test_wanting_the_truth_is_warned_of() -> None:
    model, x, y = decent()
    (warning,) = warnings(model, x, y, br.Linf(0.1), goal=br.Toward(1))
    assert warning.startswith(f"{int((y == 1).sum())} of the first 90 rows")
    assert warnings(model, x, y, br.Linf(0.1), goal=br.Toward((y + 1) % 3)) == ()


# Rows that rounding or the layout decides


class Sociable(nn.Module):
    """Its answer depends on who else is in the batch."""

    def __init__(self, net: nn.Module, share: float) -> None:
        super().__init__()
        self.net, self.share = net, share

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)
        return logits + self.share * logits.mean(0, keepdim=True)


def test_rows_that_the_batch_decides_are_unstable() -> None:
    x = points(IMAGE, 90)
    net = curved(IMAGE)
    for share, some in ((0.0, False), (2.0, True)):
        model = br.Classifier(Sociable(net, share), (0, 1)).eval()
        with torch.no_grad():
            y = model(x).argmax(1)
        audit = br.audit(model, (x, y), br.Linf(0.1), cascade=(br.PGD(steps=5),), batch_size=8, diagnose=False)
        assert (audit.record.unstable > 0) == some
        assert sum(audit.table["unstable"].to_pylist()) == audit.record.unstable


def test_a_classifier_is_needed() -> None:
    with pytest.raises(InputTypeError, match="bounds"):
        br.audit(nn.Linear(2, 2), (torch.rand(3, 2), [0, 1, 0]), br.Linf(0.1))  # type: ignore[arg-type]
