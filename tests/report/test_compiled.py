"""Compiled templates: kept where Python keeps its own, and never in the way."""

import sys
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from brinell.report.compiled import Compiled


def text(folder: Path) -> str:
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, bytecode_cache=Compiled(folder))
    return environment.get_template("page").render(name="<b>")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    (tmp_path / "page").write_text("Hello {{ name }}")
    return tmp_path


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "__pycache__").glob("*.pyc"))


def test_kept_once_and_taken_from_there(folder: Path) -> None:
    assert text(folder) == "Hello &lt;b&gt;"
    (file,) = kept(folder)
    before = file.stat().st_mtime_ns
    assert text(folder) == "Hello &lt;b&gt;"
    assert file.stat().st_mtime_ns == before


def test_a_template_that_changed_is_compiled_again(folder: Path) -> None:
    text(folder)
    (folder / "page").write_text("Bye {{ name }}")
    assert text(folder) == "Bye &lt;b&gt;"
    assert text(folder) == "Bye &lt;b&gt;"


@pytest.mark.parametrize("keep", [0, 3, 12, 40])
def test_a_damaged_file_is_compiled_again(folder: Path, keep: int) -> None:
    text(folder)
    (file,) = kept(folder)
    whole = file.read_bytes()
    file.write_bytes(whole[:keep])
    assert text(folder) == "Hello &lt;b&gt;"
    assert file.read_bytes() == whole


def test_a_folder_that_cannot_be_written_to_is_no_error(folder: Path) -> None:
    (folder / "__pycache__").write_text("a file where the folder would be")
    assert text(folder) == "Hello &lt;b&gt;"


def test_nothing_is_written_where_python_writes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert text(folder) == "Hello &lt;b&gt;"
    assert kept(folder) == []
