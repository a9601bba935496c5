"""The model as an attacker sees it: raw inputs in, logits out."""

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from brinell.errors import InputError, InputTypeError
from brinell.models import Classifier
from helpers import IMAGE, drawn_parameters, generator, linear, points


class Returns(nn.Module):
    """A network that returns what it is told to make of its logits (N, 3)."""

    def __init__(self, shape: Any) -> None:
        super().__init__()
        self.inner, self.shape = linear(IMAGE), shape

    def forward(self, x: Tensor) -> Any:
        return self.shape(self.inner(x))


class Answer(NamedTuple):
    loss: None
    logits: Tensor


KINDS = {
    "tensor": lambda z: z,
    "dict": lambda z: {"features": z * 0, "logits": z},
    "tuple": lambda z: (z, z * 0),
    "tuple with a gap": lambda z: (None, z),
    "list": lambda z: [z],
    "named tuple": lambda z: Answer(None, z),
    "object": lambda z: SimpleNamespace(loss=1.0, logits=z),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_logits_are_unwrapped(kind: Any) -> None:
    x = points(IMAGE)
    assert torch.equal(Classifier(Returns(kind), (0, 1))(x), linear(IMAGE)(x))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (lambda z: {"scores": z, "boxes": z}, r"dict with keys \['boxes', 'scores'\]"),
        (lambda z: None, "returned NoneType"),
        (lambda z: z.tolist(), "returned list"),
        (lambda z: (), "returned tuple"),
        (lambda z: SimpleNamespace(scores=z), "returned SimpleNamespace"),
        (lambda z: {"logits": "none"}, r"dict with keys \['logits'\]"),
    ],
)
def test_what_holds_no_logits_is_refused_with_what_came(kind: Any, said: str) -> None:
    with pytest.raises(InputTypeError, match=said) as caught:
        Classifier(Returns(kind), (0, 1))(points(IMAGE))
    assert '"logits"' in str(caught.value)


@pytest.mark.parametrize(
    "kind",
    [lambda z: z[:4], lambda z: z[:, :, None], lambda z: z.sum(), lambda z: z.flatten(), lambda z: z.mT],
)
def test_logits_of_another_shape_are_refused(kind: Any) -> None:
    with pytest.raises(InputError, match=r"returned shape .* for 9 rows; it must return logits \(N, K\)"):
        Classifier(Returns(kind), (0, 1))(points(IMAGE))


@pytest.mark.parametrize("kind", [lambda z: z[:, :1], lambda z: z[:, 0], lambda z: z[:, 0].squeeze()])
@pytest.mark.parametrize("n", [1, 2, 9])
def test_one_logit_becomes_two(kind: Any, n: int) -> None:
    x = points(IMAGE, n)
    logits = Classifier(Returns(kind), (0, 1))(x)
    assert logits.shape == (n, 2)
    assert not logits[:, 0].any()
    assert torch.equal(logits[:, 1], linear(IMAGE)(x)[:, 0])
    probability = torch.sigmoid(logits[:, 1])
    assert torch.allclose(logits.softmax(1)[:, 1], probability)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_become_float32(dtype: torch.dtype) -> None:
    assert Classifier(Returns(lambda z: z.to(dtype)), (0, 1))(points(IMAGE)).dtype == torch.float32
    assert Classifier(linear(IMAGE).double(), (0, 1))(points(IMAGE).double()).dtype == torch.float64


# --- normalisation ----------------------------------------------------------------------------------------------

ARRAYS: dict[str, tuple[Any, Any]] = {
    "numbers": (0.1307, 0.3081),
    "one a channel": ([0.4, 0.5, 0.6], (0.2, 0.25, 0.3)),
    "numpy": (np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.25, 0.3])),
    "broadcast": (torch.rand(3, 1, 1), torch.rand(3, 1, 1) + 0.1),
    "like one input": (torch.rand(3, 4, 4), torch.rand(3, 4, 4) + 0.1),
}


