"""Slopes of convolutions from few channels, such as the colours of an image, by PyTorch's older way.

On a CPU PyTorch hands convolutions to oneDNN, which works on channels by the eight or sixteen. Where an input has one
to three, PyTorch's own matrix products, which it keeps for other cases, take a fifth to two thirds of the time; in
small networks these slopes are up to half of a gradient.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FEW = 3  # channels, as images have; with sixteen oneDNN is faster
_COLUMNS = 1 << 25  # bytes of patches unfolded at once, toward weights; rows go in parts, so that memory does not grow

_Pair: TypeAlias = tuple[int, int]
_slopes = torch.ops.aten._slow_conv2d_backward.output_mask


@contextmanager
def quick_slopes(model: nn.Module) -> Iterator[None]:
    """Inside, the first convolutions of ``model`` compute their slopes faster where they run on a CPU: those toward
    the input, and from one channel those toward the weights as well.

    Logits keep their bits, slopes change by rounding only. Compiled models are left alone: they would be compiled
    anew. Every module is put back as it was, also after an error."""
    convs = [module for module in model.modules() if isinstance(module, nn.Conv2d) and _suits(module)]
    chosen = [] if any(map(_is_compiled, model.modules())) else convs
    for module in chosen:
        module.forward = partial(_forward, module)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for module in chosen:
            del module.forward  # that of the class shows again


def is_quick(module: nn.Module) -> bool:
    """Whether a module computes its slopes here for the time; its outputs keep their bits."""
    forward = vars(module).get("forward")
    return isinstance(forward, partial) and forward.func is _forward


def _is_compiled(module: nn.Module) -> bool:
    return hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None


def _suits(module: nn.Conv2d) -> bool:
    return (
        type(module) is nn.Conv2d
        and "forward" not in vars(module)
        and module.in_channels <= _FEW
        and module.groups == 1
        and module.dilation == (1, 1)
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
        and not module.weight.is_cuda
    )


def _forward(conv: nn.Conv2d, x: Tensor) -> Tensor:
    plain = x.dim() != 4 or x.is_cuda or x.dtype != conv.weight.dtype or torch.is_autocast_enabled(x.device.type)
    if plain or not (x.requires_grad or (conv.in_channels == 1 and conv.weight.requires_grad)):
        return nn.Conv2d.forward(conv, x)
    out: Tensor = _FromFew.apply(x, conv.weight, conv.bias, conv.stride, conv.padding)  # type: ignore[no-untyped-call]
    return out


class _FromFew(torch.autograd.Function):
    """``F.conv2d`` with slopes of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: _Pair, padding: _Pair) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.options = stride, padding
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x, weight), (to_x, to_weight, to_bias, *_) = ctx.saved_tensors, ctx.needs_input_grad
        return (
            _slopes(grad, x, weight, weight.shape[2:], *ctx.options, [True, False, False])[0] if to_x else None,
            _toward_weight(grad, x, weight, *ctx.options) if to_weight else None,
            grad.sum((0, 2, 3)) if to_bias else None,
            *[None] * len(ctx.options),
        )


def _toward_weight(grad: Tensor, x: Tensor, weight: Tensor, stride: _Pair, padding: _Pair) -> Tensor:
    """The slope toward ``weight``, from that toward the output, ``grad`` (N, O, H, W)."""
    if x.shape[1] > 1:
        rest = None, stride, padding, (1, 1), False, (0, 0), 1
        whole: Tensor = torch.ops.aten.convolution_backward(grad, x, weight, *rest, [False, True, False])[1]
        return whole
    rows = max(1, _COLUMNS // (grad[0, 0].numel() * weight[0].numel() * grad.element_size()))
    parts: list[Tensor] = [
        _slopes(up, part, weight, weight.shape[2:], stride, padding, [False, True, False])[1]
        for up, part in zip(torch.split(grad, rows), torch.split(x, rows), strict=True)
    ]
    return sum(parts[1:], parts[0])
