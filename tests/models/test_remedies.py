"""BPDA and EOT: the forward pass as it is, the backward pass as it helps; and the masks that fall by them."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import brinell as br
from brinell.errors import InputError, InputTypeError


def test_forward_is_exact_and_backward_is_the_identity() -> None:
    x = torch.rand(4, 3, 5, requires_grad=True)
    layer = br.BPDA(lambda x: torch.round(x * 3) / 3)
    out = layer(x)
    assert torch.equal(out, torch.round(x * 3) / 3)
    weight = torch.rand_like(x)
    (grad,) = torch.autograd.grad((out * weight).sum(), x)
    assert torch.equal(grad, weight)


def test_backward_is_that_of_the_stand_in() -> None:
    x = torch.randn(6, 4, requires_grad=True)
    layer = br.BPDA(torch.sign, backward=torch.tanh)
    (grad,) = torch.autograd.grad(layer(x).sum(), x)
    torch.testing.assert_close(grad, 1 - torch.tanh(x.detach()) ** 2)


def test_the_layer_may_leave_the_graph_and_be_a_module() -> None:
    class Numpy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.from_numpy(x.numpy().round(1))

    x = torch.rand(2, 3, requires_grad=True)
    layer = br.BPDA(Numpy())
    assert [*layer.children()]
    assert torch.autograd.grad(layer(x).sum(), x)[0].eq(1).all()
    with torch.no_grad():
        assert torch.equal(layer(x), torch.from_numpy(x.detach().numpy().round(1)))


def test_infinite_stand_ins_leave_the_value_alone() -> None:
    x = torch.zeros(2, 2, requires_grad=True)
    assert torch.equal(br.BPDA(torch.cos, backward=torch.log)(x), torch.ones(2, 2))


def test_wrong_layers_are_refused() -> None:
    with pytest.raises(InputTypeError, match="layer is 3"):
        br.BPDA(3)  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match="backward is <class"):
        br.BPDA(torch.sign, nn.ReLU)
    with pytest.raises(InputError, match=r"\(2, 1\) and its stand-in \(2, 3\)"):
        br.BPDA(lambda x: x[:, :1])(torch.rand(2, 3, requires_grad=True))


class Noisy(nn.Module):
    """A linear network whose input is noisy."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.size = size
        self.net = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x + self.size * torch.randn_like(x))


def test_the_average_is_fixed_and_leaves_the_random_state_alone() -> None:
    x, state = torch.rand(5, 3), torch.get_rng_state()
    net = Noisy(1.0)
    state = torch.get_rng_state()
    one, two = br.EOT(net, samples=7, seed=3), br.EOT(net, samples=7, seed=4)
    assert torch.equal(one(x), one(x))
    assert not torch.equal(one(x), two(x))
    assert torch.equal(torch.get_rng_state(), state)
    assert "samples=7, seed=3" in repr(one)


def test_the_average_tends_to_the_expectation() -> None:
    x, net = torch.rand(5, 3), Noisy(0.5)
    error = [float((br.EOT(net, samples=n)(x) - net.net(x)).abs().max().detach()) for n in (4, 900)]
    assert error[1] < 0.1
    assert error[1] < error[0]


def test_the_gradient_is_the_mean_gradient() -> None:
    net = nn.Sequential(nn.Linear(3, 2))
    net.register_forward_pre_hook(lambda _, inputs: (inputs[0] * torch.rand(()),))
    x = torch.rand(4, 3, requires_grad=True)
    eot = br.EOT(net, samples=5)
    (grad,) = torch.autograd.grad(eot(x)[:, 0].sum(), x)
    each = []
    for number in range(5):
        single = br.EOT(net, samples=5)
        each.append(torch.autograd.grad(single._one(x, number)[:, 0].sum(), x)[0])
    torch.testing.assert_close(grad, torch.stack(each).mean(0))


def test_a_stand_in_stands_inside_an_average() -> None:
    net = nn.Sequential(br.BPDA(torch.round), Noisy(0.0))
    x = torch.rand(4, 3, requires_grad=True)
    eot = br.EOT(net, samples=3)
    (grad,) = torch.autograd.grad(eot(x)[:, 0].sum(), x)
    torch.testing.assert_close(grad, net[1].net.weight[0].detach().expand(4, 3))
    assert eot.by_row


def test_wrong_networks_are_refused() -> None:
    with pytest.raises(InputTypeError, match="wrap the EOT"):
        br.EOT(br.Classifier(nn.Linear(2, 2), (0, 1)))
    with pytest.raises(InputError, match="samples is 0"):
        br.EOT(nn.Linear(2, 2), samples=0)

    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    with pytest.raises(InputTypeError, match="returned tuple"):
        br.EOT(Pair())(torch.rand(1, 2))


def test_a_bare_function_of_one_tensor_is_enough() -> None:
    x = torch.rand(1, 1, 4, 4, requires_grad=True)
    layer = br.BPDA(lambda x: F.max_pool2d(x, 2), backward=lambda x: F.avg_pool2d(x, 2))
    assert torch.autograd.grad(layer(x).sum(), x)[0].eq(0.25).all()
