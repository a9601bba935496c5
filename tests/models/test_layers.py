"""Layers exchanged inside a network: the copy has them, the network is as it was."""

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

import brinell as br
from brinell.errors import InputError, InputTypeError


def small() -> nn.Sequential:
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
    return nn.Sequential(OrderedDict(inner=inner, act=nn.ReLU(), out=nn.Linear(6, 3), softmax=nn.Softmax(1)))


def test_a_layer_is_exchanged_by_name_and_the_network_left_as_it_was() -> None:
    net, x = small(), torch.randn(5, 4)
    before, text = net(x), repr(net)
    bare = br.with_layers(net, {"softmax": nn.Identity()})
    assert torch.equal(bare(x).softmax(1), before)
    assert repr(net) == text
    assert torch.equal(net(x), before)
    assert bare.out.weight is not net.out.weight


def test_a_layer_inside_another_gets_a_stand_in_for_its_backward_pass() -> None:
    net, x = small(), torch.randn(5, 4, requires_grad=True)
    soft = br.with_layers(net, {"inner.1": lambda layer: br.BPDA(layer, backward=lambda z: 3 * z)})
    assert torch.equal(soft(x), net(x))
    assert not torch.equal(*(torch.autograd.grad(each(x)[:, 0].sum(), x)[0] for each in (soft, net)))
    assert isinstance(soft.inner[1].layer, nn.ReLU)


def test_all_layers_of_a_class_are_exchanged() -> None:
    made = br.with_layers(small(), {nn.ReLU: lambda layer: br.BPDA(layer), nn.Softmax: nn.Identity})
    assert [name for name, module in made.named_modules() if isinstance(module, br.BPDA)] == ["inner.1", "act"]
    assert isinstance(made.softmax, nn.Identity)
    whole = br.with_layers(small(), {nn.Sequential: nn.Identity()})  # the outermost, not those inside it
    assert isinstance(whole.inner, nn.Identity)


def test_a_layer_that_stands_in_two_places_is_exchanged_in_both() -> None:
    act = nn.ReLU()
    net = br.with_layers(nn.Sequential(nn.Linear(2, 2), act, nn.Linear(2, 2), act), {nn.ReLU: nn.Tanh()})
    assert isinstance(net[1], nn.Tanh)
    assert isinstance(net[3], nn.Tanh)


def test_a_classifier_stays_one() -> None:
    model = br.Classifier(small(), (0, 1), normalize=(0.5, 0.5)).eval()
    bare = br.with_layers(model, {"net.softmax": nn.Identity()})
    assert isinstance(bare, br.Classifier)
    assert not bare.training
    x = torch.rand(3, 4)
    assert torch.equal(bare(x).softmax(1), model(x))


def test_what_is_not_there_is_refused_with_what_is() -> None:
    for key, told in (("soft", "'soft'"), (nn.Tanh, "'Tanh'"), ("", "''")):
        with pytest.raises(InputError, match=f"no layer {told}; it has .*'inner.1' .ReLU..*'softmax' .Softmax."):
            br.with_layers(small(), {key: nn.Identity()})
    with pytest.raises(InputTypeError, match="for the layer 'act' there is 3"):
        br.with_layers(small(), {"act": 3})  # type: ignore[dict-item]
    with pytest.raises(InputTypeError, match="for the layer 'act' there is None"):
        br.with_layers(small(), {"act": lambda _: None})  # type: ignore[dict-item,arg-type,return-value]


def test_it_reaches_inside_networks_of_ones_own() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleDict({"first": nn.Linear(2, 2)})
            self.act = nn.Hardtanh()

        def forward(self, x: Tensor) -> Tensor:
            return self.act(self.blocks["first"](x))

    net = br.with_layers(Own(), {"blocks.first": nn.Identity(), "act": nn.Identity()})
    x = torch.randn(3, 2)
    assert torch.equal(net(x), x)
