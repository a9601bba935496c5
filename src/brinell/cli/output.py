"""What people read, as words and tables on stdout; and JSON for machines."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

from brinell.cli import screen

if TYPE_CHECKING:  # rich takes a while to import: a line for a file or a log needs nothing of it
    from rich.console import Console

    from brinell.statistics import Rate

_WIDTH = 120  # columns, where nobody says how wide the reader's screen is


@contextmanager
def for_machines(wanted: bool) -> Iterator[None]:
    """Where ``wanted``, send all that is printed inside to stderr: stdout is to hold one JSON document."""
    if not wanted:
        yield
        return
    with redirect_stdout(sys.stderr):
        yield


def print_json(facts: Any) -> None:
    """The JSON document. NaN, which JSON has not got, is a mistake here: ValueError."""
    sys.stdout.write(json.dumps(facts, indent=2, allow_nan=False) + "\n")


def say(text: str = "", style: str = "") -> None:
    """A paragraph."""
    if not style and not sys.stdout.isatty():
        _write(text)
        return
    from rich.text import Text

    _print(_console(), Text(text, style), soft_wrap=not sys.stdout.isatty())


def say_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Short words on the left, and what they are on the right."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for left, right in pairs:
        grid.add_row(Text(left), Text(right))
    _print(_console(), grid)


def say_table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> None:
    """A table: the first columns hold ``words``, which may be broken into lines, the others numbers, aligned to the
    right, which stay whole where the screen has room for them."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console, table = _console(), Table(box=box.SIMPLE_HEAD, pad_edge=False)
    widths = _widths([[column, *(row[i] for row in rows)] for i, column in enumerate(columns)], words, console.width)
    for i, (column, width) in enumerate(zip(columns, widths, strict=True)):
        table.add_column(Text(column), justify="left" if i < words else "right", overflow="fold", width=width)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    _print(console, table)


def _widths(cells: Sequence[Sequence[str]], words: int, room: int) -> list[int | None]:
    """Of each column, None where it may be as wide as it comes. cells: by column, the first of each its title."""
    free: list[int | None] = [None] * len(cells)
    frame = 3 * len(cells) - 1
    if sum(max(map(len, column)) for column in cells) + frame <= room:
        return free
    whole = [max(_longest_word(title), *map(len, numbers), 0) for title, *numbers in cells[words:]]
    least = [max(map(_longest_word, column)) for column in cells[:words]]
    return [*free[:words], *whole] if sum(whole) + sum(least) + frame <= room else free


def _longest_word(text: str) -> int:
    return max(map(len, text.split()), default=0)


def share(rate: "Rate") -> str:
    """A rate with its Wilson interval; its n stands elsewhere."""
    if not rate.n:
        return "undefined"
    low, high = rate.wilson
    return f"{rate.value:.1%} ({low:.1%} to {high:.1%})"


def cell(rate: "Rate") -> str:
    """The same for a table, where room is dear."""
    return f"{rate.value:.1%} ({span(rate)})" if rate.n else "undefined"


def span(rate: "Rate") -> str:
    """The Wilson interval alone, in percent."""
    low, high = rate.wilson
    return f"{100 * low:.1f} to {100 * high:.1f}"


def _console() -> "Console":
    """One as wide as stdout is now, which may have been sent elsewhere."""
    from rich.console import Console

    told = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(
        highlight=False, markup=False, emoji=False, width=None if told else _WIDTH,
        color_system="standard" if screen.colours(sys.stdout) else None,
    )  # fmt: skip


def _print(console: "Console", what: Any, soft_wrap: bool = False) -> None:
    with console.capture() as drawn:
        console.print(what, soft_wrap=soft_wrap)
    _write(drawn.get())


def _write(text: str) -> None:
    """Without spaces at the ends of lines, unless nothing is to be said."""
    if not screen.is_quiet():
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in text.splitlines() or [""]))
