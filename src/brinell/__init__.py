"""brinell: how much a model gives under attack, and for whom it gives first.

The public names are those in ``__init__.pyi``, the one list of exports; each is imported when it is first asked for,
so that ``import brinell`` does not load torch."""

import ast
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.1.0"


@cache
def _exports() -> dict[str, str]:
    """Public name to module, read from the stub that type checkers read."""
    stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module or "" for node in imports for alias in node.names}


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return sorted(_exports())
    if name not in _exports():
        raise AttributeError(f"module 'brinell' has no attribute {name!r}")
    value = getattr(import_module(_exports()[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_exports()])
