"""What the screen is good for and what was asked of it: colours, a display that moves, silence."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, TextIO


class _Asked(NamedTuple):
    """What the words of a command line say."""

    quiet: bool = False
    no_color: bool = False


_NOTHING = _Asked()
_asked: ContextVar[_Asked] = ContextVar("asked", default=_NOTHING)


@contextmanager
def fresh() -> Iterator[None]:
    """For the time of a command line: what it asks for ends with it."""
    token = _asked.set(_NOTHING)
    try:
        yield
    finally:
        _asked.reset(token)


def ask(quiet: bool, no_color: bool) -> None:
    """What the words of the command line say."""
    _asked.set(_Asked(quiet, no_color))


def is_quiet() -> bool:
    """Whether nothing is to be said but errors."""
    return _asked.get().quiet


def colours(stream: TextIO) -> bool:
    """Whether to write in colour: NO_COLOR and --no-color forbid it, FORCE_COLOR wants it, else terminals get it."""
    if _asked.get().no_color or os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or moves(stream)


def moves(stream: TextIO) -> bool:
    """Whether it is a terminal whose lines can be drawn anew; in a file or a log every character stays."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
