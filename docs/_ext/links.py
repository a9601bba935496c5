"""Links that lead out of docs/, such as ``../CONTRIBUTING.md``, become links to the repository.

So the same line works in a checkout, on the repository's own pages and in the built guide."""

import re
from pathlib import PurePosixPath
from typing import Any

REPOSITORY = "https://github.com/brinell/brinell/blob/main"
OUTSIDE = re.compile(r"\]\((?P<up>(?:\.\./)+)(?P<path>[^)\s]+)\)")


def redirect(docname: str, text: str) -> str:
    """The text of a page with its outward links redirected; links to other pages stay as they are."""
    depth = len(PurePosixPath(docname).parts)

    def line(found: re.Match[str]) -> str:
        outside = found["up"].count("../") >= depth
        return f"]({REPOSITORY}/{found['path']})" if outside else found[0]

    return OUTSIDE.sub(line, text)


def _redirect_source(_app: Any, docname: str, source: list[str]) -> None:
    source[0] = redirect(docname, source[0])


def setup(app: Any) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("source-read", _redirect_source)
    return {"parallel_read_safe": True}
