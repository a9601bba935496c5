"""What a person sees while they wait: one line on stderr, with a rate; nothing where stderr is not a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Display:
    """The callback that the core reports to (``brinell.progress.Progress``); remembers the last report.

    ``unit`` is what is counted. Labels that differ after a colon only ("attacking: FGSM") share one count."""

    def __init__(self, bar: Progress | None) -> None:
        self.label, self.done = "", 0
        self._bar = bar
        self._task: TaskID | None = None

    def __call__(self, label: str, done: int, total: int | None, unit: str = "rows") -> None:
        """Show ``done`` of ``total`` units of what is going on."""
        again = _count_of(label) == _count_of(self.label)
        self.label, self.done = label, done
        if self._bar is None:
            return
        if self._task is None or not again:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(label, total=total)
        self._bar.update(self._task, description=label, completed=done, total=total, unit=unit)


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
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
        speed_estimate_period=600.0,  # seconds: a block of an audit may take minutes between two reports
        redirect_stdout=sys.stdout.isatty(),  # what goes into a file must not land on the screen
    )


class RateColumn(ProgressColumn):
    """How many units a second."""

    def render(self, task: Task) -> Text:
        """The rate, once there is one."""
        if not task.speed:
            return Text("")
        return Text(f"{task.speed:,.{0 if task.speed >= 10 else 1}f} {task.fields.get('unit', 'rows')}/s")


def _count_of(label: str) -> str:
    return label.partition(":")[0]
