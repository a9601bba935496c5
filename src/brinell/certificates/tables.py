"""Which layer passes intervals by which rule. A layer that is in none of the tables is refused."""

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brinell.certificates import rules
from brinell.certificates.rules import Rule


def _module(rule: Rule, *names: str) -> Rule:
    """The rule of a function for a module: what the function is given are the module's attributes of these names."""
    return lambda how, layer, x: rule(how, x, **{name: getattr(layer, name) for name in names})


def _method(name: str) -> Callable[..., Tensor]:
    def call(x: Tensor, *args: Any, **named: Any) -> Tensor:
        made: Tensor = getattr(x, name)(*args, **named)
        return made

    return call


_relu, _relu6, _hardtanh = rules.bent(F.relu), rules.bent(F.relu6), rules.bent(F.hardtanh)
_sigmoid, _tanh = rules.rising(torch.sigmoid), rules.rising(torch.tanh)
_silu, _mish = rules.valley(F.silu, -1.2784645428), rules.valley(F.mish, -1.1924312145)
_hardswish = rules.valley(F.hardswish, -1.5)
_pad, _unflatten = rules.chosen(F.pad), rules.reshaped(_method("unflatten"))
_POOL = ("kernel_size", "stride", "padding", "ceil_mode")
_MAX, _MEAN = (*_POOL, "dilation", "return_indices"), (*_POOL, "count_include_pad")

MODULES: dict[type[nn.Module], Rule] = {
    nn.Linear: _module(rules.linear, "weight", "bias"),
    nn.Conv1d: rules.convolution_module(F.conv1d),
    nn.Conv2d: rules.convolution_module(F.conv2d),
    nn.Conv3d: rules.convolution_module(F.conv3d),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm), rules.batch_norm),
    **dict.fromkeys((nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d), rules.batch_norm),
    **dict.fromkeys((nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d), _module(rules.same)),
    **dict.fromkeys((nn.AlphaDropout, nn.FeatureAlphaDropout), _module(rules.same)),
    nn.Flatten: _module(rules.reshaped(torch.flatten), "start_dim", "end_dim"),
    nn.Unflatten: lambda how, layer, x: _unflatten(how, x, layer.dim, layer.unflattened_size),
    nn.MaxPool1d: _module(rules.chosen(F.max_pool1d), *_MAX),
    nn.MaxPool2d: _module(rules.chosen(F.max_pool2d), *_MAX),
    nn.AdaptiveMaxPool1d: _module(rules.chosen(F.adaptive_max_pool1d), "output_size", "return_indices"),
    nn.AdaptiveMaxPool2d: _module(rules.chosen(F.adaptive_max_pool2d), "output_size", "return_indices"),
    nn.AvgPool1d: _module(rules.average(F.avg_pool1d), *_MEAN),
    nn.AvgPool2d: _module(rules.average(F.avg_pool2d), *_MEAN, "divisor_override"),
    nn.AdaptiveAvgPool1d: _module(rules.average(F.adaptive_avg_pool1d), "output_size"),
    nn.AdaptiveAvgPool2d: _module(rules.average(F.adaptive_avg_pool2d), "output_size"),
    **dict.fromkeys((nn.ZeroPad1d, nn.ZeroPad2d), lambda how, layer, x: _pad(how, x, layer.padding)),
    nn.ReLU: _module(_relu),
    nn.ReLU6: _module(_relu6),
    nn.Hardtanh: _module(_hardtanh, "min_val", "max_val"),
    nn.LeakyReLU: _module(rules.leaky_relu, "negative_slope"),
    nn.PReLU: _module(rules.prelu, "weight"),
    nn.Sigmoid: _module(_sigmoid),
    nn.Tanh: _module(_tanh),
    nn.Softplus: _module(rules.rising(F.softplus), "beta", "threshold"),
    nn.Hardsigmoid: _module(rules.rising(F.hardsigmoid)),
    nn.LogSigmoid: _module(rules.rising(F.logsigmoid)),
    nn.Softsign: _module(rules.rising(F.softsign)),
    nn.ELU: _module(rules.elu, "alpha"),
    nn.SELU: _module(rules.rising(F.selu)),
    nn.GELU: _module(rules.gelu, "approximate"),
    nn.SiLU: _module(_silu),
    nn.Mish: _module(_mish),
    nn.Hardswish: _module(_hardswish),
}

