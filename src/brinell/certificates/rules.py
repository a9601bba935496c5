"""How intervals pass the kinds of layers: rules, and makers of rules. ``tables.py`` says which layer has which.

A rule is called with the arithmetic and then with what the layer is given, intervals among it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from brinell.certificates.interval import Arithmetic, Interval
from brinell.errors import InputError

Rule: TypeAlias = Callable[..., Any]


class NoRuleError(InputError):
    """Why there are no bounds for a layer, in words; whoever walks the graph adds which layer it is."""


def linear(how: Arithmetic, x: Interval, weight: Tensor, bias: Tensor | None = None) -> Interval:
    """``F.linear``."""
    return how.linear(x, F.linear, weight.to(x.like), None if bias is None else bias.to(x.like))


def convolution(way: Callable[..., Tensor]) -> Rule:
    """A convolution, in the words of ``F.conv2d``."""

    def rule(how: Arithmetic, x: Interval, weight: Tensor, bias: Tensor | None = None, *args: Any, **named: Any) -> Any:
        def run(value: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            return way(value, weight, bias, *args, **named)

        return how.linear(x, run, weight.to(x.like), None if bias is None else bias.to(x.like))

    return rule


def convolution_module(way: Callable[..., Tensor]) -> Rule:
    """A module of convolution, with its padding of whatever kind."""
    rule = convolution(way)

    def of_module(how: Arithmetic, layer: Any, x: Interval) -> Any:
        padding = layer.padding
        if layer.padding_mode != "zeros":
            pad = partial(F.pad, pad=layer._reversed_padding_repeated_twice, mode=layer.padding_mode)
            x, padding = Interval(pad(x.low), pad(x.high)), 0
        return rule(how, x, layer.weight, layer.bias, layer.stride, padding, layer.dilation, layer.groups)

    return of_module


def batch_norm(how: Arithmetic, layer: Any, x: Interval) -> Interval:
    """A BatchNorm or InstanceNorm module, which scales and shifts: in eval mode by its running statistics, in train
    mode by those of the middles, which are put down in ``how.moments``."""
    mean, var = layer.running_mean, layer.running_var
    if layer.training:
        mean, var = how.moments[layer] = _moments(x.center)
    if mean is None:
        raise NoRuleError("it keeps no running statistics, so each output depends on all values")
    mean, scale = mean.to(x.like), (var.to(x.like) + layer.eps).rsqrt()
    scale = scale if layer.weight is None else scale * layer.weight.to(x.like)
    bias = torch.zeros_like(mean) if layer.bias is None else layer.bias.to(x.like)
    along = (-1, *[1] * (x.like.dim() - 2))
    shift, beside = bias - mean * scale, bias.abs() + (mean * scale).abs()
    return how.scaled(x, scale.reshape(along), shift.reshape(along), beside.reshape(along))


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance (C,) of each channel of ``x`` (N, C, ...)."""
    planes = x.flatten(2) if x.dim() > 2 else x[:, :, None]
    mean = planes.mean(2).mean(0)  # one axis after the other: several times as fast as both at once
    return mean, (planes.square().mean(2).mean(0) - mean.square()).clamp(min=0)


def chosen(way: Callable[..., Tensor]) -> Rule:
    """A layer that picks from the values or repeats them, so that what comes out rises with each; exact."""

    def rule(how: Arithmetic, x: Interval, *args: Any, **named: Any) -> Interval:  # noqa: ARG001
        low, high = way(x.low, *args, **named), way(x.high, *args, **named)
        if not isinstance(low, Tensor):
            raise NoRuleError("it returns more than one tensor")
        return Interval(low, high)

    return rule


def reshaped(way: Callable[..., Tensor]) -> Rule:
    """A layer that brings all values into another shape or order."""

    def rule(how: Arithmetic, x: Interval, *args: Any, **named: Any) -> Interval:  # noqa: ARG001
        def move(value: Tensor) -> Tensor:
            return way(value, *args, **named)

        return Interval(move(x.low), move(x.high), None if x.reach is None else x.reach.moved(move))

    return rule


def average(way: Callable[..., Tensor]) -> Rule:
    """A layer that adds values up with weights of at least 0."""

    def rule(how: Arithmetic, x: Interval, *args: Any, **named: Any) -> Interval:
        made = Interval(way(x.low, *args, **named), way(x.high, *args, **named))
        return made.widened(how.gamma(x.like[0].numel()) * way(x.magnitude, *args, **named)) if how.unit else made

    return rule


def reduction(way: Callable[..., Tensor]) -> Rule:
    """A mean or a sum over axes, in the words of ``torch.mean``."""
    rule = average(way)

    def within_rows(how: Arithmetic, x: Interval, dim: Any = None, keepdim: bool = False) -> Any:
        axes = [axis % x.like.dim() for axis in ([dim] if isinstance(dim, int) else dim or [0])]
        if 0 in axes:
            raise NoRuleError("it adds up the rows of a batch, so each output depends on all of them")
        return rule(how, x, dim=axes, keepdim=keepdim)

    return within_rows


def bent(way: Callable[..., Tensor]) -> Rule:
    """An activation that never falls and is computed without rounding."""

    def rule(how: Arithmetic, x: Interval, *args: Any, **named: Any) -> Interval:
        how.note(x)
        return Interval(way(x.low, *args, **named), way(x.high, *args, **named))

    return rule


