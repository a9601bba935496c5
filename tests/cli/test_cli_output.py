"""Words, tables and JSON."""

import io
import json
import sys

import pytest

from brinell.cli import screen
from brinell.cli.output import cell, for_machines, print_json, say, say_pairs, say_table, share
from brinell.statistics import Rate


def test_text_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    say("[bold]not markup[/bold] :smile: 'a' 1.0", "yellow")
    say_pairs([("[a]", "[b]")])
    say_table(["[c]", "n"], [["[/d]", "1"]])
    out = capsys.readouterr().out
    assert "[bold]not markup[/bold] :smile: 'a' 1.0\n" in out
    assert all(word in out for word in ("[a]  [b]", "[c]", "[/d]"))
    assert "\x1b" not in out


def test_a_paragraph_is_one_line_where_there_is_no_screen(capsys: pytest.CaptureFixture[str]) -> None:
    say("word " * 100 + "end")
    assert capsys.readouterr().out.count("\n") == 1


def test_tables_know_their_width(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    widths = []
    for columns in (None, "60"):
        monkeypatch.delenv("COLUMNS", raising=False) if columns is None else monkeypatch.setenv("COLUMNS", columns)
        say_table(["a", "b"], [["x" * 200, "1"]])
        widths.append(max(map(len, capsys.readouterr().out.splitlines())))
    assert widths == [119, 59]  # the last column's padding is cut


def test_for_machines_keeps_stdout_free(capsys: pytest.CaptureFixture[str]) -> None:
    for wanted in (True, False):
        with for_machines(wanted):
            say("words")
            print("of a model")
        print_json({"wanted": wanted})
        out, err = capsys.readouterr()
        words = "words\nof a model\n"
        assert err == (words if wanted else "")
        assert json.loads(out.removeprefix("" if wanted else words)) == {"wanted": wanted}
    assert sys.stdout is not sys.stderr


def test_rates() -> None:
    assert share(Rate(1, 2)) == "50.0% (9.5% to 90.5%)"
    assert cell(Rate(1, 2)) == "50.0% (9.5 to 90.5)"
    assert share(Rate(0, 0)) == cell(Rate(0, 0)) == "undefined"


def test_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"a": float("nan")})


def test_at_80_columns_numbers_stay_whole_and_labels_break_at_spaces(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    label, rate = "PGD(steps=20, annealed, margin)", cell(Rate(500, 1000))
    say_table(["attack", "gradients per row", "hardened", "plain"], [[label, "1234.5", rate, rate]])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.count(rate) for line in lines) == 2
    rows = [line[:23] for line in lines if "PGD" in line or "margin" in line]
    assert " ".join(rows).split() == label.split()


def test_nothing_ends_in_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    say_pairs([("short", "a"), ("longer", "a much longer text")])
    say_table(["a", "b"], [["x", "1"]])
    assert not [line for line in capsys.readouterr().out.splitlines() if line != line.rstrip()]


@pytest.mark.parametrize(
    ("terminal", "environment", "no_color", "coloured"),
    [
        (True, {}, False, True),
        (True, {"NO_COLOR": "1"}, False, False),
        (True, {}, True, False),
        (True, {"TERM": "dumb"}, False, False),
        (False, {}, False, False),
        (False, {"FORCE_COLOR": "1"}, False, True),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        (False, {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colours(
    terminal: bool, environment: dict[str, str], no_color: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(sys, "stdout", stream)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"TERM": "xterm"} | environment).items():
        monkeypatch.setenv(name, value)
    with screen.fresh():
        screen.ask(quiet=False, no_color=no_color)
        say("a warning", "yellow")
        say_pairs([("bold", "plain")])
    assert ("\x1b[" in stream.getvalue()) == coloured


def test_quiet_says_nothing_but_json(capsys: pytest.CaptureFixture[str]) -> None:
    with screen.fresh():
        screen.ask(quiet=True, no_color=False)
        say("words")
        say_pairs([("a", "b")])
        say_table(["a"], [["b"]])
        print_json({})
    assert capsys.readouterr() == ("{}\n", "")
    say("again")
    assert capsys.readouterr().out == "again\n"
