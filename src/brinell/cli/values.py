"""Text from the command line read as values: bounds, goals, attacks and recipes with their parameters."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import torch

from brinell.attacks import Attack
from brinell.defenses import AUGMENTATIONS, RECIPES, Recipe, Training
from brinell.errors import InputError, nearest
from brinell.goals import Toward
from brinell.threats import Ball

_Kind = TypeVar("_Kind")


def read_bounds(text: str) -> tuple[float, float]:
    """The two numbers of ``"0:255"``. Raises InputError; their order is checked where they are used."""
    low, _, high = text.partition(":")
    try:
        return float(low), float(high)
    except ValueError as problem:
        raise InputError(f"the bounds are {text!r}; write LOW:HIGH, such as 0:1 or 0:255.") from problem


def read_numbers(name: str, text: str) -> tuple[float, ...]:
    """The numbers of ``"0.25,0.5,1"``. Raises InputError."""
    try:
        return tuple(_fraction(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError) as problem:
        raise InputError(
            f"the {name} are {text!r}; write numbers with commas between them, such as 0.5,1."
        ) from problem


def read_goal(target: int | None, classes: int) -> Toward | None:
    """The goal of an attacker who wants the label ``target``; None, which is any wrong label, without one.

    Raises InputError where the model has no such class."""
    if target is None:
        return None
    goal = Toward(target)
    goal.bind(torch.zeros(1, dtype=torch.int64), classes)
    return goal


def named(kinds: Mapping[str, type[_Kind]], what: str, text: str, pairs: Iterable[str] = ()) -> _Kind:
    """The value that ``"PGD"`` or ``"PGD:steps=100,objective=margin"`` and further ``KEY=VALUE`` texts describe.

    kinds: the frozen dataclasses to choose from, by name; ``what`` they are called. Raises InputError."""
    name, _, inline = text.partition(":")
    found = {each.lower(): kind for each, kind in kinds.items()}.get(name.strip().lower())
    if found is None:
        raise InputError(f"there is no {what} {name!r}; choose one of {', '.join(kinds)}{nearest(name, kinds)}")
    return found(**_parameters(found, [*filter(None, inline.split(",")), *pairs]))


def varied(kind: type[Any], text: str) -> tuple[str, tuple[Any, ...]]:
    """The parameter and the values that ``"beta=1,3,6"`` names, of an attack or a recipe. Raises InputError."""
    key, equals, listed = (part.strip() for part in text.partition("="))
    if not (equals and listed):
        raise InputError(f"{text!r} names no values; write KEY=VALUE,VALUE, such as beta=1,3,6.")
    return key, tuple(_parameters(kind, [f"{key}={value}"])[key] for value in listed.split(","))


def read_training(pairs: Iterable[str]) -> Training:
    """The choices that ``"average=0.999"``, ``"augment=shift:most=2"`` and so on make. Raises InputError."""
    plain, ways = [], []
    given: dict[str, Any] = {}
    for pair in pairs:
        key, _, text = (part.strip() for part in pair.partition("="))
        if key == "augment":
            ways.append(named(AUGMENTATIONS, "augmentation", text))
        elif key == "class_weights" and text != "balanced":
            given[key] = read_numbers(key, text)
        else:
            plain.append(pair)
    return Training(augment=tuple(ways), **given, **_parameters(Training, plain))


def check_fit(attacks: Iterable[Attack], ball: Ball) -> None:
    """Raise InputError where an attack does not work within the threat set."""
    name = str(ball).partition(":")[0]
    for attack in attacks:
        if attack.threats != "any" and name not in attack.threats.split(", "):
            raise InputError(
                f"{type(attack).__name__} does not work within {ball}; its threat sets are {attack.threats}."
            )


def defaults(kind: type[Any]) -> dict[str, Any]:
    """The parameters of an attack or a recipe, with their defaults."""
    return {field.name: field.default for field in fields(kind)}


def _parameters(kind: type[Any], pairs: Iterable[str]) -> dict[str, Any]:
    known, hints = defaults(kind), get_type_hints(kind)
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = (part.strip() for part in pair.partition("="))
        if not equals:
            raise InputError(f"the parameter {pair!r} has no value; write KEY=VALUE, such as steps=40.")
        if key not in known:
            there = ", ".join(f"{name}={value}" for name, value in known.items()) or "no parameters"
            raise InputError(f"{kind.__name__} has no parameter {key!r}; it has {there}{nearest(key, known)}")
        values[key] = _read(key, text, hints[key])
    return values


def _read(key: str, text: str, hint: Any) -> Any:
    """``text`` as what the parameter's type hint asks for."""
    if hint is Recipe:
        return named(RECIPES, "recipe", text)
    allowed = get_args(hint) or (hint,)
    if NoneType in allowed and text.lower() == "none":
        return None
    if str in allowed or any(get_origin(each) is Literal or isinstance(each, str) for each in allowed):
        return text
    try:
        return int(text) if int in allowed else _fraction(text)
    except (ValueError, ZeroDivisionError) as problem:
        wanted = "a whole number" if int in allowed else "a number, or a fraction such as 0.01/0.3"
        raise InputError(f"{key} is {text!r}; give {wanted}.") from problem


def _fraction(text: str) -> float:
    top, _, bottom = text.partition("/")
    return float(top) / float(bottom or 1)
