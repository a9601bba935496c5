"""A model behind sanitisers, attacked through them."""

from typing import Any, Self

import torch
from torch import Tensor, nn

from brinell.errors import InputError, InputTypeError
from brinell.models.classifier import Classifier, Guard
from brinell.models.sanitisers import Layer, Sanitiser, draws_of

SAMPLES = 10  # passes, where sanitisers draw
_APART = 1_000_003  # between the seeds of draws that are to have nothing in common


class Guarded(Classifier):
    """A classifier inside another network, ``net``, which has it as ``net.model``."""

    def __init__(self, net: nn.Module, model: Classifier) -> None:
        super().__init__(net, model.bounds)
        self.training_log, self.classes, self.frame = model.training_log, model.classes, model.frame
        inside = set(model.modules())
        for module in self.modules():
            if module not in inside:  # the modes of the given model are its own
                module.training = model.training

    @property
    def inner(self) -> Classifier:
        """The classifier right behind the guard."""
        model: Classifier = self.net.model  # type: ignore[assignment]
        return model

    @property
    def bare(self) -> Classifier:
        """The classifier behind all guards."""
        return self.inner.bare

    @property
    def normalizes(self) -> bool:
        """Whether the classifier behind all guards normalises."""
        return self.bare.normalizes

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, K) of raw inputs ``x`` (N, ...) within the bounds."""
        logits: Tensor = self.net(x)
        return logits


class Sanitised(Guarded):
    """A classifier that sees its inputs through sanitisers only; made by ``sanitised``."""

    def __init__(self, model: Classifier, sanitisers: tuple[Sanitiser, ...], samples: int, seed: int) -> None:
        super().__init__(_Through(model, sanitisers, samples, seed), model)
        self.sanitisers, self.samples, self.seed = sanitisers, samples, seed

    @property
    def guards(self) -> tuple[Guard, ...]:
        """The sanitisers in their order, then what stands behind them."""
        own = (Guard(self._label(each), each.adaptive) for each in self.sanitisers)
        return (*own, *self.inner.guards)

    @property
    def rejects(self) -> bool:
        """Whether what stands behind the sanitisers turns inputs away."""
        return self.inner.rejects

    def _label(self, each: Sanitiser) -> str:
        return f"{each!r}, mean of {self.samples} passes with seed {self.seed}" if each.random else repr(each)

    def afresh(self) -> Self | None:
        """The same with other random draws; None where no sanitiser draws."""
        inner = self.inner.afresh()
        if inner is None and not any(each.random for each in self.sanitisers):
            return None
        return type(self)(inner or self.inner, self.sanitisers, self.samples, self.seed + _APART)


class _Through(nn.Module):
    """Sanitisers one after the other, then the model; the mean of several passes where they draw."""

    def __init__(self, model: Classifier, sanitisers: tuple[Sanitiser, ...], samples: int, seed: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(each, model.bounds) for each in sanitisers)
        self.model = model
        self.samples = samples if any(each.random for each in sanitisers) else 1
        self.seed = seed

    def forward(self, x: Tensor) -> Tensor:
        passes = [self._one(x, number) for number in range(self.samples)]
        return torch.stack(passes).mean(0) if len(passes) > 1 else passes[0]

    def _one(self, x: Tensor, number: int) -> Tensor:
        for place, layer in enumerate(self.layers):
            x = layer(x, draws_of(self.seed, number, place))
        logits: Tensor = self.model(x)
        return logits


def sanitised(model: Classifier, *sanitisers: Sanitiser, samples: int = SAMPLES, seed: int = 0) -> Sanitised:
    """``model`` behind sanitisers, which change every input before it: ``sanitised(model, JPEG(75))``.

    The result is a Classifier: attacks go through the sanitisers with the slope that each brings for that (BPDA,
    arXiv:1802.00420), and ``audit`` also tells what examples made for ``model`` alone do to it.
    sanitisers: ``BitDepth``, ``JPEG``, ``Median``, ``RandomResizePad``, the first of them meets the input first.
    samples, seed: where one of them draws random numbers, the answer is the mean of the logits of so many passes, whose
    draws are a function of the seed and are the same for all rows (EOT, arXiv:1707.07397): a fixed function, which
    attack and judge share. A deployment that makes one pass is at best about as good as this mean.
    The model inside is the given one, not a copy. Raises InputError, InputTypeError."""
    if not isinstance(model, Classifier):
        raise InputTypeError(f"the model is {type(model).__name__}; wrap it first: Classifier(net, bounds=(0, 1)).")
    for each in sanitisers:
        if not isinstance(each, Sanitiser):
            raise InputTypeError(f"a sanitiser is {each!r}; pass values such as JPEG(75) or BitDepth(4).")
    if not sanitisers:
        raise InputError("there is no sanitiser; pass at least one, such as JPEG(75).")
    _check_count("samples", samples, 1)
    _check_count("seed", seed, 0)
    return Sanitised(model, sanitisers, samples, seed)


def _check_count(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} is {value!r}; it must be a whole number, at least {least}.")
