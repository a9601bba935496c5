"""BPDA: forward as it is, backward through a stand-in, for layers whose slope is missing or of no use."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from brinell.errors import InputError, InputTypeError

Map: TypeAlias = Callable[[Tensor], Tensor]


def identity(x: Tensor) -> Tensor:
    """``x`` itself: the stand-in for a layer that changes its input little, such as rounding or denoising."""
    return x


class BPDA(nn.Module):
    """A layer whose forward pass is exactly ``layer``, and whose backward pass is that of ``backward``.

    It goes where the layer was: ``nn.Sequential(br.BPDA(quantise), net)``. Attacks then find a way through layers
    that round, sort, saturate or cut the gradient, and what they find still has to fool the true forward pass.

    layer: an ``nn.Module`` or any callable, (N, ...) to (N, ...); it may leave the graph (numpy, ``no_grad``).
    backward: a differentiable callable whose output has the layer's shape; the identity by default. For a saturated
        sigmoid, one of gentle slope; for sign, ``torch.tanh``; for k-winners a soft edge, the units times
        ``sigmoid((units - kth) / width)``, where ``kth`` is the k-th largest and ``width`` a tenth of their spread.

    Inside a network, ``with_layers`` puts it in the place of a layer; around a whole network, ``backward`` may be
    another one, such as an ``EOT`` of it.

    Parameters of ``layer`` get no gradient from it: it is for evaluation. Raises InputTypeError, InputError.
    Source: Athalye et al. 2018, arXiv:1802.00420."""

    def __init__(self, layer: Map, backward: Map = identity) -> None:
        super().__init__()
        for name, part in (("layer", layer), ("backward", backward)):
            if not callable(part) or isinstance(part, type):
                raise InputTypeError(f"{name} is {part!r}; pass an nn.Module or a callable of one tensor.")
        self.layer = layer
        self.backward = backward

    def forward(self, x: Tensor) -> Tensor:
        """``layer(x)``, (N, ...); its slope is that of ``backward(x)``."""
        with torch.no_grad():
            exact = self.layer(x.detach())
        if not torch.is_grad_enabled():  # inside EOT, ``x`` does not tell whether its gradient is wanted
            return exact
        stand_in = self.backward(x)
        if stand_in.shape != exact.shape:
            raise InputError(
                f"the layer returns shape {tuple(exact.shape)} and its stand-in {tuple(stand_in.shape)}; pass a "
                "callable as backward whose output has the layer's shape."
            )
        return as_if(exact, stand_in)


def as_if(exact: Tensor, stand_in: Tensor) -> Tensor:
    """The value of the first, the slope of the second, of one shape."""
    result: Tensor = _StandIn.apply(exact, stand_in)  # type: ignore[no-untyped-call]
    return result


class _StandIn(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(exact: Tensor, stand_in: Tensor) -> Tensor:  # noqa: ARG004
        return exact.view_as(exact)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        """Nothing to remember."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:  # noqa: ARG004
        return None, grad
