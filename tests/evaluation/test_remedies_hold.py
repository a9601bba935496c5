"""With the right wrapper a masked model falls about as far as the same network without the mask."""

from functools import partial

import masks
import pytest
import torch
from torch import nn

import brinell as br
from brinell.data import read, stratified

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


@pytest.mark.parametrize(
    "mask", [partial(masks.quantised, levels=16), masks.bit_depth, partial(masks.jpeg_like, step=0.1)],
    ids=["quantised", "bit depth", "JPEG-like"],
)  # fmt: skip
def test_rounded_inputs_fall_to_bpda(mask: masks.Callable[[torch.Tensor], torch.Tensor], net: nn.Module, test: Data):
    bare = standing(net, test)
    assert standing(nn.Sequential(masks.Layer(mask), net), test) > bare + 0.2
    assert standing(nn.Sequential(br.BPDA(mask), net), test) <= bare + 0.02


def test_random_resizing_and_dropout_fall_to_eot(net: nn.Module, test: Data) -> None:
    bare = standing(net, test)
    for mask in (masks.resized, masks.dropped):
        averaged = br.EOT(nn.Sequential(masks.Layer(mask), net), samples=10)
        assert standing(averaged, test) <= bare + 0.02


def test_scaled_logits_fall_to_the_margin(net: nn.Module, test: Data) -> None:
    scaled = nn.Sequential(net, masks.Layer(lambda z: z * 1024))
    bare = standing(net, test)
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
