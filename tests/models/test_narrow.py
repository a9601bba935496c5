"""Narrow convolutions: the same slopes by another way, and nothing of it left afterwards."""

import copy

import pytest
import torch
from torch import nn

from brinell.models.narrow import narrow_convolutions

CONVOLUTIONS = {
    "tutorial": nn.Conv2d(1, 10, 5, stride=2),
    "strided": nn.Conv2d(1, 16, 4, stride=2, padding=1),
    "three channels": nn.Conv2d(3, 8, 4, stride=(2, 3), padding=(0, 1)),
    "dilated": nn.Conv2d(1, 8, (3, 2), dilation=(1, 2), padding=2, bias=False),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_slopes_are_the_same(name: str) -> None:
    layer = CONVOLUTIONS[name].double()
    net = nn.Sequential(layer, nn.ReLU(), nn.Flatten(), nn.LazyLinear(3).double())
    x = torch.rand(5, layer.in_channels, 13, 14, dtype=torch.float64, requires_grad=True)
    logits = net(x)
    (slope,) = torch.autograd.grad(logits.square().sum(), x)
    with narrow_convolutions(net):
        assert "forward" in vars(layer)
        again = net(x)
        (narrow,) = torch.autograd.grad(again.square().sum(), x)
        assert "_Convolution" in str(layer(x).grad_fn)
    assert torch.equal(again, logits)
    torch.testing.assert_close(narrow, slope)
    assert "forward" not in vars(layer)


def test_hooks_see_what_passes_and_an_error_leaves_nothing() -> None:
    layer, seen = nn.Conv2d(1, 4, 3), []
    layer.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))

    def fail() -> None:
        with narrow_convolutions(layer):
            layer(torch.rand(2, 1, 8, 8, requires_grad=True))
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail()
    assert seen == [(2, 4, 6, 6)]
    assert "forward" not in vars(layer)
    assert "forward" not in vars(copy.deepcopy(layer))


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(3, 4, 3), nn.Conv2d(2, 4, 2, groups=2), nn.Conv2d(1, 4, 3, padding="same"),
     nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular"), nn.Conv1d(1, 4, 3),
     nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 4, 3))],
    ids=["wide", "groups", "same", "circular", "other kind", "weight norm"],
)  # fmt: skip
def test_what_is_no_plain_narrow_convolution_is_left_alone(layer: nn.Module) -> None:
    with narrow_convolutions(layer):
        assert "forward" not in vars(layer)


def test_under_autocast_it_works_as_ever() -> None:
    layer = nn.Conv2d(1, 4, 3)
    x = torch.rand(2, 1, 8, 8, requires_grad=True)
    with narrow_convolutions(layer), torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    assert out.dtype == torch.bfloat16
    (slope,) = torch.autograd.grad(out.float().sum(), x)
    assert slope.dtype == torch.float32
