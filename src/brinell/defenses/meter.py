"""What a piece of work asks of the machine: memory at its peak, floating-point operations, passes through the model."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry
from torch.utils.weak import WeakIdKeyDictionary


def _slow_slopes(grad: Tensor, x: Tensor, weight: Tensor, *options: Any, **_: Any) -> int:  # noqa: ARG001
    """Operations of ``aten::_slow_conv2d_backward``: one product for each of input and weight that is wanted."""
    return int(2 * grad.numel() * weight[0].numel() * sum(options[-1][:2]))


_FLOPS = {**flop_registry, torch.ops.aten._slow_conv2d_backward: _slow_slopes}  # the one that ``models.slopes`` calls


class Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts while it is entered, by looking at each operation of PyTorch's.

    peak: bytes that tensors made inside held at most at one time. Workspace inside a single operation is not seen, and
    neither is what lay there before. flops: floating-point operations of products and convolutions, forward and
    backward, as ``torch.utils.flop_counter`` knows them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held = self.peak = self.flops = 0
        self._known: Any = WeakIdKeyDictionary()  # storages, by identity
        self._ends: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        for storage in _storages((args, kwargs)):
            self._known.setdefault(storage, 0)  # it was there before: nobody saw it being made
        result = func(*args, **kwargs)
        for storage in _storages(result):
            if storage not in self._known:
                self._begin(storage)
        if (count := _FLOPS.get(func._overloadpacket)) is not None:
            self.flops += int(count(*args, **kwargs, out_val=result))
        return result

    def _begin(self, storage: Any) -> None:
        """A storage is new: count it until it is gone."""
        size = storage.nbytes()
        self._known[storage] = size
        self.held += size
        self.peak = max(self.peak, self.held)
        key = id(storage)

        def end(_: object) -> None:
            self.held -= size
            self._ends.pop(key, None)

        self._ends[key] = weakref.ref(storage, end)


def _storages(values: Any) -> Iterator[Any]:
    for value in tree_leaves(values):
        if isinstance(value, Tensor) and value.layout is torch.strided:
            yield value.untyped_storage()


class Passes:
    """How many rows went through a model: ``forwards``, and ``gradients`` of those that came back."""

    def __init__(self) -> None:
        self.forwards = self.gradients = 0

    def _forward(self, module: nn.Module, inputs: Any, logits: Tensor) -> None:  # noqa: ARG002 - torch's signature
        self.forwards += len(logits)
        if logits.requires_grad:
            logits.register_hook(self._back)  # type: ignore[no-untyped-call]

    def _back(self, slope: Tensor) -> None:
        self.gradients += len(slope)


@contextmanager
def counting_passes(model: nn.Module) -> Iterator[Passes]:
    """Count the rows that go through ``model`` inside, forward and backward."""
    passes = Passes()
    hook = model.register_forward_hook(passes._forward)
    try:
        yield passes
    finally:
        hook.remove()