def rising(way: Callable[..., Tensor]) -> Rule:
    """An activation that never falls."""

    def rule(how: Arithmetic, x: Interval, *args: Any, **named: Any) -> Interval:
        how.note(x)
        return _smooth(how, way(x.low, *args, **named), way(x.high, *args, **named))

    return rule


def valley(way: Callable[..., Tensor], lowest: float) -> Rule:
    """An activation that falls until ``lowest`` and rises after it."""

    def rule(how: Arithmetic, x: Interval, *args: Any, **named: Any) -> Interval:
        how.note(x)
        bottom = torch.minimum(torch.maximum(x.low, torch.full_like(x.low, lowest)), x.high)
        low, left, right = (way(value, *args, **named) for value in (bottom, x.low, x.high))
        return _smooth(how, low, torch.maximum(left, right))

    return rule


def _smooth(how: Arithmetic, low: Tensor, high: Tensor) -> Interval:
    """The ends, with room for a computation to within a few ulps of 1 or of its value, whichever is more."""
    made = Interval(low, high)
    return made.widened(32 * how.unit * (1 + made.magnitude)) if how.unit else made


def gelu(how: Arithmetic, x: Interval, approximate: str = "none") -> Interval:
    """``F.gelu``, whose lowest point depends a little on how it is computed."""
    lowest = -0.7517915250 if approximate == "none" else -0.7524614220
    made: Interval = valley(partial(F.gelu, approximate=approximate), lowest)(how, x)
    return made


def prelu(how: Arithmetic, x: Interval, weight: Tensor) -> Interval:
    """``F.prelu``: a slope for all channels or one for each."""
    if (weight < 0).any():
        raise NoRuleError("its slope is below 0, so that it does not rise everywhere")
    how.note(x)
    slope = weight.to(x.like).reshape(-1, *[1] * max(x.like.dim() - 2, 0))
    low, high = (torch.where(end > 0, end, end * slope) for end in (x.low, x.high))
    return _smooth(how, low, high)


def leaky_relu(how: Arithmetic, x: Interval, negative_slope: float = 0.01) -> Interval:
    """``F.leaky_relu``."""
    return prelu(how, x, torch.tensor([negative_slope], dtype=torch.float64))


def elu(how: Arithmetic, x: Interval, alpha: float = 1.0) -> Interval:
    """``F.elu``, ``F.celu``."""
    if not 0 <= alpha <= 8:
        raise NoRuleError(f"its alpha is {alpha}; bounds are known for 0..8")
    made: Interval = rising(partial(F.elu, alpha=alpha))(how, x)
    return made


def same(how: Arithmetic, x: Interval) -> Interval:  # noqa: ARG001
    """What changes nothing in eval mode."""
    return x


def dropout(how: Arithmetic, x: Interval, p: float = 0.5, training: bool = True) -> Interval:  # noqa: ARG001
    """``F.dropout``, which nobody switches off but its argument."""
    if training:
        raise NoRuleError("it drops values at random also in eval mode; give it training=self.training")
    return x


def add(how: Arithmetic, a: Any, b: Any) -> Interval:
    """The sum of two intervals, or of an interval and a constant."""
    if isinstance(a, Interval) and isinstance(b, Interval):
        return Interval(a.low + b.low, a.high + b.high).widened(how.gamma(1) * (a.magnitude + b.magnitude))
    x, constant = (a, b) if isinstance(a, Interval) else (b, a)
    return how.scaled(x, x.like.new_ones(()), _constant(constant, x))


def subtract(how: Arithmetic, a: Any, b: Any) -> Interval:
    """The difference, where one side may be a constant."""
    return add(how, a, negate(how, b) if isinstance(b, Interval) else -b)


def negate(how: Arithmetic, x: Interval) -> Interval:
    """The other sign."""
    return how.scaled(x, -x.like.new_ones(()), x.like.new_zeros(()))


def multiply(how: Arithmetic, a: Any, b: Any) -> Interval:
    """The product with a constant."""
    if isinstance(a, Interval) and isinstance(b, Interval):
        raise NoRuleError("both factors depend on the input")
    x, constant = (a, b) if isinstance(a, Interval) else (b, a)
    return how.scaled(x, _constant(constant, x), x.like.new_zeros(()))


def divide(how: Arithmetic, a: Any, b: Any) -> Interval:
    """The quotient by a constant."""
    if isinstance(b, Interval):
        raise NoRuleError("the divisor depends on the input")
    return how.scaled(a, 1 / _constant(b, a), a.like.new_zeros(()))


def join(how: Arithmetic, parts: Any, dim: int = 0) -> Interval:  # noqa: ARG001
    """``torch.cat`` of intervals."""
    if not all(isinstance(part, Interval) for part in parts):
        raise NoRuleError("it joins what depends on the input with what does not")
    return Interval(torch.cat([part.low for part in parts], dim), torch.cat([part.high for part in parts], dim))


def size(how: Arithmetic, x: Interval, *args: Any) -> Any:  # noqa: ARG001
    """``x.size()``."""
    return x.like.size(*args)


def attribute(how: Arithmetic, x: Interval, name: str) -> Any:  # noqa: ARG001
    """What ``getattr`` reads of a value."""
    if name not in ("shape", "ndim", "dtype", "device"):
        raise NoRuleError(f"it reads {name!r} of a value")
    return getattr(x.like, name)


def _constant(value: Any, x: Interval) -> Tensor:
    return torch.as_tensor(value).to(x.like)
