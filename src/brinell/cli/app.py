"""The entry point: which commands there are."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from brinell import __version__
from brinell.cli import completion, options, screen
from brinell.cli.advise import advise
from brinell.cli.attack import attack
from brinell.cli.attacks import attacks
from brinell.cli.audit import audit
from brinell.cli.certify import certify
from brinell.cli.compare import compare
from brinell.cli.curve import curve
from brinell.cli.demo import demo
from brinell.cli.exits import Commands
from brinell.cli.export import export
from brinell.cli.harden import harden
from brinell.cli.init import init
from brinell.cli.report import report
from brinell.cli.tradeoff import tradeoff
from brinell.cli.verify import verify

# Plain help: typer's boxes would have it import rich, and take twice as long.
app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    add_completion=False,  # it is in cli/completion.py
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def on_screen(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options that all have: what the screen is to show."""

    @wraps(command)
    def shown(*args: Any, quiet: bool, no_color: bool, **given: Any) -> None:
        screen.ask(quiet, no_color)
        command(*args, **given)

    more = {"quiet": options.Quiet, "no_color": options.NoColor}
    signature = inspect.signature(command)
    keywords = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
                for name, kind in more.items()]  # fmt: skip
    shown.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *keywords])  # type: ignore[attr-defined]
    shown.__annotations__ = {**command.__annotations__, **more}
    return shown


COMMANDS = (
    demo, init, advise, audit, report, verify, compare, export, curve, certify, attack, harden, tradeoff, attacks,
)  # fmt: skip
for command in COMMANDS:
    app.command(cls=completion.Command)(on_screen(command))


@app.callback(invoke_without_command=True)
def brinell(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
    install_completion: completion.Install = False,  # noqa: ARG001 - these two exit by themselves
    show_completion: completion.Show = False,  # noqa: ARG001
) -> None:
    """Measure how much a model gives under attack, and for whom it gives first; and harden it.

    Start with brinell demo. Every command shows an example with --help.

    Exit codes: 0 done, 1 unexpected failure (of verify: something differs), 2 wrong use, 3 a demanded threshold was
    missed, 130 interrupted (what is done is kept).
    """
    if version:
        typer.echo(f"brinell {__version__}")
    elif ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main() -> None:
    """Run the command line and exit: the console script."""
    app(prog_name="brinell")
