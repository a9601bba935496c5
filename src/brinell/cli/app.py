"""The entry point: which commands there are."""

from typing import Annotated

import typer

from brinell import __version__
from brinell.cli.attack import attack
from brinell.cli.attacks import attacks
from brinell.cli.audit import audit
from brinell.cli.compare import compare
from brinell.cli.curve import curve
from brinell.cli.demo import demo
from brinell.cli.exits import Commands
from brinell.cli.harden import harden
from brinell.cli.report import report
from brinell.cli.verify import verify

# Plain help: typer's boxes would have it import rich, and take twice as long.
app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (demo, audit, report, verify, compare, curve, attack, harden, attacks):
    app.command()(command)


@app.callback(invoke_without_command=True)
def brinell(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
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
