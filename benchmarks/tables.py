"""What a benchmark hands back: a table and promises; shown in the terminal, written into the docs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

_PAPER = 140  # columns, where there is no terminal


@dataclass(frozen=True, slots=True)
class Promise:
    """What the project says of itself, what was measured, and whether it holds."""

    text: str
    measured: str
    met: bool

    def __str__(self) -> str:
        return f"{self.text}: {self.measured} ({'met' if self.met else 'missed'})"


@dataclass(frozen=True, slots=True)
class Table:
    """``head`` names the columns, ``rows`` hold text; ``note`` says how and on what it was measured."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str
    promises: list[Promise] = field(default_factory=list)


def show(table: Table) -> None:
    """Print the table and the promises."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PAPER)
    view = RichTable(title=table.title, title_justify="left", box=box.SIMPLE)
    for number, name in enumerate(table.head):
        view.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in table.rows:
        view.add_row(*row)
    console.print(view)
    console.print(table.note, highlight=False)
    for promise in table.promises:
        console.print(f"  {promise}", style="green" if promise.met else "bold red", highlight=False)


def markdown(table: Table) -> str:
    """The same as a Markdown table and a list."""
    rule = ("---", *["---:"] * (len(table.head) - 1))
    lines = [f"| {' | '.join(cells)} |" for cells in (table.head, rule, *table.rows)]
    promises = [f"- {promise}" for promise in table.promises]
    return "\n".join([*lines, "", table.note, *([""] if promises else []), *promises])


def write(table: Table, name: str, page: Path) -> None:
    """Put the table between the marks ``<!-- name -->`` and ``<!-- /name -->`` of the page."""
    text = page.read_text(encoding="utf-8")
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not marks.search(text):
        raise SystemExit(f"{page} has no marks <!-- {name} --> and <!-- /{name} -->; put them where the table goes.")
    page.write_text(marks.sub(lambda found: f"{found[1]}{markdown(table)}\n{found[2]}", text), encoding="utf-8")
