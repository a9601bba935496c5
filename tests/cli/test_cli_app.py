"""What holds for all commands: help, version, the ends and their exit codes."""

import io
import json
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner
from workshop import Run, environment

import brinell
from brinell.cli.app import app

START = "from brinell.cli.app import main; main()"
COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
every_command = pytest.mark.parametrize("name", COMMANDS)
HERE = Path(__file__).parent


def example(name: str) -> list[str]:
    """The words of the command line that the help of a command shows."""
    found = re.search(r"Example:\n\s+brinell (.*?[^\\])(\n|$)", COMMANDS[name].help or "", re.DOTALL)
    assert found, f"brinell {name} --help shows no example"
    return shlex.split(found[1].replace("\\\n", " "))


def test_help_is_quick_and_light() -> None:
    program = (
        "import sys, atexit\n"
        "heavy = {'torch', 'numpy', 'scipy', 'pyarrow', 'pydantic', 'rich'}\n"
        f"atexit.register(lambda: print('heavy:', sorted(heavy & set(sys.modules))))\n{START}"
    )
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert all(name in done.stdout for name in COMMANDS)
    assert done.stdout.endswith("heavy: []\n")
    assert min(seconds) < 0.3  # of the processor's time: others may be at work on this machine


def test_no_words_show_the_help(run: Run) -> None:
    assert run() == run("--help") == run("-h")
    assert run().code == 0
    assert "Exit codes: 0 done" in run().out


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"brinell {brinell.__version__}\n", "")


def test_python_m_brinell() -> None:
    done = subprocess.run([sys.executable, "-m", "brinell", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"brinell {brinell.__version__}\n"


@every_command
def test_every_command_has_help_with_an_example_of_its_own(name: str, run: Run) -> None:
    ended = run(name, "--help")
    assert ended.code == 0
    assert example(name)[0] == name
    assert "Example:" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


def spellings(params: list[Any]) -> list[list[str]]:
    """How each option can be written: on and off are two."""
    options = [option for option in params if option.param_type_name == "option"]
    return [names for option in options for names in (option.opts, option.secondary_opts) if names]


EVERYWHERE = [["--quiet", "-q"], ["--no-color"], ["-h", "--help"]]  # tried here, with every command


def test_the_options_of_all_commands_are_tried() -> None:
    tests = Path(__file__).read_text() + (HERE / "test_cli_completion.py").read_text()
    root: Any = get_command(app)
    assert [opts for opts in spellings(root.params) if not any(f'"{opt}"' in tests for opt in opts)] == []
    for command in COMMANDS.values():
        assert [opts for opts in (["--quiet", "-q"], ["--no-color"]) if opts not in spellings(command.params)] == []


def test_the_examples_run_one_after_the_other(run: Run) -> None:
    shorter = {
        "init": [],
        "advise": [],
        "harden": ["--epochs", "1", "--n", "400"],
        "tradeoff": ["--epochs", "1", "--n", "64", "--test-n", "20", "--effort", "quick"],
        "attack": ["-p", "steps=2", "--n", "20"],
        "audit": ["--effort", "quick", "--n", "20"],
        "curve": ["--effort", "quick", "--n", "20"],
        "certify": ["--n", "20"],
        "report": [],
        "verify": [],
        "compare": [],
        "export": [],
        "attacks": [],
    }
    assert {*shorter, "demo"} >= set(COMMANDS)
    for name, more in shorter.items():
        if name == "compare":
            shutil.copytree("runs/hard", example(name)[2])
        ended = run(*example(name), *more)
        assert (name, ended.code) == (name, 0), ended.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["audt"], r"No such command 'audt'.* See brinell --help\."),
        (["audit"], r"Missing argument 'MODEL'\. See brinell audit --help\."),
        (["audit", "a", "b", "c", "--nope"], r"No such option: --nope.* See brinell audit --help\."),
        (["audit", "a", "b", "c", "--n", "0"], r"Invalid value for '--n'.* See brinell audit --help\."),
        (["attack", "a", "b", "c", "d", "--batch-size", "x"], r"Invalid value for '--batch-size'"),
        (["harden", "a", "b", "c", "--out", "d"], r"give --recipe and --out; or --dry-run"),
        (["attacks", "more"], r"unexpected extra argument.*more"),
    ],
)
def test_wrong_words_get_one_line_and_exit_code_2(words: list[str], says: str, run: Run) -> None:
    ended = run(*words)
    assert (ended.code, ended.out) == (2, "")
    assert re.fullmatch(rf"error: .*{says}.*\n", ended.err)


