"""Other layers in the place of those that a network has: how a remedy gets inside."""

import copy
from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

from torch import nn

from brinell.errors import InputError, InputTypeError

Key: TypeAlias = str | type[nn.Module]
Layer: TypeAlias = nn.Module | Callable[[nn.Module], nn.Module]
N = TypeVar("N", bound=nn.Module)


def with_layers(net: N, layers: Mapping[Key, Layer]) -> N:
    """A copy of ``net`` with other layers in the place of some of its own; the given one is left as it was.

    layers: by name, as ``net.named_modules()`` has it, or by class, for all layers of that class: the ``nn.Module`` to
        put there, or a callable that makes one of the layer that stood there.

    A layer that hides its gradient gets a stand-in for the backward pass where it stands, and one that only squashes
    the logits is left out, which changes no decision but ties:

        with_layers(net, {"act": lambda layer: BPDA(layer, backward=torch.tanh), "softmax": nn.Identity()})

    net: an ``nn.Module``, or a Classifier. What a forward pass calls as a function is no layer and cannot be reached.
    Raises InputError, InputTypeError. Source: the backward pass of a part is Athalye et al. 2018, arXiv:1802.00420."""
    copied = copy.deepcopy(net)
    for key, layer in layers.items():
        for name in _places(copied, key):
            parent, _, last = name.rpartition(".")
            setattr(copied.get_submodule(parent), last, _made(layer, copied.get_submodule(name), name))
    return copied


def _places(net: nn.Module, key: Key) -> list[str]:
    """The names of the layers that are meant, outermost first, none inside another. Raises InputError."""
    inner = [(name, module) for name, module in net.named_modules(remove_duplicate=False) if name]
    found: list[str] = []
    for name, module in inner:
        meant = name == key if isinstance(key, str) else isinstance(module, key)
        if meant and not any(name.startswith(f"{outer}.") for outer in found):
            found.append(name)
    if not found:
        there = ", ".join(f"{name!r} ({type(module).__name__})" for name, module in inner) or "none"
        raise InputError(
            f"the network has no layer {key if isinstance(key, str) else key.__name__!r}; it has {there}. What its "
            "forward pass calls as a function is no layer: make it one, or wrap it in BPDA there."
        )
    return found


def _made(layer: Layer, stood: nn.Module, name: str) -> nn.Module:
    made = layer if isinstance(layer, nn.Module) or not callable(layer) else layer(stood)
    if not isinstance(made, nn.Module):
        raise InputTypeError(
            f"for the layer {name!r} there is {made!r}; give an nn.Module, or a callable that makes one."
        )
    return made
