"""Names that a command line can be completed with, found without loading torch."""

import ast
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

EFFORTS = ("quick", "standard", "thorough")
MODELS = ("brinell.models:SmallCNN", "brinell.models:TutorialCNN", "brinell.models:tutorial_classifier")
SANITISERS = ("jpeg:quality=75", "bitdepth:bits=4", "median:size=3", "randomresizepad:least=0.8")  # examples
DEVICES = ("auto", "cpu", "cuda")
METHODS = ("ibp", "smoothing")
THREATS = ("linf:8/255", "linf:0.3", "l2:0.5", "l1:10", "l0:20")  # examples: any number can stand there


def attacks() -> list[str]:
    """The attacks that there are."""
    return _exported("brinell.attacks", "ATTACKS")


def recipes() -> list[str]:
    """The recipes that there are."""
    return _exported("brinell.defenses", "RECIPES")


def data() -> list[str]:
    """The data sets that have a name: the keys of the table ``brinell.data.NAMES``, read from its text."""
    import brinell

    text = (Path(brinell.__file__).parent / "data" / "__init__.py").read_text(encoding="utf-8")
    tables = [node.value for node in ast.parse(text).body if isinstance(node, ast.AnnAssign)
              and isinstance(node.target, ast.Name) and node.target.id == "NAMES"]  # fmt: skip
    keys = [key for table in tables if isinstance(table, ast.Dict) for key in table.keys]
    return [str(key.value) for key in keys if isinstance(key, ast.Constant)]


class Parts(NamedTuple):
    """The names of the two parts of a data set."""

    train: str
    test: str


def parts(name: str) -> Parts | None:
    """The parts of the data set that ``name`` has one of; None where it has no such name, as files have none."""
    test = name.removesuffix(":train")
    found = Parts(f"{test}:train", test)
    return found if set(found) <= set(data()) else None


def untrained(trained_on: str) -> str | None:
    """The part to test on after training on ``trained_on``; None where that is no training part."""
    found = parts(trained_on)
    return found.test if found and found.train == trained_on else None


def _exported(room: str, table: str) -> list[str]:
    """What a room gives to the public, less the table of it all: the stub of the package tells."""
    import brinell
    from brinell.lazy import exports

    return [name for name, module in exports(brinell.__file__).items() if module == room and name != table]


def among(names: Sequence[str] | Callable[[], Sequence[str]]) -> Callable[[str], list[str]]:
    """What typer asks for completions: those of the names that begin like a word."""

    def complete(incomplete: str) -> list[str]:
        there = names() if callable(names) else names
        return [name for name in there if name.startswith(incomplete)]

    return complete
