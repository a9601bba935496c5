"""Words, tables and JSON."""

import json
import sys

import pytest

from brinell.cli.output import for_machines, print_json, say, say_pairs, say_table, share
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
    assert widths == [120, 60]


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
    assert share(Rate(0, 0)) == "undefined"


def test_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"a": float("nan")})
