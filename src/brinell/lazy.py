"""Names that are imported when they are first asked for, so that a package loads no more than is used of it."""

import ast
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any


def lazily(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package whose exports stand in the stub beside ``file``, its ``__init__``.

    The stub is the one list of the package's names, which type checkers read as well."""

    def get(name: str) -> Any:
        if name == "__all__":
            return sorted(exports(file))
        if name not in exports(file):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(exports(file)[name]), name)
        setattr(import_module(package), name, value)
        return value

    return get, lambda: sorted([*vars(import_module(package)), *exports(file)])


@cache
def exports(file: str) -> dict[str, str]:
    """The exports that stand in the stub beside ``file``: the names, and the modules that they come from."""
    stub = ast.parse(Path(file).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module or "" for node in imports for alias in node.names}
