"""What is seen while one waits."""

import io
import re
import sys
import time

import pytest

from brinell.cli.progress import showing


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stderr", made := Screen())
    return made


def seen(screen: Screen) -> str:
    """What was drawn, without the control characters."""
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", screen.getvalue())


def count_up(label: str, total: int | None, unit: str) -> None:
    with showing() as display:
        for done in range(0, 101, 20):
            display(label, done, total, unit)
            time.sleep(0.03)
        assert (display.label, display.done) == (label, 100)
        time.sleep(0.15)  # ten frames a second are drawn


@pytest.mark.parametrize("unit", ["rows", "bytes"])
def test_a_bar_shows_label_count_and_rate(unit: str, screen: Screen) -> None:
    count_up("attacking: FGSM [x]", 100, unit)
    assert "attacking: FGSM [x]" in seen(screen)
    assert "100/100" in seen(screen)
    assert re.search(rf"\d {unit}/s", seen(screen))


def test_a_bar_may_not_know_the_end(screen: Screen) -> None:
    count_up("reading", None, "rows")
    assert "100/?" in seen(screen)


def test_attacks_share_a_count_and_other_labels_begin_anew(screen: Screen) -> None:
    with showing() as display:
        display("reading", 8, 8)
        display("attacking: FGSM", 0, 8)
        display("attacking: PGD", 4, 8)
        time.sleep(0.25)
    last = seen(screen).rpartition("attacking: PGD")[2]
    assert "4/8" in last
    assert "reading" not in last


def test_nothing_is_drawn_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with showing() as display:
        display("reading", 3, 8)
        assert (display.label, display.done) == ("reading", 3)
    assert capsys.readouterr() == ("", "")


def test_what_is_raised_inside_comes_out(screen: Screen) -> None:
    def interrupted() -> None:
        with showing() as display:
            display("reading", 3, 8)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert screen.getvalue().endswith("\x1b[?25h")  # the cursor is back
