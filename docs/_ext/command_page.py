"""The page of all commands and options, from the command line itself, so that it cannot drift."""

import re
from pathlib import Path
from typing import Any

from api_pages import write_if_new

PAGE = "reference/commands.md"
HEAD = """# Commands and options

Made from the command line itself; `brinell COMMAND --help` says the same. Options may stand anywhere among the
arguments.
"""


def commands() -> dict[str, Any]:
    """Each command by name, and the group of all of them under ""."""
    from typer.main import get_command

    from brinell.cli.app import app

    root: Any = get_command(app)
    return {"": root, **root.commands}


def page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([HEAD, *(section for name, command in commands().items() for section in _section(name, command))])


def _section(name: str, command: Any) -> list[str]:
    text, example = _split(command.help or command.callback.__doc__ or "")
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option" and not param.hidden]
    usage = " ".join(["brinell", name or "COMMAND", *(_metavar(param) for param in arguments), "[OPTIONS]"])
    lines = [f"## brinell {name}".rstrip(), "", text, "", "```text", usage, "```", ""]
    if example:
        lines += ["```console", *(f"$ {line}" if line.startswith("brinell") else line for line in example), "```", ""]
    lines += _table("argument", [(f"`{_metavar(param)}`", param) for param in arguments])
    return lines + _table("option", [(_spelling(param), param) for param in options])


def _split(text: str) -> tuple[str, list[str]]:
    """What a command's help says, and its example line by line."""
    words, _, example = text.partition("Example:")
    shown = [line.rstrip() for line in example.strip("\n").splitlines() if line.strip()]
    indent = min((len(line) - len(line.lstrip()) for line in shown), default=0)
    words = words.replace("\b", "")
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+", " ", words)).strip(), [line[indent:] for line in shown]


def _metavar(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _spelling(param: Any) -> str:
    flags = ", ".join(f"`{flag}`" for flag in (*param.opts, *param.secondary_opts))
    return flags if param.is_flag else f"{flags} `{_metavar(param)}`"


def _table(what: str, rows: list[tuple[str, Any]]) -> list[str]:
    if not rows:
        return []
    lines = [f"| {what} | meaning |", "|---|---|"]
    for left, param in rows:
        told = getattr(param, "help", None) or ""
        default = "" if param.param_type_name == "argument" else _default(param)
        lines.append(f"| {left.replace('|', chr(92) + '|')} | {told.replace('|', chr(92) + '|')}{default} |")
    return [*lines, ""]


def _default(param: Any) -> str:
    silent = param.is_flag or param.default is None or not param.show_default
    return "" if silent else f" Default: `{param.default}`."


def _write_page(app: Any) -> None:
    write_if_new(Path(app.srcdir) / PAGE, page())


def setup(app: Any) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("builder-inited", _write_page)
    return {"parallel_read_safe": True}
