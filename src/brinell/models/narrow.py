"""Slopes through a convolution of few channels, such as a network's first: on a CPU they cost more than all the rest.

The usual way back to the input of a convolution works on blocks of channels; an image has one or three. A matrix
product with the kernel and one sum over the windows give the same slope up to rounding, several times as fast."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_MOST = 12  # products for each value of the input up to which this is the faster way


class _Convolution(torch.autograd.Function):
    """A convolution whose slope reaches its input alone."""

    @staticmethod
    def forward(x: Tensor, module: nn.Conv2d) -> Tensor:
        return nn.Conv2d.forward(module, x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, nn.Conv2d], output: Tensor) -> None:  # noqa: ARG004
        x, ctx.module = inputs
        ctx.size = x.shape[2:]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        at: nn.Conv2d = ctx.module
        columns = at.weight.detach().flatten(1).t() @ grad.flatten(2)  # (N, channels * kernel, windows)
        return F.fold(columns, ctx.size, at.kernel_size, at.dilation, at.padding, at.stride), None  # type: ignore[arg-type]


@contextmanager
def narrow_convolutions(model: nn.Module) -> Iterator[None]:
    """Let slopes reach the input by the faster way where there is one; nothing else changes.

    Inside, such convolutions have no slopes for their weights."""
    chosen = [module for module in model.modules() if isinstance(module, nn.Conv2d) and _narrow(module)]
    for module in chosen:
        module.forward = partial(_forward, module)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for module in chosen:
            del module.forward  # that of the class is there again


def _narrow(module: nn.Conv2d) -> bool:
    if type(module) is not nn.Conv2d or "forward" in vars(module) or module.weight.device.type != "cpu":
        return False
    plain = module.groups == 1 and module.padding_mode == "zeros" and not isinstance(module.padding, str)
    (height, width), (down, across) = module.kernel_size, module.stride
    return plain and module.in_channels * height * width <= _MOST * down * across


def _forward(module: nn.Conv2d, x: Tensor) -> Tensor:
    if not x.requires_grad or x.dim() != 4 or torch.is_autocast_enabled(x.device.type):
        return nn.Conv2d.forward(module, x)
    out: Tensor = _Convolution.apply(x, module)  # type: ignore[no-untyped-call]
    return out
