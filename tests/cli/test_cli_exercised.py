"""No command and no option is there that no test runs."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from brinell.cli.app import app

ROOT: Any = get_command(app)
TESTS = Path(__file__).resolve().parents[1]


def flags(name: str) -> set[str]:
    """The options of a command, in full."""
    found = [param for param in ROOT.commands[name].params if param.param_type_name == "option"]
    return {flag for param in found for flag in (*param.opts, *param.secondary_opts) if flag.startswith("--")}


SHARED = set.intersection(*map(flags, ROOT.commands))


def words(node: ast.AST, known: dict[str, set[str]]) -> set[str]:
    """The words of all strings in ``node``, and those of the names that it uses."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            found |= {word.partition("=")[0] for word in part.value.split()}
        elif isinstance(part, ast.Name):
            found |= known.get(part.id, set())
    return found


@cache
def exercised() -> list[set[str]]:
    """The words of each test, with those of what stands at the top of its module."""
    return list(every_test())


def every_test() -> Iterator[set[str]]:
    """The same, one after the other."""
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tops = {
            target.id: words(each.value, {})
            for each in tree.body if isinstance(each, ast.Assign)
            for target in each.targets if isinstance(target, ast.Name)
        }  # fmt: skip
        tops |= {each.name: words(each, tops) for each in tree.body if isinstance(each, ast.FunctionDef)}
        for each in tree.body:
            if isinstance(each, ast.FunctionDef) and each.name.startswith("test_"):
                yield words(each, tops)


@pytest.mark.parametrize("name", ROOT.commands)
def test_every_option_of_a_command_is_run(name: str) -> None:
    mine = [seen for seen in exercised() if name in seen]
    assert mine
    assert sorted(flag for flag in flags(name) - SHARED if not any(flag in seen for seen in mine)) == []


@pytest.mark.parametrize("flag", sorted(SHARED))
def test_what_all_commands_share_is_run(flag: str) -> None:
    assert any(flag in seen for seen in exercised())
