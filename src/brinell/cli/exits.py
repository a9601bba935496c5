"""How a command ends: 0 done, 1 unexpected failure, 2 wrong use, 3 a demand missed, 130 interrupted."""

import errno
import os
import sys
import tempfile
import textwrap
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size
from typing import Any

import typer
from typer.core import TyperGroup

from brinell.cli import completion, places, screen
from brinell.errors import InputError

FAILED, MISUSED, MISSED, INTERRUPTED = 1, 2, 3, 130
_PLACES = {  # the file system's answers that the user can do something about
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOSPC,
    errno.EDQUOT,
}  # fmt: skip


class MissedError(Exception):
    """The command did its work, and the result is worse than what was demanded of it: a line for each demand."""


class SeveralError(InputError):
    """Several wrong uses found at once: a line for each."""


class Commands(TyperGroup):
    """The commands, with an exit code for every kind of end. ``ctx.obj`` holds the words of the command line."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command that the words name, and exit. See ``click.Command.main``."""
        words = args[0] if args else options.get("args")
        options["obj"] = list(sys.argv[1:] if words is None else words)
        standalone = options.get("standalone_mode", True)
        options["standalone_mode"] = False  # what is raised comes back here, and not onto the screen
        with screen.fresh():
            if not standalone:
                return super().main(*args, **options)
            sys.exit(_code_of(lambda: super(Commands, self).main(*args, **options)))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C ends it in words, and an error about a setting from a file points there."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, typer.Abort) as stop:  # Abort: at a question
            _tell(str(stop) or "interrupted: nothing was kept.")
            raise typer.Exit(INTERRUPTED) from stop
        except EOFError as problem:  # typer would take it for an end that the user wanted
            raise RuntimeError(f"EOFError: {problem}") from problem
        except InputError as problem:
            places.point(ctx, problem)
            raise

    def get_help_option(self, ctx: Any) -> Any:
        """The option --help, which is a plain no unless it is given: to make one of nothing, typer loads pydantic."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.default = False
        return option

    def _main_shell_completion(self, *args: Any, **options: Any) -> None:
        """Answer the shell that asks for completions, if one does."""
        with completion.whole_words():
            super()._main_shell_completion(*args, **options)


@contextmanager
def if_interrupted(words: Callable[[], str]) -> Iterator[None]:
    """Let Ctrl-C inside say ``words()``: what is kept, and how to go on."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"interrupted: {words()}") from stop


def _code_of(run: Callable[[], Any]) -> int:
    """The exit code of a run; says on stderr what went wrong."""
    try:
        result = run()
    except SeveralError as problem:
        return _fail(str(problem).splitlines(), MISUSED)
    except InputError as problem:
        return _fail([str(problem)], MISUSED)
    except MissedError as problem:
        return _fail(str(problem).splitlines(), MISSED)
    except Exception as problem:
        # What the parser raises has its class in click or in typer itself, by the version.
        if hasattr(problem, "format_message"):
            return _fail([_usage(problem)], getattr(problem, "exit_code", MISUSED))
        if isinstance(problem, OSError) and problem.errno in _PLACES:
            return _fail([_place(problem)], MISUSED)
        return _fail([_crash(problem)], FAILED)
    return result if isinstance(result, int) else 0


def _usage(problem: Any) -> str:
    """The parser's message, and where to look."""
    ctx = getattr(problem, "ctx", None)
    message, command = problem.format_message(), getattr(ctx, "command_path", "brinell")
    stop = "" if message.endswith((".", "?")) else "."
    file = places.file_of(ctx)
    if file is not None and message.startswith("Missing argument"):
        return f"{message}{stop} Give it, or write {problem.param.name}: in {file}."
    return f"{message}{stop} See {command} --help."


def _place(problem: OSError) -> str:
    """What to say where a file could not be read or written."""
    where = f"{problem.filename}: " if problem.filename else ""
    return f"{where}{(problem.strerror or 'it cannot be used').lower()}. Name another place, or mend that one."


def _crash(problem: Exception) -> str:
    """What to say of a failure that nobody foresaw; the traceback goes where a person can send it from."""
    what = f"{type(problem).__name__}: {problem}".rstrip(".:")
    if os.environ.get("BRINELL_DEBUG", "") not in ("", "0"):
        traceback.print_exception(problem)
        return f"{what}."
    text = "".join(traceback.format_exception(problem))
    with tempfile.NamedTemporaryFile("w", prefix="brinell-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(text)
    return f"{what}. This should not happen; the traceback is in {file.name}, and BRINELL_DEBUG=1 shows it here."


def _fail(messages: list[str], code: int) -> int:
    for message in messages:
        _tell(f"error: {message}", color="red")
    return code


def _tell(message: str, color: str | None = None) -> None:
    """One line on stderr, or as many as a terminal needs."""
    coloured, line = screen.colours(sys.stderr), " ".join(message.split())
    if sys.stderr.isatty():
        line = textwrap.fill(line, get_terminal_size().columns, break_long_words=False, break_on_hyphens=False)
    typer.secho(line, err=True, fg=color if coloured else None, color=coloured)
