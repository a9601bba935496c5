"""Threat sets: the inputs that an attacker may reach. Add one: a file here and a line in ``THREATS``."""

import re
from typing import Any

from brinell.errors import InputError
from brinell.threats.base import Ball, Patched, Place, Planar, Threat
from brinell.threats.l0 import L0
from brinell.threats.l1 import L1
from brinell.threats.l2 import L2
from brinell.threats.linf import Linf

THREATS: dict[str, type[Ball]] = {"linf": Linf, "l2": L2, "l1": L1, "l0": L0}


def threat(text: str) -> Ball:
    """Read a threat set from text such as ``"linf:8/255"`` or ``"l2:0.5"``; ``"linf:8/255@8bit"`` holds what an 8-bit
    file can hold. Raises InputError."""
    name, colon, size = str(text).partition(":")
    if not colon or name.strip().lower() not in THREATS:
        raise InputError(f'the threat is {text!r}; write SET:EPS, such as "linf:8/255". Sets: {", ".join(THREATS)}.')
    eps, at, bits = size.partition("@")
    if at and not re.fullmatch(r"\s*\d+\s*bit\s*", bits):
        raise InputError(f'the threat is {text!r}; behind the @ write the bits of a value, such as "linf:8/255@8bit".')
    return THREATS[name.strip().lower()](eps.strip(), int(bits.strip().removesuffix("bit")) if at else None)


def demand(threat: Threat, method: str, who: str) -> Any:
    """The set itself, if it has the method that ``who`` needs. Raises InputError, which names the sets that have it."""
    if not hasattr(threat, method):
        able = ", ".join(name for name, kind in THREATS.items() if hasattr(kind, method))
        raise InputError(f"{who} does not work within {threat}; choose one of these threat sets: {able}.")
    return threat


__all__ = ["Linf", "L2", "L1", "L0", "THREATS", "threat", "Ball", "Patched", "Place", "Planar", "Threat", "demand"]
