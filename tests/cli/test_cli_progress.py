"""What is seen while one waits."""

import io
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from brinell.cli.progress import showing


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def a_screen() -> Iterator[Screen]:
    """A terminal for stderr; while a test is set up pytest has not yet put its own in place, so no fixture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm-256color")
        patch.setenv("COLUMNS", "100")
        patch.setattr(sys, "stderr", made := Screen())
        yield made


def seen(screen: Screen) -> str:
    """What was drawn, without the control characters."""
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", screen.getvalue())


def count_up(label: str, total: int | None, unit: str) -> str:
    """What is seen while a count goes from 0 to 100."""
    with a_screen() as screen, showing() as display:
        for done in range(0, 101, 20):
            display(label, done, total, unit)
            time.sleep(0.03)
        time.sleep(0.15)  # ten frames a second are drawn
    return seen(screen)


@pytest.mark.parametrize("unit", ["rows", "bytes"])
def test_a_bar_shows_label_count_and_rate(unit: str) -> None:
    text = count_up("attacking: FGSM [x]", 100, unit)
    assert "attacking: FGSM [x]" in text
    assert "100 of 100" in text
    assert re.search(r"\d left", text)
    assert re.search(rf"\d {unit}/s", text)


def test_a_bar_may_not_know_the_end() -> None:
    assert re.search(r"reading \S* 100, \d+ rows/s", count_up("reading", None, "rows"))


def test_before_there_is_something_to_count_only_the_label_is_seen() -> None:
    with a_screen() as screen, showing() as display:
        display("loading", 0, None)
        time.sleep(0.15)
    assert re.search(r"loading \S+ *\r?\n?", seen(screen))
    assert "0" not in seen(screen)


def test_attacks_share_a_count_and_other_labels_begin_anew() -> None:
    with a_screen() as screen, showing() as display:
        display("reading", 8, 8)
        display("attacking: FGSM", 0, 8)
        display("attacking: PGD", 4, 8)
        time.sleep(0.25)
    last = seen(screen).rpartition("attacking: PGD")[2]
    assert "4 of 8" in last
    assert "reading" not in last


def test_nothing_is_drawn_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with showing() as display:
        display("reading", 3, 8)
        time.sleep(0.15)
    assert capsys.readouterr() == ("", "")


def test_what_is_raised_inside_comes_out_and_the_cursor_is_back() -> None:
    def interrupted() -> None:
        with showing() as display:
            display("reading", 3, 8)
            raise KeyboardInterrupt

    with a_screen() as screen, pytest.raises(KeyboardInterrupt):
        interrupted()
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert screen.getvalue().rindex(shown) > screen.getvalue().rindex(hidden)
