"""Slopes of convolutions from few channels: the same numbers, and the model as it was."""

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from brinell.defenses.meter import Meter
from brinell.models.slopes import quick_slopes

CONVS = {
    "strided": (1, 4, {"kernel_size": 4, "stride": 2, "padding": 1}),
    "colours": (3, 5, {"kernel_size": 3, "padding": 1, "bias": False}),
    "grey": (1, 3, {"kernel_size": 3, "padding": 2, "bias": False}),
    "uneven": (3, 4, {"kernel_size": (2, 5), "stride": (3, 1), "padding": (0, 2)}),
    "point": (3, 2, {"kernel_size": 1, "stride": 2}),
}


def slopes(net: nn.Module, x: Tensor, weights: bool = False) -> list[Tensor]:
    x = x.clone().requires_grad_()
    torch.manual_seed(1)
    out = net(x)
    return [out, *torch.autograd.grad((out * torch.randn_like(out)).sum(), [x, *(net.parameters() if weights else ())])]


@pytest.mark.parametrize("name", CONVS)
@pytest.mark.parametrize("part", [1 << 25, 1], ids=["whole", "in parts"])
def test_slopes_are_those_of_pytorch(name: str, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brinell.models.slopes._COLUMNS", part)
    inside, outside, options = CONVS[name]
    net = nn.Conv2d(inside, outside, **options).double()
    x = torch.randn(3, inside, 11, 14, dtype=torch.float64)
    wanted = slopes(net, x, weights=True)
    with quick_slopes(net):
        got = slopes(net, x, weights=True)
    assert torch.equal(got[0], wanted[0])
    for mine, theirs in zip(got[1:], wanted[1:], strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("inside", [1, 3])
@pytest.mark.parametrize("part", [1 << 25, 1], ids=["whole", "in parts"])
def test_slopes_of_weights_alone_cost_what_they_cost_pytorch(
    inside: int, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brinell.models.slopes._COLUMNS", part)
    net, x = nn.Conv2d(inside, 4, 3, stride=2).double(), torch.randn(3, inside, 9, 9, dtype=torch.float64)
    costs, found = [], []
    for quick in (nullcontext(), quick_slopes(net)):
        with quick, Meter() as meter:
            found.append(torch.autograd.grad(net(x).square().sum(), list(net.parameters())))
        costs.append(meter.flops)
    assert costs[0] == costs[1] > 0
    torch.testing.assert_close(*found)


def test_a_slope_of_a_slope_can_be_taken() -> None:
    net = nn.Conv2d(2, 3, 3).double()
    with quick_slopes(net):
        assert torch.autograd.gradgradcheck(net, torch.randn(1, 2, 5, 5, dtype=torch.float64, requires_grad=True))


class Own(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2


@pytest.mark.parametrize(
    "conv",
    [nn.Conv2d(4, 2, 3), nn.Conv2d(2, 2, 3, groups=2), nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"),
     nn.Conv2d(1, 2, 3, padding="same"), nn.Conv2d(1, 2, 3, dilation=2), Own(1, 2, 3)],
    ids=["many", "groups", "reflect", "same", "dilated", "own"],
)  # fmt: skip
def test_other_convolutions_are_left_alone(conv: nn.Conv2d) -> None:
    with quick_slopes(nn.Sequential(conv)):
        assert "forward" not in vars(conv)


@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")  # of PyTorch's own, where it compiles
def test_compiled_models_are_left_alone() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3))
    net.compile(backend="eager")
    with quick_slopes(net):
        assert "forward" not in vars(net[0])


def test_the_model_is_put_back_also_after_an_error() -> None:
    conv = nn.Conv2d(1, 2, 3)
    before = dict(vars(conv))
    with pytest.raises(RuntimeError, match="channels"), quick_slopes(conv):
        conv(torch.randn(1, 2, 5, 5, requires_grad=True))
    assert vars(conv) == before


def test_autocast_and_three_axes_go_the_usual_way() -> None:
    conv = nn.Conv2d(1, 2, 3)
    x = torch.randn(1, 6, 6, requires_grad=True)
    with quick_slopes(conv):
        assert torch.equal(conv(x), nn.Conv2d.forward(conv, x))
        with torch.autocast("cpu", torch.bfloat16):
            assert conv(x[None]).dtype == torch.bfloat16
