"""`brinell init`: the file that it writes, and the questions that it asks."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from workshop import INTERRUPTIBLE, Run

from brinell.cli.config import FIELDS, read_config
from brinell.cli.settings_file import checked, filled, read_answer


def test_the_defaults_are_taken_and_said_where_nobody_can_answer(run: Run) -> None:
    ended = run("init")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Nobody is there to ask: taking the default answers.\nWritten: audit.yaml\n")
    assert "Note: brinell.models:SmallCNN is untrained without weights" in ended.out
    assert ended.out.endswith("Now run: brinell audit --config audit.yaml\n")
    assert read_config(Path("audit.yaml")).given == {
        "model": "brinell.models:SmallCNN", "data": "digits", "threat": "linf:0.3", "effort": "standard",
    }  # fmt: skip


def test_yes_asks_nothing(run: Run) -> None:
    ended = run("init", "mine.yaml", "--yes")
    assert "Asking nothing: taking the default answers." in ended.out
    assert Path("mine.yaml").is_file()


def test_what_is_written_loads_and_runs(run: Run) -> None:
    assert run("init").code == 0
    ended = run("audit", "--config", "audit.yaml", "--n", 20, "--attack", "FGSM", "--no-diagnose")
    assert (ended.code, ended.err) == (0, "")
    assert "Robust accuracy" in ended.out


def test_nothing_is_overwritten_without_force(run: Run, workshop: Path) -> None:
    (workshop / "audit.yaml").write_text("mine")
    refused = run("init")
    assert refused.code == 2
    assert "audit.yaml exists; name another file, or overwrite it with --force." in refused.err
    assert (workshop / "audit.yaml").read_text() == "mine"
    assert run("init", "--force").code == 0
    assert (workshop / "audit.yaml").read_text() != "mine"


@pytest.mark.parametrize("file", ["nowhere/audit.yaml", "."])
def test_a_place_where_nothing_can_be_written_is_refused(file: str, run: Run) -> None:
    assert run("init", file, "--force").code == 2


def test_every_setting_stands_in_the_file_with_its_comment() -> None:
    text = filled({"model": "nets.py:Linear"})
    assert re.findall(r"^(?:# )?(\w+): \S", text, re.MULTILINE) == list(FIELDS)
    assert "\nmodel: nets.py:Linear\n" in text
    flat = " ".join(text.replace("# ", "").split())
    assert all(" ".join((field.description or "?").split()) in flat for field in FIELDS.values())
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("name", FIELDS)
def test_the_example_of_every_setting_loads(name: str, tmp_path: Path) -> None:
    path = tmp_path / "audit.yaml"
    path.write_text(re.sub(rf"^# ({name}: )", r"\1", filled({}), flags=re.MULTILINE))
    assert len(read_config(path).given) == 1


@pytest.mark.parametrize(
    "answer",
    ["nets.py:Linear", "a b.npz", "x: y", "# no", "no", "true", "-1:1", "'", '"', "5", "ä.npz", "a,b.idx", "C:\\x"],
)  # fmt: skip
def test_an_answer_is_read_back_as_it_was_given(answer: str, tmp_path: Path) -> None:
    path = tmp_path / "audit.yaml"
    path.write_text(filled({"data": answer}), encoding="utf-8")
    assert read_config(path).given == {"data": answer}
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == {"data": answer}  # also by YAML 1.1


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("effort", "hard", "choose one of quick"), ("threat", "0.3", "write SET:EPS"),
        ("threat", "linf:", "write SET:EPS"), ("model", "nets.py", "write file.py:function"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_right_is_asked_for_again(field: str, text: str, says: str) -> None:
    with pytest.raises(Exception, match=says):
        read_answer(field, text)


@pytest.mark.parametrize(
    ("field", "text"),
    [("threat", "linf:8/255@8bit"), ("threat", " l2:.5 "), ("threat", "l1:1e-3"), ("model", "hf:google/vit"),
     ("model", "net.pt2"), ("model", "a.b:c"), ("effort", "quick")],
)  # fmt: skip
def test_an_answer_that_may_be_right_is_taken(field: str, text: str) -> None:
    assert read_answer(field, text) == text.strip()


def test_what_is_not_there_yet_is_told(workshop: Path) -> None:
    answers = {"model": "nets.py:Linear", "weights": "", "data": "toy.npz:size=3"}
    assert list(checked(answers)) == []
    notes = list(checked({"model": "none.py:f", "weights": "w.safetensors", "data": "x.idx,y.idx"}))
    assert notes == [f"there is no file {name} yet." for name in ("none.py", "w.safetensors", "x.idx,y.idx")]


class Terminal:
    """A process at a terminal of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._mine, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTIBLE, *words], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True, env=os.environ | {"TERM": "xterm", "COLUMNS": "80"},
        )  # fmt: skip
        os.close(theirs)
        self.seen, self._read = "", 0

    def until(self, text: str) -> None:
        """Read until the text is seen after all that was read before."""
        deadline = time.monotonic() + 60
        while text not in self.seen[self._read :]:
            ready, _, _ = select.select([self._mine], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{text!r} did not come: {self.seen}"
            try:
                self.seen += os.read(self._mine, 4096).decode()
            except OSError:  # it ended
                break
        assert text in self.seen[self._read :], self.seen
        self._read = self.seen.index(text, self._read) + len(text)

    def type(self, text: str) -> None:
        os.write(self._mine, text.encode())

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None and error[0] is not None:
            self.process.kill()
        self.process.wait(timeout=30)
        os.close(self._mine)


def test_a_person_is_asked(workshop: Path) -> None:
    answers = [
        ("[brinell.models:SmallCNN]: ", "nets.py"),
        ("names no model; write file.py:function", ""),
        ("[brinell.models:SmallCNN]: ", "nets.py:Linear"),
        ("weights: ", ""),
        ("[digits]: ", "toy.npz"),
        ("[linf:0.3]: ", "l2:1/2"),
        ("[standard]: ", "quick"),
    ]
    with Terminal(workshop, "init") as screen:
        for prompt, answer in answers:
            screen.until(prompt)
            if prompt.endswith(": "):
                screen.type(f"{answer}\n")
        screen.until("Now run: brinell audit --config audit.yaml")
    assert screen.process.returncode == 0
    assert "Traceback" not in screen.seen
    assert read_config(workshop / "audit.yaml").given == {
        "model": "nets.py:Linear", "data": "toy.npz", "threat": "l2:1/2", "effort": "quick",
    }  # fmt: skip


@pytest.mark.parametrize("key", ["Ctrl-C", "Ctrl-D"])
def test_a_person_may_leave(key: str, workshop: Path) -> None:
    with Terminal(workshop, "init") as screen:
        screen.until("[brinell.models:SmallCNN]: ")
        if key == "Ctrl-C":
            time.sleep(1)  # readline, while it begins, may miss a signal
            screen.process.send_signal(signal.SIGINT)
        else:
            screen.type("\x04")
        screen.until("interrupted: nothing was kept.")
    assert screen.process.returncode == 130
    assert not (workshop / "audit.yaml").exists()
