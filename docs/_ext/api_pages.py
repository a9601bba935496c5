"""A page for each public name, from the export list (``brinell/__init__.pyi``) and the docstrings."""

import ast
import inspect
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import brinell

FOLDER = "reference/api"
ROOMS = {  # of what each room's names are called, in the order of the index
    "api": "Verbs, and what they return",
    "models": "Models",
    "threats": "Threat sets",
    "goals": "Goals",
    "attacks": "Attacks",
    "defenses": "Recipes",
    "choosing": "Choosing a defense",
    "evaluation": "Results and protocols",
    "report": "Report",
    "statistics": "Numbers",
    "errors": "Errors",
}
ITEM = re.compile(r"(?P<names>[a-z_]\w*(?:, \w+)*): ?(?P<text>.*)")
INNER = re.compile(r"(?<=[.;]) (?=[a-z_]+(?:, [a-z_]+)*:(?: |$))")  # where an item begins within a line of a list
ARXIV = re.compile(r"(?<![\w`])arXiv:(\d{4}\.\d{4,5})")
CODE = re.compile(r"(``.*?``)")


def public_names() -> dict[str, str]:
    """Each public name, and the room that it comes from, as the export list has them."""
    stub = ast.parse(Path(brinell.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    rooms = {alias.name: str(node.module).split(".")[1] for node in imports for alias in node.names}
    return {name: rooms[name] for name in sorted(rooms, key=str.casefold)}


def kind_of(value: Any) -> str:
    """Which folder a name's page lies in: ``Audit`` and ``audit`` would be one file on some systems."""
    if isinstance(value, type):
        return "classes"
    return "functions" if inspect.isroutine(value) else "tables"


def page_of(name: str) -> str:
    """The page of a public name, without its suffix."""
    return f"{FOLDER}/{kind_of(getattr(brinell, name))}/{name}"


def summary_of(value: Any) -> str:
    """The first paragraph of a docstring, in one line."""
    return re.sub(r"\s+", " ", (inspect.getdoc(value) or "").partition("\n\n")[0])


# --- docstrings ----------------------------------------------------------------------------------------------------
def as_rst(lines: list[str]) -> list[str]:
    """A docstring of the house as reStructuredText: ``name: text`` lines become a list, papers become links.

    A line of a list goes on over deeper or unfinished lines; a sentence that starts anew ends it."""
    out: list[str] = []
    listing = quoting = False
    for number, line in enumerate(lines):
        before = lines[number - 1].rstrip() if number else ""
        starts = number and ITEM.match(line) and (listing or not before or before.endswith((".", ":")))
        goes_on = listing and line.strip() and (line.startswith(" ") or not before.endswith((".", '."')))
        if starts or goes_on:
            first, *more = INNER.split(line.strip())
            out += [] if listing else [""]
            out += _items([first]) if starts else [f"  {_inline(first)}"]
            out += _items(more)
            listing = True
        else:
            quoting = line.startswith(" ") and (quoting or not before)  # deeper lines within a paragraph are its own
            line = line if quoting else line.strip()
            out += ["", _inline(line)] if listing and line else [_inline(line)]
            listing = False
    return out


def _items(texts: list[str]) -> list[str]:
    """Lines of a list, each with the names that it is about."""
    items = []
    for text in texts:
        found = ITEM.match(text)
        assert found
        names = ", ".join(f"**{name}**" for name in found["names"].split(", "))
        items.append(f"- {names}: {_inline(found['text'])}".rstrip())
    return items


def _inline(text: str) -> str:
    """Papers as links; signs that reStructuredText would take for markup as what they are."""
    parts = CODE.split(text)
    return "".join(part if part.startswith("``") else _plain(part) for part in parts)


def _plain(text: str) -> str:
    text = re.sub(r"([*|`\\])", r"\\\1", text)
    text = re.sub(r"(\w)_(?!\w)", r"\1\\_", text)
    return ARXIV.sub(r"`arXiv:\1 <https://arxiv.org/abs/\1>`__", text)


def _on_docstring(_app: Any, _kind: str, _name: str, _value: Any, _options: Any, lines: list[str]) -> None:
    lines[:] = as_rst(list(lines))


# --- pages ---------------------------------------------------------------------------------------------------------
def members_of(kind: type) -> list[str]:
    """Public methods and properties that brinell itself wrote and described, in the order of the source."""
    found: dict[str, None] = {}
    for base in (base for base in kind.__mro__ if base.__module__.startswith("brinell")):
        for name, value in vars(base).items():
            described = isinstance(value, property | cached_property | classmethod | staticmethod)
            described = described or inspect.isfunction(value)
            if described and inspect.getdoc(value) and (name == "__call__" or not name.startswith("_")):
                found.setdefault(name)
    return list(found)


def page_for(name: str, room: str) -> str:
    """The page of a public name, in reStructuredText."""
    value = getattr(brinell, name)
    head = [name, "=" * len(name), "", f"*{ROOMS.get(room, room)}*", ""]
    body = {"classes": _class_page, "functions": _function_page, "tables": _table_page}[kind_of(value)]
    return "\n".join([*head, *body(name, value), ""])


def _function_page(name: str, _value: Any) -> list[str]:
    return [f".. autofunction:: brinell.{name}"]


def _class_page(name: str, value: type) -> list[str]:
    lines = [f".. autoclass:: brinell.{name}", ""]
    return [*lines, *(f"   {line}" for line in _members(f"brinell.{name}", value))]


def _members(path: str, kind: type) -> list[str]:
    lines = []
    for name in members_of(kind):
        told = inspect.getattr_static(kind, name)
        directive = "autoproperty" if isinstance(told, property | cached_property) else "automethod"
        lines += [f".. {directive}:: {path}.{name}", ""]
    return lines


def _table_page(name: str, value: Any) -> list[str]:
    if not isinstance(value, dict):
        kind = type(value)
        lines = [f".. py:data:: brinell.{name}", "", *(f"   {line}" for line in as_rst(_doc(kind))), ""]
        path = f"{kind.__module__}.{kind.__qualname__}"
        return [*lines, *_members(path, kind)]
    lines = [f".. py:data:: brinell.{name}", "", "   A dictionary: what there is, by the name that commands know.", ""]
    lines += [".. list-table::", "   :header-rows: 1", "   :widths: 20 80", "", "   * - name", "     - what it is"]
    for key, kind in value.items():
        target = f":doc:`{key} </{page_of(kind.__name__)}>`" if hasattr(brinell, kind.__name__) else key
        lines += [f"   * - {target}", f"     - {_inline(summary_of(kind))}"]
    return lines


def _doc(value: Any) -> list[str]:
    return (inspect.getdoc(value) or "").splitlines()


def index() -> str:
    """All public names, room by room."""
    names = public_names()
    rooms = [*ROOMS, *sorted(set(names.values()) - set(ROOMS))]
    lines = ["Python names", "============", "", "All that ``import brinell as br`` offers.", ""]
    for room in rooms:
        chosen = [name for name in names if names[name] == room]
        if not chosen:
            continue
        title = ROOMS.get(room, room.capitalize())
        lines += [title, "-" * len(title), "", ".. list-table::", "   :widths: 25 75", ""]
        for name in chosen:
            value = getattr(brinell, name)
            text = summary_of(type(value) if kind_of(value) == "tables" else value)
            text = "What there is, by name." if isinstance(value, dict) else text
            lines += [f"   * - :doc:`{name} </{page_of(name)}>`", f"     - {_inline(text)}"]
        lines.append("")
    lines += [".. toctree::", "   :hidden:", "", *(f"   /{page_of(name)}" for name in names), ""]
    return "\n".join(lines)


def write_if_new(path: Path, text: str) -> None:
    """Write a page unless it stands there already: Sphinx reads again what has changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _write_pages(app: Any) -> None:
    pages = {f"{page_of(name)}.rst": page_for(name, room) for name, room in public_names().items()}
    pages[f"{FOLDER}/index.rst"] = index()
    source = Path(app.srcdir)
    for old in (source / FOLDER).rglob("*.rst"):
        if str(old.relative_to(source)) not in pages:
            old.unlink()
    for name, text in pages.items():
        write_if_new(source / name, text)


def setup(app: Any) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("builder-inited", _write_pages)
    app.connect("autodoc-process-docstring", _on_docstring)
    return {"parallel_read_safe": True}
