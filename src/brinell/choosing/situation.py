"""What is known before a model is hardened: the attacker, the data, the machine and the time."""

import os
import re
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias, get_args

from brinell.errors import InputError, InputTypeError, nearest
from brinell.evaluation import read_budget

Knows: TypeAlias = Literal["gradients", "scores", "labels", "nothing"]
Wants: TypeAlias = Literal["any", "class", "undetected"]
Kind: TypeAlias = Literal["image", "table", "waveform"]
_WORDS: dict[str, Any] = {"knows": Knows, "wants": Wants, "kind": Kind}
_LONG = 500  # values in a row, from which on it is taken for a waveform rather than a table
_LARGE = 64  # pixels of a side, above which a picture is large
_FEW = 10_000  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Who attacks what, and what there is to answer with.

    knows: what the attacker sees of the model: "gradients" (the weights), "scores", "labels" or "nothing".
    wants: "any" wrong answer, one "class", or a wrong answer that stays "undetected" by a detector.
    kind: "image", "table" or "waveform"; by the shape unless given. shape: of one input, such as (3, 32, 32) or (14,).
    rows, classes, groups: of the data to train on; groups are names of columns. proof: whether a certificate is wanted,
    and not a measurement alone. cores, gpu: of this machine unless given.
    time: for the training, such as "2h". epoch: how long an epoch of ordinary training takes, where that is known.
    Raises InputError, InputTypeError."""

    knows: Knows = "gradients"
    wants: Wants = "any"
    kind: Kind | None = None
    shape: tuple[int, ...] = (1, 28, 28)
    rows: int = 60_000
    classes: int = 10
    groups: tuple[str, ...] = ()
    proof: bool = False
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    gpu: bool = field(default_factory=lambda: _is_there_a_gpu())
    time: str | float = "1h"
    epoch: str | float | None = None

    def __post_init__(self) -> None:
        for name, words in _WORDS.items():
            _check_word(name, getattr(self, name), get_args(words), optional=name == "kind")
        for name, least in {"rows": 1, "classes": 2, "cores": 1}.items():
            if not (isinstance(value := getattr(self, name), int) and value >= least):
                raise InputError(f"{name} is {value!r}; give a whole number, at least {least}.")
        if not self.shape or not all(isinstance(side, int) and side > 0 for side in self.shape):
            raise InputError(f"shape is {self.shape!r}; give that of one input, such as (3, 32, 32) or (14,).")
        _ = self.seconds, self.epoch_seconds

    @property
    def what(self) -> Kind:
        """The kind of data, given or told by the shape."""
        if self.kind is not None:
            return self.kind
        if len(self.shape) > 1 and min(self.shape[-2:]) > 1:
            return "image"
        return "waveform" if self.values >= _LONG else "table"

    @property
    def values(self) -> int:
        """Numbers in one input."""
        count = 1
        for side in self.shape:
            count *= side
        return count

    @property
    def seconds(self) -> float:
        """The time for the training."""
        return read_seconds("time", self.time)

    @property
    def epoch_seconds(self) -> float | None:
        """How long an epoch of ordinary training takes, where that is known."""
        return None if self.epoch is None else read_seconds("epoch", self.epoch)

    def traits(self) -> dict[str, Any]:
        """What the rules ask about."""
        large = self.what == "image" and max(self.shape[-2:]) > _LARGE
        return {
            "knows": self.knows, "wants": self.wants, "kind": self.what, "proof": self.proof,
            "groups": bool(self.groups), "size": "large" if large else "small",
            "colour": self.what == "image" and len(self.shape) > 2 and self.shape[-3] > 1,
            "machine": "gpu" if self.gpu else "cpu", "rows": "few" if self.rows < _FEW else "many",
        }  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {each.name: getattr(self, each.name) for each in fields(self)} | {"kind": self.what}


def _is_there_a_gpu() -> bool:
    """Asked of torch, which is imported for this alone."""
    import torch

    return torch.cuda.is_available()


def read_seconds(name: str, time: str | float) -> float:
    """Seconds of a time such as ``"15m"``, or of a number of them. Raises InputError."""
    try:
        seconds = read_budget(f"{time:g}s" if isinstance(time, int | float) else time).seconds
    except InputError:
        seconds = None
    if seconds is None:
        raise InputError(f'{name} is {time!r}; give a time above 0 such as "30s", "15m" or "2h".')
    return seconds


def read_shape(text: str) -> tuple[int, ...]:
    """The shape of one input from ``"3x32x32"`` or ``"14"``. Raises InputError."""
    if not re.fullmatch(r"\d+([x,]\d+)*", text.strip()):
        raise InputError(f"the shape is {text!r}; write that of one input, such as 3x32x32, 1x28x28 or 14.")
    return tuple(map(int, re.split("[x,]", text.strip())))


def _check_word(name: str, value: object, known: tuple[str, ...], optional: bool) -> None:
    if value is None and optional:
        return
    if not isinstance(value, str):
        raise InputTypeError(f"{name} is {value!r}; choose one of {', '.join(known)}.")
    if value not in known:
        raise InputError(f"{name} is {value!r}; choose one of {', '.join(known)}{nearest(value, known)}")
