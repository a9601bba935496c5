"""What has to agree across the project's own files, and the measures of its code."""

import ast
import io
import re
import subprocess
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import brinell

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
LONGEST_FILE = 300  # lines
LONGEST_FUNCTION = 60  # lines of code
HOME_PATH = re.compile(r"(?<![\w.])/(?:home|Users|root)/\w")
SPACING = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def text_files() -> dict[Path, str]:
    """The text of every file that git keeps or would keep; outside a git checkout, of every file in src."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [path for path in SRC.rglob("*") if "__pycache__" not in path.parts]
    contents = {path: path.read_bytes() for path in paths if path.is_file()}
    return {path: content.decode() for path, content in contents.items() if b"\0" not in content}


def source_files() -> dict[Path, str]:
    """Those of the package."""
    return {path: text for path, text in text_files().items() if path.is_relative_to(SRC)}


def code_lines(source: str) -> set[int]:
    """The lines that hold code: no blank lines, no comments. Docstrings count here."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = [token for token in tokens if token.type not in {*SPACING, tokenize.COMMENT}]
    return {line for token in code for line in range(token.start[0], token.end[0] + 1)}


def function_lengths(source: str) -> Iterator[tuple[str, int]]:
    """Name and lines of code of each function, docstrings left out."""
    code = code_lines(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            skipped = _span(node.body[0]) if ast.get_docstring(node) is not None else set()
            yield node.name, len((_span(node) - skipped) & code)


def _span(node: ast.stmt) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))


def test_types_are_published() -> None:
    assert (SRC / "brinell" / "py.typed").is_file()


def test_the_version_is_the_same_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert brinell.__version__ == version
    assert re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE) == [version]


def test_the_changelog_tells_of_this_version_and_its_day() -> None:
    entry = rf"^## \[{re.escape(brinell.__version__)}\] - (\d{{4}}-\d\d-\d\d)$"
    days = re.findall(entry, (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert len(days) == 1
    assert re.findall(r"^date-released: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE) == days


def test_no_file_holds_a_path_of_somebodys_home() -> None:
    files = text_files()
    assert files
    assert [f"{path}: {found[0]}" for path, text in files.items() if (found := HOME_PATH.search(text))] == []


def test_files_stay_short() -> None:
    lengths = {str(path): len(text.splitlines()) for path, text in source_files().items()}
    assert lengths
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_functions_stay_short() -> None:
    sources = {path: text for path, text in source_files().items() if path.suffix == ".py"}
    lengths = {f"{path}: {name}": n for path, text in sources.items() for name, n in function_lengths(text)}
    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def test_what_counts_as_a_line_of_code() -> None:
    outer = ["def f(", "    a,", "):", '    """Text', "", '    more."""', "    # why", "    return a"]
    inner = ["", "async def g():", '    return """two', 'lines"""']
    assert dict(function_lengths("\n".join([*outer, *inner]))) == {"f": 4, "g": 3}
