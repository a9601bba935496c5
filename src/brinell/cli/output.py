"""What people read, as words and tables on stdout; and JSON for machines."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
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
    console = _console()
    console.print(Text(text, style), soft_wrap=not console.is_terminal)


def say_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Short words on the left, and what they are on the right."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for left, right in pairs:
        grid.add_row(Text(left), Text(right))
    _console().print(grid)


def say_table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> None:
    """A table: the first columns hold ``words``, the others numbers, aligned to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position < words else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    _console().print(table)


def share(rate: "Rate") -> str:
    """A rate with its Wilson interval; its n stands elsewhere."""
    if not rate.n:
        return "undefined"
    low, high = rate.wilson
    return f"{rate.value:.1%} ({low:.1%} to {high:.1%})"


def _console() -> Console:
    """stdout as it is now: it may have been sent elsewhere."""
    told = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, markup=False, emoji=False, width=None if told else _WIDTH)
