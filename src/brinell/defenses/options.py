"""What can be chosen about a training whatever its recipe."""

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

from brinell.case import is_count
from brinell.defenses.augmentations import Augmentation
from brinell.defenses.base import AttackMode, Optimizer, Recipe, Schedule
from brinell.errors import InputError, InputTypeError, nearest

Precision: TypeAlias = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What can be chosen about a training whatever its recipe. None: the recipe's own choice, or off.

    optimizer: "adam", "adamw" or "sgd"; momentum (of SGD) and weight_decay with it. schedule of the learning rate:
    "constant"; "cyclic", up over the first two fifths and down to 0; "cosine", down to 0; "step", a tenth after
    three quarters and a hundredth after nine tenths.
    average: share of the averaged weights that a step leaves as they were, such as 0.999 (an exponential moving
    average, arXiv:2010.03593); the averaged weights are then those that are judged, kept and returned.
    held_out: share of the rows that nobody learns from and on which PGD judges every epoch; 0 for none. by: a column
    of the groups, or "class", whose worst group then decides which epoch is best. split_by: a column, such as a track
    or a speaker, whose values stay on one side. patience: epochs without a better one after which the training ends.
    augment: functions of inputs (n, ...) and ``Draws`` to inputs, such as ``Shift(2)``, ``Flip()``, ``Noise(0.1)``,
    ``ColorJitter()`` and ``Affine()``, applied in turn before the attack. class_weights: "balanced", or one number
    for each class.
    attack_mode: "eval" or "train", the mode of the modules while an attack looks for its examples.
    accumulate: in how many pieces a batch is worked on, one after the other: memory for a part of the rows, and the
    gradients of all (but for what looks at a batch as a whole: BatchNorm, and the moved weights of AWP).
    precision: "bfloat16" for all passes, of the attack as well; weights, their gradients and the optimiser stay in
    float32.
    checkpoint: seconds between two checkpoints within an epoch, where there is a run folder.
    Raises InputError on values that make no sense."""

    optimizer: Optimizer | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    schedule: Schedule | None = None
    average: float | None = None
    held_out: float | None = None
    by: str | None = None
    split_by: str | None = None
    patience: int | None = None
    augment: tuple[Augmentation, ...] = ()
    class_weights: Literal["balanced"] | tuple[float, ...] | None = None
    attack_mode: AttackMode | None = None
    accumulate: int = 1
    precision: Precision | None = None
    checkpoint: float = 60.0

    def __post_init__(self) -> None:
        for name, kinds in _WORDS.items():
            _check_word(name, getattr(self, name), get_args(kinds))
        for name, (low, high) in _RANGES.items():
            _check_number(name, getattr(self, name), low, high)
        for name in ("patience", "accumulate"):
            if (value := getattr(self, name)) is not None and not is_count(value):
                raise InputError(f"{name} is {value}; it must be a whole number, at least 1.")
        if not isinstance(self.augment, tuple) or not all(map(callable, self.augment)):
            raise InputTypeError(f"augment is {self.augment!r}; pass a tuple of functions, such as (Shift(2), Flip()).")
        _check_weights(self.class_weights)

    def over(self, recipe: Recipe) -> "Training":
        """The same with the recipe's own choices where none was made."""
        own = {field.name: getattr(recipe, field.name) for field in fields(self) if hasattr(recipe, field.name)}
        missing = {name: value for name, value in own.items() if getattr(self, name) is None}
        return replace(self, **missing)

    def facts(self) -> dict[str, Any]:
        """What decides the outcome, for the log; functions by their names."""
        chosen = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "checkpoint"}
        return chosen | {"augment": [_name(way) for way in self.augment]}


def _name(way: Augmentation) -> str:
    return repr(way) if is_dataclass(way) else f"{way.__module__}.{getattr(way, '__qualname__', type(way).__name__)}"


_WORDS: dict[str, Any] = {
    "optimizer": Optimizer, "schedule": Schedule, "attack_mode": AttackMode, "precision": Precision,
}  # fmt: skip
_RANGES = {
    "momentum": (0.0, 1.0), "average": (0.0, 1.0), "held_out": (0.0, 0.5), "weight_decay": (0.0, float("inf")),
    "checkpoint": (0.0, float("inf")),
}  # fmt: skip


def _check_word(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        hint = nearest(str(value), known, f"; choose one of {', '.join(known)}.")
        raise InputError(f"{name} is {value!r}{hint}")


def _check_number(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value < high:
        raise InputError(f"{name} is {value}; it must be at least {low:g} and below {high:g}.")


def _check_weights(weights: Any) -> None:
    if weights is None or weights == "balanced":
        return
    numbers = isinstance(weights, tuple) and all(isinstance(weight, int | float) for weight in weights)
    if not numbers or not all(0 <= weight < float("inf") for weight in weights) or not sum(weights):
        raise InputError(
            f'class_weights is {weights!r}; pass "balanced", or a tuple of one number of at least 0 for each class.'
        )
