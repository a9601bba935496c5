"""The model as an attacker sees it: raw inputs within bounds in, logits out, normalisation inside."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from brinell.bounds import Bounds
from brinell.data.frames import Frame
from brinell.errors import InputError, InputTypeError

_HALF = (torch.float16, torch.bfloat16)


class Guard(NamedTuple):
    """Something that stands before a model or watches over it, and how it is attacked, in words."""

    label: str
    adaptive: str


class Classifier(nn.Module):
    """An ``nn.Module`` with the range of its inputs and, if it wants one, its normalisation.

    net: takes (N, ...) float, any trailing shape, and returns logits (N, K) with K >= 2, or one logit (N,) or (N, 1)
        for two classes; a dict or an object with ``logits``, or a tuple whose first tensor they are, is unwrapped.
    bounds: (low, high), numbers or arrays that broadcast against one input, in the input's own unit.
    normalize: (mean, std), numbers, one value for each channel (axis 1), or arrays shaped like one input; applied to
        the raw input before ``net``. Leave it out where ``net`` normalises by itself.

    Calling it gives logits (N, K), at least float32; one logit ``z`` becomes the two logits ``(0, z)``.
    ``training_log`` holds the record of the training where ``harden`` made the classifier, else None; ``classes`` the
    names of the classes by number and ``frame`` how pictures become inputs, where they are known (see ``load_model``).
    Raises InputTypeError and InputError on arguments that cannot be worked with."""

    mean: Tensor | None
    std: Tensor | None

    def __init__(self, net: nn.Module, bounds: Any, normalize: tuple[Any, Any] | None = None) -> None:
        super().__init__()
        if not isinstance(net, nn.Module) or isinstance(net, Classifier):
            raise InputTypeError(f"net is {type(net).__name__}; pass the nn.Module that returns the logits.")
        self.net = net
        self._bounds = Bounds.of(bounds)
        mean, std = (None, None) if normalize is None else _read_normalize(normalize)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)
        self.training_log: Any = None
        self.classes: tuple[str, ...] | None = None
        self.frame: Frame | None = None

    @property
    def bounds(self) -> Bounds:
        """The lowest and highest value of an input."""
        return self._bounds

    @property
    def normalizes(self) -> bool:
        """Whether raw inputs are normalised here, before the network."""
        return self.mean is not None

    @property
    def bare(self) -> "Classifier":
        """The classifier behind its guards: itself, where there are none."""
        return self

    @property
    def guards(self) -> tuple[Guard, ...]:
        """What stands between the input and the answer: sanitisers, detectors."""
        return ()

    @property
    def rejects(self) -> bool:
        """Whether the last class stands for inputs that are turned away."""
        return False

    def afresh(self) -> "Classifier | None":
        """The same with other random draws; None where nothing is drawn."""
        return None

    @property
    def anchor(self) -> Tensor:
        """An empty tensor on the device and in the dtype that inputs should have: at least float32."""
        first = self._first
        return first.new_empty(0, dtype=torch.promote_types(first.dtype, torch.float32))

    @property
    def precision(self) -> str:
        """The dtype in which the network works, such as ``"float32"``."""
        return str(self._first.dtype).removeprefix("torch.")

    @property
    def _first(self) -> Tensor:
        tensors = chain(self.net.parameters(), self.net.buffers())
        return next((tensor for tensor in tensors if tensor.is_floating_point()), torch.empty(0))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, K) of raw inputs ``x`` (N, ...) within the bounds."""
        if self.mean is not None and self.std is not None:
            x = (x - along_channels(self.mean, x)) / along_channels(self.std, x)
        if (dtype := self._first.dtype) in _HALF:
            x = x.to(dtype)  # only here: steps and best points keep their digits
        logits = _unwrap(self.net(x))
        return _two_classes_at_least(logits, len(x))


def _read_normalize(pair: tuple[Any, Any]) -> tuple[Tensor, Tensor]:
    try:
        mean, std = (torch.as_tensor(side, dtype=torch.float32) for side in pair)
    except (TypeError, ValueError) as problem:
        raise InputError(f"normalize is {pair!r}; give (mean, std), numbers or arrays.") from problem
    if not (mean.isfinite().all() and std.isfinite().all() and (std > 0).all()):
        raise InputError(f"normalize is {pair!r}; mean must be finite and std finite and above 0.")
    return mean, std


def along_channels(value: Tensor, x: Tensor) -> Tensor:
    """One value for each channel stands along axis 1; anything else broadcasts as it is."""
    if value.dim() == 1 and x.dim() > 2:
        value = value.reshape(-1, *[1] * (x.dim() - 2))
    return value.to(x.dtype)


def _unwrap(output: Any) -> Tensor:
    """The logits in what a network returned: itself, ``.logits``, ``["logits"]``, or the first tensor of a tuple."""
    if isinstance(output, Tensor):
        return output
    inside = getattr(output, "logits", None)
    if isinstance(output, Mapping):
        inside = output.get("logits")
    elif inside is None and isinstance(output, Sequence):
        inside = next((part for part in output if isinstance(part, Tensor)), None)
    if isinstance(inside, Tensor):
        return inside
    names = f" with keys {sorted(map(str, output))}" if isinstance(output, Mapping) else ""
    raise InputTypeError(
        f"the network returned {type(output).__name__}{names}; return logits, a tuple that starts with them, or a dict "
        'or object in which they are called "logits".'
    )


def _two_classes_at_least(logits: Tensor, n: int) -> Tensor:
    if logits.dtype in _HALF:
        logits = logits.float()
    squeezed = n == 1 and not logits.shape  # squeeze() drops the axis of a single row as well
    if logits.shape in ((n,), (n, 1)) or squeezed:
        z = logits.reshape(n, 1)
        return torch.cat([torch.zeros_like(z), z], 1)
    if logits.dim() != 2 or len(logits) != n:
        raise InputError(
            f"the network returned shape {tuple(logits.shape)} for {n} rows; it must return logits (N, K), "
            "or one logit (N,) or (N, 1) for two classes."
        )
    return logits
