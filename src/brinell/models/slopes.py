"""Slopes of convolutions from few channels, such as the colours of an image, by matrix products.

What PyTorch has for them on a CPU takes one and a half to four times as long, and in small networks up to half of a
gradient's time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FEW = 3  # channels, as images have; with sixteen PyTorch's own way is faster
_COLUMNS = 1 << 25  # bytes of one product: rows go in parts, so that memory does not grow with the batch

_Pair: TypeAlias = tuple[int, int]


@contextmanager
def quick_slopes(model: nn.Module) -> Iterator[None]:
    """Inside, the first convolutions of ``model`` compute their slopes faster where they run on a CPU.

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
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
        and not module.weight.is_cuda
    )


def _forward(conv: nn.Conv2d, x: Tensor) -> Tensor:
    plain = x.dim() != 4 or x.is_cuda or x.dtype != conv.weight.dtype or torch.is_autocast_enabled(x.device.type)
    if plain or not x.requires_grad:
        return nn.Conv2d.forward(conv, x)
    options = conv.stride, conv.padding, conv.dilation
    out: Tensor = _FromFew.apply(x, conv.weight, conv.bias, *options)  # type: ignore[no-untyped-call]
    return out


class _FromFew(torch.autograd.Function):
    """``F.conv2d`` with a slope toward its input of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, *options: _Pair) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.options, ctx.biases = options, None if bias is None else list(bias.shape)
        stride, padding, dilation = options
        return F.conv2d(x, weight, bias, stride, padding, dilation)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x, weight), options = ctx.saved_tensors, ctx.options
        to_x, *to_parameters = ctx.needs_input_grad[:3]
        slope = _toward_input(grad, weight, x.shape, *options) if to_x else None
        rest: tuple[Tensor | None, ...] = (None, None)
        if any(to_parameters):
            stride, padding, dilation = options
            _, *rest_of = torch.ops.aten.convolution_backward(
                grad, x, weight, ctx.biases, stride, padding, dilation, False, [0, 0], 1, [False, *to_parameters]
            )
            rest = tuple(rest_of)
        return slope, *rest, None, None, None


def _toward_input(
    grad: Tensor, weight: Tensor, shape: torch.Size, stride: _Pair, padding: _Pair, dilation: _Pair
) -> Tensor:  # fmt: skip
    """The slope toward an input of ``shape``, from that toward the output, ``grad`` (N, O, H, W)."""
    n, channels, *size = shape
    height, width = (length + 2 * pad for length, pad in zip(size, padding, strict=True))
    framed = grad.new_zeros(n, channels, height, width)
    kernel, reach = weight.shape[2:], grad.shape[2:]
    taps = weight.reshape(len(weight), -1).T  # a line for each value of a patch
    rows = max(1, _COLUMNS // (len(taps) * reach.numel() * grad.element_size()))
    for start in range(0, n, rows):
        part, into = grad[start : start + rows], framed[start : start + rows]
        columns = (taps @ part.reshape(len(part), len(weight), -1)).reshape(-1, channels, *kernel, *reach)
        for down in range(kernel[0]):
            for across in range(kernel[1]):
                _every(into, (down, across), reach, stride, dilation).add_(columns[:, :, down, across])
    top, left = padding
    return framed[:, :, top : top + size[0], left : left + size[1]]


def _every(x: Tensor, tap: _Pair, reach: torch.Size, stride: _Pair, dilation: _Pair) -> Tensor:
    """The values that one tap of a kernel meets as it goes over ``x``, a view shaped like the output."""
    rows, columns = (
        slice(at * apart, at * apart + step * (count - 1) + 1, step)
        for at, apart, step, count in zip(tap, dilation, stride, reach, strict=True)
    )  # fmt: skip
    return x[:, :, rows, columns]