@pytest.mark.parametrize(("mean", "std"), ARRAYS.values(), ids=ARRAYS)
def test_normalisation_by_hand(mean: Any, std: Any) -> None:
    x, net = points(IMAGE), linear(IMAGE)
    shape = (3, 1, 1) if torch.as_tensor(mean).dim() == 1 else torch.as_tensor(mean).shape
    by_hand = (x - torch.as_tensor(mean).float().reshape(shape)) / torch.as_tensor(std).float().reshape(shape)
    model = Classifier(net, (0, 1), normalize=(mean, std))
    assert model.normalizes
    assert torch.allclose(model(x), net(by_hand), atol=1e-5)
    assert not Classifier(net, (0, 1)).normalizes


def test_a_vector_stands_along_the_columns_of_a_table() -> None:
    x, net = torch.rand(5, 3, generator=generator(0)), drawn_parameters(nn.Linear(3, 2), 0)
    mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([1.0, 2.0, 3.0])
    assert torch.allclose(Classifier(net, (0, 1), (mean, std))(x), net((x - mean) / std))


@pytest.mark.parametrize("pair", [(0, 0), (0, -1), ([0.1], [0.0]), (float("nan"), 1), (0, float("inf")), (1,), "ab", 3])
def test_a_normalisation_that_cannot_be_is_refused(pair: Any) -> None:
    with pytest.raises(InputError) as caught:
        Classifier(linear(IMAGE), (0, 1), normalize=pair)
    assert repr(pair) in str(caught.value)
    assert "mean" in str(caught.value)


# --- what it is made of -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("net", [lambda x: x, None, "resnet18", nn.Linear, Classifier(nn.Linear(2, 2), (0, 1))])
def test_what_is_no_network_is_refused(net: Any) -> None:
    with pytest.raises(InputTypeError, match=rf"net is {type(net).__name__}; pass the nn\.Module"):
        Classifier(net, (0, 1))


def test_bounds_are_those_given() -> None:
    assert str(Classifier(linear(IMAGE), (-1, 1)).bounds) == "(-1, 1)"
    with pytest.raises(InputError, match="low must be below high"):
        Classifier(linear(IMAGE), (1, 0))
    with pytest.raises(InputError, match="finite"):
        Classifier(linear(IMAGE), (0, float("inf")))


def test_the_anchor_has_the_device_and_dtype_of_the_network() -> None:
    assert Classifier(linear(IMAGE).double(), (0, 1)).anchor.dtype == torch.float64
    assert Classifier(linear(IMAGE).bfloat16(), (0, 1)).anchor.dtype == torch.float32
    assert Classifier(nn.Flatten(), (0, 1)).anchor.dtype == torch.float32
    assert Classifier(linear(IMAGE), (0, 1)).anchor.numel() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_precision_is_that_of_the_network(dtype: torch.dtype) -> None:
    assert Classifier(linear(IMAGE).to(dtype), (0, 1)).precision == str(dtype).removeprefix("torch.")
    assert Classifier(linear(IMAGE), (0, 1)).precision == Classifier(nn.Flatten(), (0, 1)).precision == "float32"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_precision_network_takes_float32_inputs(dtype: torch.dtype) -> None:
    """The network rounds the input for itself; normalisation is done before, with all digits."""
    x, net = points(IMAGE), linear(IMAGE).to(dtype)
    model = Classifier(net, (0, 1), normalize=(0.5, 0.25))
    assert torch.equal(model(x), net(((x - 0.5) / 0.25).to(dtype)).float())
    assert model.to(dtype)(x.to(dtype)).dtype == torch.float32


def test_the_state_is_that_of_the_network() -> None:
    """Normalisation is no weight: a file of weights fits with and without it."""
    model = Classifier(linear(IMAGE), (0, 1), normalize=(0.5, 0.5))
    assert set(model.state_dict()) == {f"net.{name}" for name in linear(IMAGE).state_dict()}
    assert model.training_log is None


def test_normalisation_moves_with_the_model() -> None:
    model = Classifier(linear(IMAGE), (0, 1), normalize=(0.5, 0.25)).double()
    assert model(points(IMAGE).double()).dtype == torch.float64
    assert torch.allclose(model(points(IMAGE).double()), linear(IMAGE).double()((points(IMAGE).double() - 0.5) / 0.25))
