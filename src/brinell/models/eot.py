"""EOT: expectation over transformation, for models that draw random numbers in their forward pass."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from brinell.errors import InputError, InputTypeError
from brinell.models.classifier import Classifier
from brinell.models.state import same_random_state

_APART = 1_000_003  # between the seeds of two networks that the user numbers one after the other


class EOT(nn.Module):
    """``net`` averaged over ``samples`` random passes, the same ones at every call.

    It goes around the network: ``Classifier(br.EOT(net), bounds=(0, 1))``. Its logits are the mean of the logits of
    all passes, and so is its gradient: attacks climb the expectation, not the luck of one draw. Attack, judge and
    report then speak of the averaged network: a fixed function, of which they can be sure.

    net: an ``nn.Module`` from (N, ...) to logits (N, K), or to one logit; what it draws from the global generators of
        torch, numpy and Python is seeded by (seed, number of the pass), and their state is put back. Generators of
        its own go on as they do.
    samples: passes to average, each at full cost in time and memory. seed: a whole number.

    All rows of a pass get the same draw (``torch.vmap``), so a row's average does not depend on its batch. A network
    that cannot be run so (data-dependent control flow, changes in place) draws by the place in the batch; then rows
    that stand by a hair may be unstable, and more samples make them fewer. Raises InputTypeError, InputError.
    Source: Athalye et al. 2018, arXiv:1707.07397."""

    def __init__(self, net: nn.Module, samples: int = 20, seed: int = 0) -> None:
        super().__init__()
        if not isinstance(net, nn.Module) or isinstance(net, Classifier):
            raise InputTypeError(
                f"net is {type(net).__name__}; pass the nn.Module that returns the logits, and wrap the EOT: "
                "Classifier(EOT(net), bounds=...)."
            )
        if not isinstance(samples, int) or samples < 1:
            raise InputError(f"samples is {samples!r}; it must be a whole number, at least 1, such as 20.")
        self.net, self.samples, self.seed = net, samples, int(seed)
        self.by_row = True  # until the network turns out not to allow it

    def forward(self, x: Tensor) -> Tensor:
        """The mean logits, (N, K)."""
        passes = [self._one(x, number) for number in range(self.samples)]
        return torch.stack(passes).mean(0)

    def _one(self, x: Tensor, number: int) -> Tensor:
        seed, logits = self.seed * _APART + number, None
        if self.by_row:
            try:
                with (
                    same_random_state(seed),
                    warnings.catch_warnings(action="ignore"),
                ):  # of operations that are slow so
                    logits = torch.vmap(self._row, randomness="same")(x)
            except (RuntimeError, ValueError) as problem:
                if "memory" in str(problem):
                    raise
                self.by_row = False
        if not self.by_row:
            with same_random_state(seed):
                logits = self.net(x)
        if not isinstance(logits, Tensor):
            raise InputTypeError(f"the network returned {type(logits).__name__}; inside EOT it must return logits.")
        return logits

    def _row(self, row: Tensor) -> Any:
        logits = self.net(row[None])
        return logits.reshape(logits.shape[1:]) if isinstance(logits, Tensor) and logits.dim() else logits

    def extra_repr(self) -> str:
        """Samples and seed."""
        return f"samples={self.samples}, seed={self.seed}"
