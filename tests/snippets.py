"""The fenced blocks of a page: found, run, and held against what the page says that they print.

``python tests/snippets.py docs/learn/fgsm.md ...`` runs pages and writes what their snippets print into them, so that
no number of the guide is typed by hand."""

import contextlib
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w+).*\n(?P<code>(?:.*\n)*?)(?P=indent)``` *$", re.MULTILINE)
NO_RUN = re.compile(r"<!-- no-run: \S[^\n]* -->\s*\Z")
PRINTS = re.compile(r"<!-- prints(?P<roughly> something like)? -->\s*\Z")
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
TOLERANCE = 25.0  # points by which a printed share may differ: networks trained on another machine are other networks


class Block(NamedTuple):
    """A fenced block of a page: its code, the line on which the code begins, and whether it is to run."""

    line: int
    code: str
    runs: bool


class Printed(NamedTuple):
    """What a page says that the snippets since the last such block print, and what they print.

    roughly: the words themselves depend on what was measured."""

    line: int
    said: str
    came: str
    roughly: bool = False


def blocks(text: str, language: str) -> Iterator[Block]:
    """The fenced blocks of one language, in order."""
    for fence in FENCE.finditer(text):
        if fence["language"] == language:
            yield _block(text, fence)


def _block(text: str, fence: re.Match[str]) -> Block:
    code = re.sub(f"^{fence['indent']}", "", fence["code"], flags=re.MULTILINE)
    line = text.count("\n", 0, fence.start("code")) + 1
    return Block(line, code, not NO_RUN.search(text, 0, fence.start()))


def run_python(page: Path, text: str) -> list[Printed]:
    """Run the Python blocks of a page one after the other; what fails points at the page's own line.

    Returns what stands in the page's blocks of output, and what was printed in truth."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    printed: list[Printed] = []
    spoken = io.StringIO()
    for fence in FENCE.finditer(text):
        if fence["language"] == "python":
            block = _block(text, fence)
            program = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
            if block.runs:
                with contextlib.redirect_stdout(spoken):
                    exec(program, namespace)
        elif fence["language"] == "text" and (mark := PRINTS.search(text, 0, fence.start())):
            block = _block(text, fence)
            printed.append(Printed(block.line, block.code, spoken.getvalue(), bool(mark["roughly"])))
            spoken = io.StringIO()
    return printed


def differs(printed: Printed) -> str | None:
    """How what came differs from what the page says; None where the words agree, and the shares nearly do."""
    if printed.roughly:
        return None if printed.came.strip() else f"line {printed.line}: nothing was printed"
    said, came = (NUMBER.sub("#", text).split() for text in (printed.said, printed.came))
    if said != came:
        return f"line {printed.line}: the page says\n{printed.said}\nand what came is\n{printed.came}"
    for old, new in zip(SHARE.findall(printed.said), SHARE.findall(printed.came), strict=True):
        if abs(float(old) - float(new)) > TOLERANCE:
            return f"line {printed.line}: the page says {old}%, and what came is {new}%:\n{printed.came}"
    return None


def renewed(page: Path, text: str) -> str:
    """The page with what its snippets print today."""
    came = iter(run_python(page, text))

    def block(fence: re.Match[str]) -> str:
        if fence["language"] != "text" or not PRINTS.search(text, 0, fence.start()):
            return fence[0]
        lines = [line.rstrip() for line in next(came).came.rstrip().splitlines()]
        body = "".join(f"{fence['indent']}{line}".rstrip() + "\n" for line in lines)
        return fence[0].replace(fence["code"], body) if fence["code"] else fence[0].replace("\n", "\n" + body, 1)

    return FENCE.sub(block, text)


def main(names: list[str]) -> None:
    """Renew the pages of these names."""
    for page in [Path(name).resolve() for name in names]:
        old, home = page.read_text(encoding="utf-8"), Path.cwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                page.write_text(renewed(page, old), encoding="utf-8")
            finally:
                os.chdir(home)
        print(f"renewed: {page.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