FUNCTIONS: dict[Any, Rule] = {
    F.linear: rules.linear,
    F.conv1d: rules.convolution(F.conv1d),
    F.conv2d: rules.convolution(F.conv2d),
    F.conv3d: rules.convolution(F.conv3d),
    F.dropout: rules.dropout,
    F.relu: _relu,
    torch.relu: _relu,
    F.relu6: _relu6,
    F.hardtanh: _hardtanh,
    F.leaky_relu: rules.leaky_relu,
    F.prelu: rules.prelu,
    torch.sigmoid: _sigmoid,
    torch.tanh: _tanh,
    F.softplus: rules.rising(F.softplus),
    F.hardsigmoid: rules.rising(F.hardsigmoid),
    F.logsigmoid: rules.rising(F.logsigmoid),
    F.softsign: rules.rising(F.softsign),
    F.elu: rules.elu,
    F.selu: rules.rising(F.selu),
    F.gelu: rules.gelu,
    F.silu: _silu,
    F.mish: _mish,
    F.hardswish: _hardswish,
    F.max_pool1d: rules.chosen(F.max_pool1d),
    F.max_pool2d: rules.chosen(F.max_pool2d),
    torch.max_pool2d: rules.chosen(F.max_pool2d),
    F.adaptive_max_pool2d: rules.chosen(F.adaptive_max_pool2d),
    F.avg_pool1d: rules.average(F.avg_pool1d),
    F.avg_pool2d: rules.average(F.avg_pool2d),
    F.adaptive_avg_pool1d: rules.average(F.adaptive_avg_pool1d),
    F.adaptive_avg_pool2d: rules.average(F.adaptive_avg_pool2d),
    torch.mean: rules.reduction(torch.mean),
    torch.sum: rules.reduction(torch.sum),
    F.pad: _pad,
    torch.cat: rules.join,
    torch.add: rules.add,
    operator.add: rules.add,
    operator.iadd: rules.add,
    torch.sub: rules.subtract,
    operator.sub: rules.subtract,
    operator.neg: rules.negate,
    torch.mul: rules.multiply,
    operator.mul: rules.multiply,
    torch.div: rules.divide,
    operator.truediv: rules.divide,
    operator.getitem: rules.chosen(operator.getitem),
    getattr: rules.attribute,
    torch.flatten: rules.reshaped(torch.flatten),
    torch.reshape: rules.reshaped(torch.reshape),
    torch.permute: rules.reshaped(torch.permute),
    torch.transpose: rules.reshaped(torch.transpose),
    torch.squeeze: rules.reshaped(torch.squeeze),
    torch.unsqueeze: rules.reshaped(torch.unsqueeze),
}

_SHAPES = ("view", "reshape", "flatten", "unflatten", "permute", "transpose", "squeeze", "unsqueeze", "contiguous")
METHODS: dict[str, Rule] = {
    **{name: rules.reshaped(_method(name)) for name in _SHAPES},
    "clone": rules.reshaped(_method("clone")),
    "mean": rules.reduction(_method("mean")),
    "sum": rules.reduction(_method("sum")),
    "relu": _relu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "add": rules.add,
    "sub": rules.subtract,
    "mul": rules.multiply,
    "div": rules.divide,
    "neg": rules.negate,
    "size": rules.size,
    "dim": lambda how, x: x.like.dim(),  # noqa: ARG005
}

# What may give back the memory that it was given.
ALIASES = {
    *(nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.Flatten, nn.Unflatten),
    *(F.dropout, operator.getitem, torch.flatten, torch.reshape, torch.permute, torch.transpose),
    *(torch.squeeze, torch.unsqueeze, *_SHAPES),
}
