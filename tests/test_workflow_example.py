"""The workflow that docs/examples shows: it is one, and what it runs exists."""

import itertools
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from brinell.evaluation import read_demands
from test_docs import complaint

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "github-actions.yml"
WORKFLOW: dict[Any, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def commands() -> list[list[str]]:
    """The words of each command that a step runs, up to a redirection."""
    scripts = [step["run"].replace("\\\n", " ").splitlines() for step in STEPS if "run" in step]
    lines = [shlex.split(line, comments=True) for line in itertools.chain(*scripts)]
    return [list(itertools.takewhile(lambda word: word not in {">", "|"}, words)) for words in lines if words]


def test_it_is_a_workflow() -> None:
    assert set(WORKFLOW) == {"name", True, "permissions", "jobs"}  # "on" is true to YAML 1.1
    assert all(("run" in step) != ("uses" in step) for step in STEPS)
    actions = [step["uses"] for step in STEPS if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in actions)
    assert {"pull_request", "push"} == set(WORKFLOW[True])


def test_its_commands_exist_and_know_their_options() -> None:
    ours = [words[1:] for words in commands() if words[0] == "brinell"]
    assert [words[0] for words in ours] == ["audit", "verify"]
    assert [complaint(words) for words in ours] == [None, None]
    assert {words[0] for words in commands()} == {"pip", "brinell"}


def test_its_demands_can_be_read() -> None:
    (audit,) = (words for words in commands() if words[:2] == ["brinell", "audit"])
    demands = [after for word, after in itertools.pairwise(audit) if word == "--require"]
    assert len(demands) == 4
    assert [str(demand) for demand in read_demands(demands)] == demands


def test_what_it_verifies_and_keeps_is_what_it_writes() -> None:
    audit, verify = (words for words in commands() if words[0] == "brinell")
    assert verify[2] == audit[audit.index("--out") + 1]
    (upload,) = (step["with"]["path"].split() for step in STEPS if "upload" in step.get("uses", ""))
    script = next(step["run"] for step in STEPS if step.get("name") == "Audit")
    assert all(path in script for path in upload)


def test_what_it_installs_is_there_to_be_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [word for words in commands() if words[0] == "pip" for word in words if word.startswith("brinell")]
    extras = re.findall(rf"{project['name']}\[(\w+)\]", " ".join(wanted))
    assert extras
    assert set(extras) <= set(project["optional-dependencies"])
    (python,) = (step["with"]["python-version"] for step in STEPS if "python-version" in step.get("with", {}))
    assert tuple(map(int, python.split("."))) >= (3, 11)


@pytest.mark.parametrize("words", [["nonsense"], ["audit", "--nonsense"]])
def test_what_does_not_exist_would_be_noticed(words: list[str]) -> None:
    assert complaint(words)
