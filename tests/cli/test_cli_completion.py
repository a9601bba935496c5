"""What the shell is told when somebody presses Tab."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import brinell
from brinell.cli import names
from brinell.cli.app import app
from brinell.cli.completion import joined
from brinell.data import NAMES
from brinell.evaluation import EFFORTS

START = "from brinell.cli.app import main; main()"


def test_the_names_are_those_that_there_are() -> None:
    assert set(names.attacks()) == set(brinell.ATTACKS)
    assert set(names.recipes()) == set(brinell.RECIPES)
    assert names.data() == list(NAMES)
    assert tuple(EFFORTS) == names.EFFORTS
    assert {text.partition(":")[0] for text in names.THREATS} == set(brinell.THREATS)
    assert [str(brinell.threat(text)) for text in names.THREATS]


def asked(words: str, shell: str) -> dict[str, str]:
    """What a shell has in its environment when it asks for the last of the words; bash breaks them at colons and
    equals signs."""
    broken = words.replace(":", " : ").replace("=", " = ").split(" ")
    ends = 0 if words.endswith((":", "=")) else 1  # after a space or a letter the last word stays, though empty
    broken = [word for word in broken[:-1] if word] + broken[-1:] * ends
    bash = {"COMP_WORDS": "\n".join(broken), "COMP_CWORD": str(len(broken) - 1)}
    others = {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    return {"_BRINELL_COMPLETE": f"complete_{shell}"} | (bash if shell == "bash" else others)


Answers = Callable[..., list[str]]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Answers:
    """What a shell is told, line by line."""

    def told(words: str, shell: str = "bash") -> list[str]:
        for name, value in asked(words, shell).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            app([], prog_name="brinell")
        out, err = capsys.readouterr()
        assert (ended.value.code, err) == (0, "")
        return [line for line in out.split("\n") if line]

    return told


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("brinell a", ["advise", "audit", "attack", "attacks"]),
        ("brinell attack P", ["PGD"]),
        ("brinell attack Basin", ["BasinHopping"]),
        ("brinell audit m.py:f digits linf", ["linf:8/255", "linf:0.3"]),
        ("brinell audit m.py:f digits linf:", ["8/255", "0.3"]),
        ("brinell audit m.py:f digits linf:0", ["0.3"]),
        ("brinell audit brinell.models:S", ["SmallCNN"]),
        ("brinell audit m.py:f di", ["digits", "digits:train"]),
        ("brinell audit m.py:f digits:", ["train"]),
        ("brinell audit --effort q", ["quick"]),
        ("brinell audit --effort=q", ["quick"]),
        ("brinell curve --effort t", ["thorough"]),
        ("brinell audit --attack M", ["MomentumPGD"]),
        ("brinell audit --require s", ["sound"]),
        ("brinell audit --examples n", ["none"]),
        ("brinell harden m.py:f mnist:train l2:0.5 --recipe F", ["FastFGSM"]),
        ("brinell demo --data m", ["mnist"]),
        ("brinell audit --examples-", ["--examples-from"]),
        ("brinell audit m.py:f no-such-data", []),
    ],
)
def test_bash(words: str, offered: list[str], answers: Answers) -> None:
    assert answers(words) == offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells(shell: str, answers: Answers) -> None:
    assert any("PGD" in line for line in answers("brinell attack P", shell))


def test_it_is_quick_and_loads_no_torch() -> None:
    program = (
        "import sys, atexit\nheavy = {'torch', 'numpy', 'scipy', 'pyarrow', 'pydantic'}\n"
        f"atexit.register(lambda: print('heavy:', sorted(heavy & set(sys.modules))))\n{START}"
    )
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.argv[0] = 'brinell'\n{program}"],
            env=os.environ | asked("brinell attack P", "bash"), capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert (done.stdout, done.stderr) == ("PGD\nheavy: []\n", "")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.3  # of the processor's time


@pytest.mark.parametrize(
    ("broken", "number", "whole", "at"),
    [
        (["brinell", "audit", "a", ":", "b", ""], 5, ["brinell", "audit", "a:b", ""], 3),
        (["brinell", "audit", "linf", ":"], 3, ["brinell", "audit", "linf:"], 2),
        (["brinell", "audit", "--n", "=", "3"], 4, ["brinell", "audit", "--n=3"], 2),
        (["brinell", "audit", "C", ":", "x", ":", "y", "z"], 7, ["brinell", "audit", "C:x:y", "z"], 3),
        (["brinell", "a"], 1, ["brinell", "a"], 1),
        (["brinell", "a"], 2, ["brinell", "a"], 2),
    ],
)
def test_words_are_put_together_again(broken: list[str], number: int, whole: list[str], at: int) -> None:
    assert joined(broken, number) == (whole, at)


def brinell_in(folder: Path) -> Path:
    """The console script, as an installation makes it."""
    script = folder / "brinell"
    script.write_text(f"#!{sys.executable}\nimport sys\nsys.argv[0] = 'brinell'\n{START}\n")
    script.chmod(0o755)
    return script


def in_bash(folder: Path, *lines: str) -> str:
    """What the lines print in a bash that is at home in the folder, where the console script lies."""
    bash = shutil.which("bash")
    assert bash, "completion cannot be tried without bash"
    brinell_in(folder)
    environment = {"HOME": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        [bash, "--norc", "-c", "\n".join([*lines, "true"])], env=os.environ | environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


def test_the_script_works_in_bash_itself(tmp_path: Path) -> None:
    show = "--show-completion"
    script = in_bash(tmp_path, f"brinell {show}")
    ask = "COMP_WORDS=(brinell audit m.py : f digits linf : 8); COMP_CWORD=8; _brinell_completion brinell"
    assert in_bash(tmp_path, script, ask, 'echo "${COMPREPLY[@]}"') == "8/255\n"


def test_it_can_be_installed(tmp_path: Path) -> None:
    install = "--install-completion"
    assert "bash completion installed in" in in_bash(tmp_path, f"brinell {install}")
    assert "_brinell_completion" in (tmp_path / ".bash_completions" / "brinell.sh").read_text()
    assert ".bash_completions/brinell.sh" in (tmp_path / ".bashrc").read_text()
