"""With the right wrapper a masked model falls about as far as the same network without the mask."""

from functools import partial

import masks
import pytest
import torch
from torch import nn

import brinell as br
from brinell.data import read, stratified

pytestmark = pytest.mark.no_cover  # long walks through code that other tests follow
THREAT = br.Linf(0.1)
CASCADE = (
    br.PGD(steps=20, objective="margin"), br.PGD(steps=20, objective="margin", start="structured"),
)  # fmt: skip
Data = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(scope="module")
def test() -> Data:
    return stratified(read("digits"), 100, 0).block(slice(0, 100))


@pytest.fixture(scope="module")
def net() -> nn.Module:
    torch.manual_seed(0)
    model = br.Classifier(masks.small_network(), (0, 1))
    rows = read("digits:train").block(slice(0, 4000, 2))
    return br.harden(model, rows, THREAT, recipe=br.Standard(), epochs=2, seed=0).net


def standing(net: nn.Module, test: Data, cascade: tuple[br.PGD, ...] = CASCADE) -> float:
    model = br.Classifier(net, (0, 1)).eval()
    return br.audit(model, test, THREAT, cascade=cascade, diagnose=False).robust_accuracy.value


@pytest.fixture(scope="module")
def bare(net: nn.Module, test: Data) -> float:
    """What the cascade leaves of the network without a mask."""
    return standing(net, test)


@pytest.mark.parametrize(
    "mask", [partial(masks.quantised, levels=16), masks.bit_depth, partial(masks.jpeg_like, step=0.1)],
    ids=["quantised", "bit depth", "JPEG-like"],
)  # fmt: skip
def test_rounded_inputs_fall_to_bpda(
    mask: masks.Callable[[torch.Tensor], torch.Tensor], net: nn.Module, bare: float, test: Data
):
    assert standing(nn.Sequential(masks.Layer(mask), net), test) > bare + 0.2
    assert standing(nn.Sequential(br.BPDA(mask), net), test) <= bare + 0.02


def test_random_resizing_and_dropout_fall_to_eot(net: nn.Module, bare: float, test: Data) -> None:
    for mask in (masks.resized, masks.dropped):
        averaged = br.EOT(nn.Sequential(masks.Layer(mask), net), samples=10)
        assert standing(averaged, test) <= bare + 0.02


@pytest.mark.parametrize(
    "name",
    ["gradient turned round", "gradient zeroed by a hook", "gradient replaced by noise", "partly detached",
     "through numpy", "input quantised to 8 bits, straight through"],
)  # fmt: skip
def test_wrong_and_missing_gradients_fall_to_bpda(name: str, net: nn.Module, bare: float, test: Data) -> None:
    assert standing(nn.Sequential(br.BPDA(masks.BEFORE[name]), net), test) <= bare + 0.02


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_k_winners_fall_to_a_soft_edge(share: float, net: nn.Module, bare: float, test: Data) -> None:
    hard, soft = (partial(make, share=share) for make in (masks.k_winners, masks.soft_winners))
    masked = br.with_layers(net, {nn.ReLU: lambda _: br.BPDA(hard, backward=soft)})
    assert standing(masked, test) <= bare + 0.02


def test_steps_inside_a_network_fall_to_what_they_round(net: nn.Module, bare: float, test: Data) -> None:
    steps = masks.HIDDEN["steps"][1]
    masked, found = (br.with_layers(net, {nn.ReLU: put}) for put in (masks.Layer(steps), br.BPDA(steps, torch.relu)))
    assert standing(masked, test) > bare + 0.1
    assert standing(found, test) <= bare + 0.02


def test_signs_fall_to_a_gentle_tanh(test: Data) -> None:
    torch.manual_seed(0)
    model = br.Classifier(masks.small_network(masks.HIDDEN["sign"]), (0, 1))
    rows = read("digits:train").block(slice(0, 4000, 2))
    net = br.harden(model, rows, THREAT, recipe=br.Standard(), epochs=2, seed=0).net
    gentle = br.with_layers(net, {masks.Act: lambda layer: br.BPDA(layer, backward=torch.tanh)})
    assert standing(gentle, test) < standing(net, test) - 0.1


@pytest.mark.parametrize("name", ["logits clipped", "logits through a steep sigmoid", "logits through a steep tanh"])
def test_a_saturated_output_is_left_out(name: str, net: nn.Module, bare: float, test: Data) -> None:
    """Its ties count for the model, clean and under attack; without it the network is itself again."""
    masked = nn.Sequential(net, masks.Layer(masks.AFTER[name]))
    assert standing(masked, test) > bare + 0.4
    assert standing(br.with_layers(masked, {"1": nn.Identity()}), test) == bare


def test_rounded_logits_fall_to_bpda(net: nn.Module, bare: float, test: Data) -> None:
    rounded = nn.Sequential(net, br.BPDA(partial(masks.quantised, levels=20)))
    assert standing(rounded, test) <= bare + 0.02


def test_scaled_logits_fall_to_the_margin(net: nn.Module, bare: float, test: Data) -> None:
    scaled = nn.Sequential(net, masks.Layer(lambda z: z * 1024))
    assert standing(scaled, test, (br.PGD(steps=20),)) > bare + 0.2
    assert standing(scaled, test) == bare


def test_a_saturated_unit_falls_to_a_gentle_slope(net: nn.Module, test: Data) -> None:
    steep, gentle = masks.squashed, partial(masks.squashed, steepness=6.0)
    wide = br.Linf(0.3)

    def left(front: nn.Module) -> float:
        model = br.Classifier(nn.Sequential(front, net), (0, 1)).eval()
        return br.audit(model, test, wide, cascade=CASCADE, diagnose=False).robust_accuracy.value

    hidden = left(masks.Layer(partial(steep, steepness=1000.0)))
    found = left(br.BPDA(partial(steep, steepness=1000.0), gentle))
    assert found < hidden - 0.2