def test_the_typer_app_ends_like_the_console_script() -> None:
    assert CliRunner().invoke(app, ["audit", "nets.py", "digits", "linf:1"]).exit_code == 2
    script = subprocess.run([sys.executable, "-c", START, "audt"], capture_output=True, text=True, check=False)
    assert script.returncode == 2
    assert script.stderr.startswith("error: No such command 'audt'")


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("no_color", "words", "red"), [("", [], True), ("1", [], False), ("", ["--no-color"], False)])
def test_errors_are_red_on_a_screen(
    no_color: str, words: list[str], red: bool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    run("verify", "nowhere", *words)
    error = screen.getvalue().rpartition("\n")[0].rpartition("\r")[2].rpartition("\n")[2]
    assert ("\x1b[31merror: " in screen.getvalue()) == red
    assert "error: there is no finished audit in nowhere" in re.sub(r"\x1b\[\d*[A-Z]", "", error)


@pytest.mark.parametrize("word", ["--quiet", "-q"])
def test_quiet_commands_say_nothing_but_errors(word: str, run: Run) -> None:
    assert run("attacks", word) == (0, "", "")
    assert run("attacks", word, "--json").out.startswith("[")
    assert run("init", word) == (0, "", "")
    words = ("audit", "nets.py:Linear", "toy.npz", "linf:0.05", "--attack", "FGSM", "--no-diagnose", word)
    ended = run(*words, "--n", 20, "--out", "a")
    assert (ended.code, ended.err, ended.out) == (0, "", "nets.py is imported\n")  # which the model itself prints
    missed = run(*words, "--n", 20, "--out", "b", "--require", "robust_accuracy>=0.99")
    assert missed.code == 3
    assert missed.err.startswith("error: robust_accuracy>=0.99 is missed: ")
    assert run("compare", "a", "b", word) == (0, "", "")
    assert run("attacks").out  # silence ends with the command


# Exit codes, by processes of their own

ENDS: dict[str, tuple[int, list[str]]] = {
    "done": (0, ["attacks"]),
    "a failure": (1, ["audit", "nets.py:Breaks", "toy.npz", "linf:0.1"]),
    "wrong use": (2, ["audit", "nets.py:Linear", "toy.npz", "linf:0.1", "--seed", "-1"]),
    "a demand that is missed": (
        3, ["audit", "nets.py:Linear", "toy.npz", "linf:0.3", "--effort", "quick", "--require", "robust_accuracy>=0.5"]
    ),
    "Ctrl-C": (130, ["audit", "nets.py:Stops", "toy.npz", "linf:0.1", "--batch-size", "8"]),
}  # fmt: skip

# One program that has loaded torch becomes one for each command; each writes to files, and ends as Python ends.
FORKS = """
import json, os, sys
from pathlib import Path
import brinell
brinell.audit
for name, words in json.loads(sys.argv[1]).items():
    child = os.fork()
    if not child:
        for end, stream in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{name}.{stream}", os.O_WRONLY | os.O_CREAT), end)
        sys.argv[1:] = words
        break
    Path(f"{name}.code").write_text(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
else:
    sys.exit()
"""


def test_exit_codes(workshop: Path) -> None:
    commands = json.dumps({name: words for name, (_, words) in ENDS.items()})
    program = [sys.executable, "-c", FORKS + START, commands]
    subprocess.run(program, env=environment(TMPDIR=str(workshop)), check=True)
    for name, (code, _) in ENDS.items():
        out, err = (Path(f"{name}.{stream}").read_text() for stream in ("out", "err"))
        assert (name, Path(f"{name}.code").read_text()) == (name, str(code)), err
        assert "Traceback" not in err
        assert (name, bool(err)) == (name, bool(code))
        assert (out + err).replace("\n", "").isprintable()  # no control characters in a log


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["audit", "--seed", "-1"], "--seed"),
        (["audit", "--seed", str(1 << 63)], "seed is 9223372036854775808; it must be at least 0 and below 2**63"),
        (["audit", "--weights", "toy.npz"], "toy.npz"),
        (["audit", "--weights", "none.safetensors"], "none.safetensors"),
        (["audit", "--target", "2"], "a wanted label is 2; the model's classes are 0..1"),
        (["audit", "--n", "500"], "n is 500; pass 1 to 120"),
        (["audit", "--bounds", "1:0"], "bounds"),
        (["audit", "--batch-size", "0"], "--batch-size"),
        (["audit", "--budget", "1m", "--alone"], "--budget 1m and --alone exclude each other"),
        (["audit", "--examples-from", "toy.npz"], "has no array x_adv"),
        (["audit", "--out", "nets.py"], "nets.py is a file"),
        (["audit", "--require", "worst_group:age>=0.5"], "there is no group 'age'"),
        (["curve", "--seed", "-1"], "--seed"),
        (["curve", "--target", "7"], "a wanted label is 7"),
        (["attack", "FGSM", "--seed", "-1"], "--seed"),
        (["attack", "FGSM", "--target", "-1"], "a wanted label is -1"),
        (["harden", "--recipe", "Standard", "--out", "hard", "--seed", "-1"], "--seed"),
        (["harden", "--recipe", "Standard", "--out", "hard", "--lr", "0"], "--lr is 0.0; give a rate above 0"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_plan(words: list[str], says: str, run: Run) -> None:
    cut = 2 if words[0] == "attack" else 1
    ended = run(*words[:cut], "nets.py:Linear", "toy.npz", "linf:0.05", *words[cut:])
    assert ended.code == 2
    assert says in ended.err
    assert "Threat" not in ended.out
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("model", "says"), [("Breaks", "ZeroDivisionError: division by zero"), ("Ends", "RuntimeError: EOFError: no more")]
)
def test_an_unexpected_failure_leaves_its_traceback(
    model: str, says: str, run: Run, workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(workshop))
    ended = run("audit", f"nets.py:{model}", "toy.npz", "linf:0.1")
    assert ended.code == 1
    (kept,) = workshop.glob("brinell-*.txt")
    line = ended.err.splitlines()[-1]
    assert line.startswith(f"error: {says}. This should not happen; the traceback is in {kept}, and BRINELL_DEBUG=1")
    assert "Traceback" not in ended.err
    assert kept.read_text().startswith("Traceback")
    assert "nets.py" in kept.read_text()


