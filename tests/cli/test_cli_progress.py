"""What is seen while one waits."""

import io
import itertools
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from brinell.cli import progress, screen
from brinell.cli.progress import count_words, showing


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
    assert re.search(r"reading\s+\S* 100, \d+ rows/s", count_up("reading", None, "rows"))


def test_before_there_is_something_to_count_only_the_label_is_seen() -> None:
    with a_screen() as screen, showing() as display:
        display("loading", 0, None)
        time.sleep(0.15)
    assert re.search(r"\S loading\n*", seen(screen))
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


def test_a_short_work_leaves_no_line_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with showing() as display:
        display("reading", 3, 8)
        time.sleep(0.15)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("how", ["no terminal", "a dumb terminal"])
def test_a_log_has_a_line_now_and_then_and_no_control_characters(
    how: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LOG_EVERY", 0.02)
    monkeypatch.setenv("FORCE_COLOR", "1")  # colours are no display
    if how == "a dumb terminal":
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("TERM", "dumb")
    with showing() as display:
        for done in range(0, 101, 25):
            display(f"attacking: FGSM, {150 - done} of 200 standing", done, 100)
            time.sleep(0.03)
    said = capsys.readouterr().err
    assert said.isprintable() is False  # line ends
    assert said.replace("\n", "").isprintable()
    assert len(said.splitlines()) == 4
    line = r"attacking: FGSM, 75 of 200 standing: 75 of 100, [\d,.]+ rows/s, 0:00:00 left"
    assert re.search(f"^{line}$", said, re.MULTILINE)
    assert re.search(r"100 of 100, [\d,.]+ rows/s$", said, re.MULTILINE)


def test_lines_of_a_log_are_seconds_apart(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(100.0, 4.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with showing() as display:
        for done in range(10):
            display("attacking: FGSM", done, 10)
    assert len(capsys.readouterr().err.splitlines()) == 3  # of 36 seconds


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LOG_EVERY", 0.0)
    with screen.fresh():
        screen.ask(quiet=True, no_color=False)
        with showing() as display:
            display("reading", 3, 8)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_display_has_colours_unless_they_are_unwanted(no_color: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    with a_screen() as drawn, showing() as display:
        display("reading", 3, 8)
        time.sleep(0.15)
    assert bool(re.search(r"\x1b\[[\d;]*m", drawn.getvalue())) == (not no_color)


def test_the_rate_counts_what_was_done_here_not_before() -> None:
    assert count_words(900, 1000, "rows", 10.0, 100) == "900 of 1,000, 10 rows/s, 0:00:10 left"
    assert count_words(5, None, "rows", 10.0, 5) == "5, 0.5 rows/s"
    assert count_words(0, None, "rows", 1.0, 0) == ""


def test_what_is_raised_inside_comes_out_and_the_cursor_is_back() -> None:
    def interrupted() -> None:
        with showing() as display:
            display("reading", 3, 8)
            raise KeyboardInterrupt

    with a_screen() as screen, pytest.raises(KeyboardInterrupt):
        interrupted()
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert screen.getvalue().rindex(shown) > screen.getvalue().rindex(hidden)
