"""What the shell is told when somebody presses Tab: soon, and in bash with words that have colons in them."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Annotated, Any, TypeAlias

import typer
from typer import completion as shells
from typer.core import TyperCommand

_BREAKS = ":="  # where bash breaks words, of the characters that ours hold


def _install(ctx: typer.Context, wanted: bool) -> None:
    shells.install_callback(ctx, None, wanted or None)  # type: ignore[arg-type]  # the parameter, which it ignores


def _show(ctx: typer.Context, wanted: bool) -> None:
    shells.show_callback(ctx, None, wanted or None)  # type: ignore[arg-type]


# typer's own two take the name of a shell, for which it would load pydantic before every command.
Install: TypeAlias = Annotated[
    bool, typer.Option("--install-completion", callback=_install, is_eager=True, help="Complete words in this shell.")
]
Show: TypeAlias = Annotated[
    bool, typer.Option("--show-completion", callback=_show, is_eager=True, help="Print what that would install.")
]


class Command(TyperCommand):
    """A command whose completion does not turn words into values, for which typer would load pydantic."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Find what is given; for a completion, no more. See ``click.Command.parse_args``."""
        if not ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        given, rest, _ = self.make_parser(ctx).parse_args(args=list(args))
        for param in self.get_params(ctx):
            value, source = param.consume_value(ctx, given)
            ctx.set_parameter_source(param.name, source)
            ctx.params[param.name] = value
        ctx.args = rest
        return rest


@contextmanager
def whole_words() -> Iterator[None]:
    """Let what answers bash inside see whole words, and bash only the part of each answer that it is to put in.

    Bash breaks words at colons and equals signs."""
    shells.completion_init()  # type: ignore[attr-defined]
    if os.environ.get("_BRINELL_COMPLETE") != "complete_bash":
        yield
        return
    words, number = joined(os.environ.get("COMP_WORDS", "").split("\n"), int(os.environ.get("COMP_CWORD", 0)))
    os.environ.update({"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(number)})
    there = words[number] if number < len(words) else ""
    known = there[: max(map(there.rfind, _BREAKS)) + 1]
    answers = io.StringIO()
    try:
        with redirect_stdout(answers):
            yield
    finally:  # the answer ends the process
        sys.stdout.writelines(f"{line.removeprefix(known)}\n" for line in filter(None, answers.getvalue().splitlines()))


def joined(words: list[str], number: int) -> tuple[list[str], int]:
    """Words that bash broke put together again, and the number of the word that was ``number``."""
    whole: list[str] = []
    at = 0
    for i, word in enumerate(words):
        if i > 1 and word and (set(word) <= set(_BREAKS) or whole[-1][-1:] in set(_BREAKS)):
            whole[-1] += word
        else:
            whole.append(word)
        if i == number:
            at = len(whole) - 1
    return whole, at if number < len(words) else len(whole)
