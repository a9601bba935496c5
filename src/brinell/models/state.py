"""Leave the caller's model as it was: modes, parameters, buffers and random state, also after an error."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from brinell.models.slopes import quick_slopes


@contextmanager
def evaluating(model: nn.Module, seed: int | None = None) -> Iterator[None]:
    """Put ``model`` into eval mode with frozen parameters; put everything back afterwards, one by one.

    With ``seed``, what the model itself draws from the global generators inside is a function of it.
    Gradients can be taken inside, also where the caller switched them off, and are quicker (see ``slopes``)."""
    with torch.inference_mode(False), sloping(model), same_buffers(model), same_random_state(seed):
        yield


@contextmanager
def sloping(model: nn.Module) -> Iterator[None]:
    """Eval mode, frozen parameters and quick slopes: what an attack wants, and no more, batch by batch in training."""
    frozen = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        with same_modes(model), quick_slopes(model):
            model.eval()
            for parameter, _ in frozen:
                parameter.requires_grad_(False)
            yield
    finally:
        for parameter, wanted in frozen:
            parameter.requires_grad_(wanted)


@contextmanager
def same_modes(model: nn.Module) -> Iterator[None]:
    """Give every module its own mode back, train or eval."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def same_buffers(model: nn.Module) -> Iterator[None]:
    """Give every module its own buffers back, with the values that they had."""
    plain = (module for module in model.modules() if not isinstance(module, torch.jit.ScriptModule))
    tables = [(module._buffers, dict(module._buffers)) for module in plain]  # those of TorchScript stay in their place
    values = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        for table, before in tables:  # a forward may have put another tensor in a buffer's place
            table.clear()
            table.update(before)
        with torch.no_grad():
            for buffer, value in values:
                if not torch.equal(buffer, value):
                    buffer.copy_(value)


@contextmanager
def same_random_state(seed: int | None = None) -> Iterator[None]:
    """Give the global generators of torch, numpy and Python back as they were; seed them inside if asked."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
        with torch.random.fork_rng(devices=list(gpus)):
            if seed is not None:
                seed = int(seed)  # numpy's integers overflow
                torch.manual_seed(seed % (1 << 63))
                np.random.seed(seed % (1 << 32))
                random.seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
