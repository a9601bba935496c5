"""What a person sees while they wait, on stderr: two lines that are drawn anew; in a log a line now and then."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID
from rich.table import Table
from rich.text import Text

from brinell.cli import screen

LOG_EVERY = 10.0  # seconds between two lines of a log
_UNITS = {"diagnosing": "checks", "measuring": "steps"}  # of what is counted, by name; else rows


class Display:
    """The callback that the core reports to (``brinell.progress.Progress``).

    Labels that differ after a colon only ("attacking: FGSM") share one count."""

    def __init__(self, bar: "_Bar | _Log | None") -> None:
        self._bar = bar

    def __call__(self, label: str, done: int, total: int | None, unit: str = "") -> None:
        """Show that ``done`` of ``total`` units of what ``label`` says are done."""
        if self._bar is not None:
            self._bar.tell(label, done, total, unit or _UNITS.get(_count_of(label), "rows"))


@contextmanager
def showing() -> Iterator[Display]:
    """A display for the time of the block. On a terminal it leaves no trace; elsewhere its lines stay."""
    if screen.is_quiet():
        yield Display(None)
        return
    bar = _Bar() if screen.moves(sys.stderr) else None
    with bar or nullcontext():
        yield Display(bar or _Log())


class _Bar(Progress):
    """Above, what is going on; below, a bar and a count."""

    def __init__(self) -> None:
        super().__init__(
            BarColumn(bar_width=30),
            CountColumn(),
            console=Console(stderr=True, color_system="standard" if screen.colours(sys.stderr) else None),
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # what goes into a file must not land on the screen
        )
        self._spinner = SpinnerColumn()
        self._task: TaskID | None = None
        self._label = ""

    def tell(self, label: str, done: int, total: int | None, unit: str) -> None:
        """Show a count; one with another name takes the place of the one before."""
        if self._task is None or _count_of(label) != _count_of(self._label):
            if self._task is not None:
                self.remove_task(self._task)
            self._task = self.add_task(label, total=total, unit=unit, first=done)
        self._label = label
        self.update(self._task, description=label, completed=done, total=total)

    def get_renderables(self) -> Iterable[RenderableType]:
        """The two lines of each count."""
        for task in self.tasks:
            line = Table.grid(padding=(0, 1))
            line.add_column(no_wrap=True)
            line.add_column(no_wrap=True, overflow="ellipsis")
            line.add_row(self._spinner(task), Text(task.description))
            yield line
            if task.completed or task.total:
                yield self.make_tasks_table([task])


class _Log:
    """A line in ten seconds of counting, without any character that moves a cursor."""

    def __init__(self) -> None:
        self._label, self._first = "", 0
        self._began = self._last = 0.0

    def tell(self, label: str, done: int, total: int | None, unit: str) -> None:
        """Write a line where the last is long ago."""
        now = time.monotonic()
        if _count_of(label) != _count_of(self._label):
            self._label, self._began, self._first = label, now, done
            self._last = self._last or now
        elif now - self._last >= LOG_EVERY:
            self._last = now
            words = count_words(done, total, unit, now - self._began, done - self._first)
            print(": ".join(filter(None, (label, words))), file=sys.stderr, flush=True)


class CountColumn(ProgressColumn):
    """How many units are done, how many a second since the count began, and how long the rest will take."""

    def render(self, task: Task) -> Text:
        """Nothing before there is something to count."""
        seconds = task.finished_time or task.elapsed or 0.0
        total = None if task.total is None else int(task.total)
        done = int(task.completed)
        return Text(count_words(done, total, task.fields["unit"], seconds, done - task.fields["first"]))


def count_words(done: int, total: int | None, unit: str, seconds: float, of_these: int) -> str:
    """A count in words; ``of_these`` of the units were done in the last ``seconds``."""
    if total is None and not done:
        return ""
    parts = [f"{done:,}" if total is None else f"{done:,} of {total:,}"]
    if of_these and seconds:
        rate = of_these / seconds
        parts.append(f"{rate:,.{0 if rate >= 10 else 1}f} {unit}/s")
        if total is not None and total > done:
            parts.append(f"{timedelta(seconds=round((total - done) / rate))} left")
    return ", ".join(parts)


def _count_of(label: str) -> str:
    return label.partition(":")[0]
