"""What a person sees while they wait: one line on stderr, with a rate; nothing where stderr is not a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.text import Text


class Display:
    """The callback that the core reports to (``brinell.progress.Progress``).

    Labels that differ after a colon only ("attacking: FGSM") share one count."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._task: TaskID | None = None
        self._label = ""

    def __call__(self, label: str, done: int, total: int | None, unit: str = "rows") -> None:
        """Show that ``done`` of ``total`` units of what ``label`` says are done."""
        if self._bar is None:
            return
        if self._task is None or _count_of(label) != _count_of(self._label):
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(label, total=total, unit=unit)
        self._label = label
        self._bar.update(self._task, description=label, completed=done, total=total)


@contextmanager
def showing() -> Iterator[Display]:
    """A display for the time of the block; it leaves no trace."""
    bar = _bar() if sys.stderr.isatty() else None
    with bar or nullcontext():
        yield Display(bar)


def _bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        CountColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # what goes into a file must not land on the screen
    )


class CountColumn(ProgressColumn):
    """How many units are done, how many a second since the count began, and how long the rest will take."""

    def render(self, task: Task) -> Text:
        """Nothing before there is something to count."""
        seconds = task.finished_time or task.elapsed or 0.0
        if task.total is None and not task.completed:
            return Text("")
        parts = [f"{task.completed:,.0f}" if task.total is None else f"{task.completed:,.0f} of {task.total:,.0f}"]
        if task.completed and seconds:
            rate = task.completed / seconds
            parts.append(f"{rate:,.{0 if rate >= 10 else 1}f} {task.fields['unit']}/s")
            if task.remaining:
                parts.append(f"{timedelta(seconds=round(task.remaining / rate))} left")
        return Text(", ".join(parts))


def _count_of(label: str) -> str:
    return label.partition(":")[0]
