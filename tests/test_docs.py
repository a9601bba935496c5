"""What README and docs show is true: their Python runs, and their commands exist."""

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snippets import Printed, blocks, differs, renewed, run_python

ROOT = Path(__file__).resolve().parent.parent
MADE = {"_build", "_ext", "reference", "pictures"}  # no pages, or made by the build of the guide
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    *sorted(page for page in DOCS.rglob("*.md") if page.relative_to(DOCS).parts[0] not in MADE),
]
on_every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def brinell_calls(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line and words of each `$ brinell ...` in console blocks, up to a pipe, a redirection or a comment."""
    for block in blocks(text, "console"):
        for call in re.finditer(r"^\$ brinell\b((?:\\\n|[^\n])*)", block.code, re.MULTILINE):
            words = shlex.split(call[1].replace("\\\n", " "), comments=True)
            line = block.line + block.code.count("\n", 0, call.start())
            yield line, list(itertools.takewhile(lambda word: word not in {"|", ">", ">>", "&&", ";"}, words))


def complaint(words: list[str]) -> str | None:
    """What is wrong with these words after `brinell`, or None."""
    from typer.main import get_command

    from brinell.cli.app import app

    root: Any = get_command(app)
    named = bool(words) and not words[0].startswith("-")
    command = root.commands.get(words[0]) if named else root
    if command is None:
        return f"there is no command {words[0]!r}; there are {sorted(root.commands)}"
    known = {"--help"}.union(*([*option.opts, *option.secondary_opts] for option in command.params))
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]
    return f"unknown options {unknown}; known are {sorted(known)}" if unknown else None


@on_every_page
@pytest.mark.no_cover  # what pages do is tested elsewhere, and following their trainings would take a third longer
@pytest.mark.filterwarnings("ignore:Please import `gaussian_filter`:DeprecationWarning")  # foolbox's affair
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = run_python(page, page.read_text(encoding="utf-8"))
    assert [problem for each in printed if (problem := differs(each))] == []


@on_every_page
def test_console_blocks_name_what_exists(page: Path) -> None:
    calls = brinell_calls(page.read_text(encoding="utf-8"))
    wrong = [f"{page.name}:{line}: {problem}" for line, words in calls if (problem := complaint(words))]
    assert wrong == []


def test_every_command_is_shown_at_work() -> None:
    from typer.main import get_command

    from brinell.cli.app import app

    root: Any = get_command(app)
    shown = {words[0] for page in PAGES[1:] for _, words in brinell_calls(page.read_text(encoding="utf-8")) if words}
    assert set(root.commands) - shown == set()


def test_readme_shows_the_library_and_the_command_line() -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    assert any(block.runs for block in blocks(text, "python"))
    assert list(brinell_calls(text))


def test_a_failing_block_points_at_its_line(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = "```python\na = 1\n```\n\n- in a list:\n\n  ```python\n  b = a\n  raise OSError(b)\n  ```\n"
    with pytest.raises(OSError, match="1") as caught:
        run_python(page, text)
    assert (str(caught.traceback[-1].path), caught.traceback[-1].lineno + 1) == (str(page), 9)


def test_a_block_marked_no_run_still_has_to_compile(tmp_path: Path) -> None:
    run_python(tmp_path, "<!-- no-run: needs a GPU -->\n\n```python\nraise OSError\n```\n")
    with pytest.raises(SyntaxError):
        run_python(tmp_path, "<!-- no-run: needs a GPU -->\n```python\nraise raise\n```\n")
    with pytest.raises(OSError, match="no reason"):
        run_python(tmp_path, "<!-- no-run: -->\n```python\nraise OSError('no reason')\n```\n")


def test_commands_and_options_that_do_not_exist_are_noticed() -> None:
    shown = ["$ brinell nonsense --n | cat", "$ brinell demo \\", "  --nonsense=3 > log", "$ brinell --help"]
    calls = list(brinell_calls("\n".join(["```console", *shown, "```"])))
    assert calls == [(2, ["nonsense", "--n"]), (3, ["demo", "--nonsense=3"]), (5, ["--help"])]
    assert [complaint(words) is None for _, words in calls] == [False, False, True]


def test_what_a_page_says_that_its_snippets_print_is_held_against_it(tmp_path: Path) -> None:
    text = "```python\nprint('left:', '50.0%')\n```\n\n<!-- prints -->\n```text\nleft: {}\n```\n"
    for said, wrong in (("41.5%", False), ("20.0%", True), ("50.0% of it", True)):
        (printed,) = run_python(tmp_path, text.format(said))
        assert (differs(printed) is not None) == wrong
    assert renewed(tmp_path, text.format("2 or 3")) == text.format("50.0%")
    assert renewed(tmp_path, text.replace("left: {}\n", "")) == text.format("50.0%")


def test_output_is_compared_up_to_numbers_and_spaces() -> None:
    assert differs(Printed(1, "a  -0.30 and 1,000\n", "a 2e-05   and 7\n")) is None
    assert differs(Printed(1, "one thing\n", "another\n", roughly=True)) is None
    assert differs(Printed(1, "one thing\n", "\n", roughly=True)) is not None
