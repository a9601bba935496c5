"""`brinell report`, and the pages that `brinell compare` and `brinell curve` help to make."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from workshop import N, Run, arrays, margins

TOY = ("nets.py:Linear", "toy.npz", "linf:0.05")


@pytest.fixture
def audited(run: Run) -> Path:
    attacks = ("--attack", "FGSM", "--attack", "PGD:steps=3", "--no-diagnose")
    assert run("audit", *TOY, *attacks, "--seed", 5, "--out", "a").code == 0
    return Path("a")


def test_a_page_from_a_run_folder(run: Run, audited: Path) -> None:
    ended = run("report", "a")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.split() == ["Report:", "a/report.html"]
    page = Path("a/report.html").read_text()
    assert "Robustness report" in page
    known = (margins(arrays("toy.npz")["x"]) > 8 * 0.05).sum()
    assert f"{known} of all {N} inputs stand" in page
    assert run("report", "a", "--out", "deep/b.html", "--title", "Ours & theirs").code == 0
    assert "<title>Ours &amp; theirs</title>" in Path("deep/b.html").read_text()
    assert run("audit", *TOY, "--attack", "FGSM", "--out", "c", "--report", "c.html").code == 0
    assert Path("c.html").is_file()


def test_what_is_no_run_folder_is_named(run: Run) -> None:
    ended = run("report", "nowhere")
    assert ended.code == 2
    assert "no finished audit in nowhere" in ended.err


def test_nothing_heavy_is_needed(audited: Path) -> None:
    """What takes a page from half a second to two, or torch's three."""
    heavy = {"torch", "pandas", "pyarrow.compute", "pyarrow.dataset", "rich"}
    program = f"""if True:
        import sys
        from brinell.cli.app import main
        try: main()
        finally: print(sorted({heavy} & set(sys.modules)))"""
    words = [sys.executable, "-c", program, "report", "a", "--out", "b.html"]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["Report: b.html", "[]"]
    assert Path("b.html").is_file()


def test_the_replay_command_on_the_page_gives_the_same_record(run: Run, audited: Path) -> None:
    run("report", "a")
    code = re.findall(r'<code id="code-1">(.*?)</code>', Path("a/report.html").read_text(), re.DOTALL)[0]
    words = shlex.split(code.replace("&#39;", "'").replace("\\\n", " "))
    assert words[:2] == ["brinell", "audit"]
    assert run(*words[1:]).code == 0
    first, again = (json.loads(Path(folder, "run.json").read_text()) for folder in ("a", words[-1]))
    assert first["settings"] == again["settings"]
    assert first["stages"] == again["stages"]
