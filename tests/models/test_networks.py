"""The reference networks are those that the figures were measured on."""

import torch
from torch import nn

from brinell.models import Classifier, SmallCNN, TutorialCNN, tutorial_classifier


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_the_tutorial_network_is_the_tutorials() -> None:
    net = TutorialCNN()
    assert count(net) == 10 * 25 + 10 + 1440 * 50 + 50 + 50 * 10 + 10 == 72_820
    assert net(torch.rand(3, 1, 28, 28)).shape == (3, 10)
    assert [type(layer).__name__ for layer in net] == [
        "Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear", "ReLU", "Linear",
    ]  # fmt: skip


def test_the_small_network_has_the_size_that_was_published() -> None:
    net = SmallCNN()
    assert count(net) == 166_406
    assert net(torch.rand(3, 1, 28, 28)).shape == (3, 10)
    assert {name: tuple(p.shape) for name, p in net.named_parameters()} == {
        "0.weight": (16, 1, 4, 4), "0.bias": (16,), "2.weight": (32, 16, 4, 4), "2.bias": (32,),
        "5.weight": (100, 1568), "5.bias": (100,), "7.weight": (10, 100), "7.bias": (10,),
    }  # fmt: skip


def test_the_tutorial_classifier_takes_pixels() -> None:
    model = tutorial_classifier()
    assert isinstance(model, Classifier)
    assert str(model.bounds) == "(0, 1)"
    x = torch.rand(2, 1, 28, 28)
    assert torch.allclose(model(x), model.net((x - 0.1307) / 0.3081), atol=1e-5)


def test_the_docstrings_tell_the_size() -> None:
    for kind in (TutorialCNN, SmallCNN):
        assert f"{count(kind()):,} parameters" in (kind.__doc__ or "")