def test_a_place_that_cannot_be_written_to_is_named(run: Run) -> None:
    assert run("audit", "nets.py:Linear", "toy.npz", "linf:0.1", "--attack", "FGSM", "--out", "a").code == 0
    Path("file").write_text("no folder")
    for words in (["report", "a", "--out", "file/b.html"], ["export", "a", "--as", "csv", "--out", "file/b.csv"]):
        ended = run(*words)
        assert ended.code == 2
        assert re.match(r"error: file(/b\.\w+)?: .*\. Name another place, or mend that one\.\n$", ended.err), ended.err


def test_a_traceback_can_be_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRINELL_DEBUG", "1")
    ended = run("audit", "nets.py:Breaks", "toy.npz", "linf:0.1")
    assert ended.code == 1
    assert "Traceback" in ended.err
    assert ended.err.splitlines()[-1].startswith("error: ZeroDivisionError: ")


def test_ctrl_c_where_nothing_is_kept(run: Run, workshop: Path) -> None:
    (workshop / "stop.py").write_text("raise KeyboardInterrupt")
    assert run("audit", "stop.py:f", "toy.npz", "linf:0.1") == (130, "", "interrupted: nothing was kept.\n")
    assert not (workshop / "runs").exists()


def test_other_programs_of_click_still_get_what_is_raised() -> None:
    command: Any = get_command(app)
    assert command.main(["--version"], prog_name="brinell", standalone_mode=False) is None
    with pytest.raises(brinell.InputError):
        command.main(["audit", "x", "y", "linf:1"], prog_name="brinell", standalone_mode=False)
