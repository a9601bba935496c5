"""``brinell export``: an audit in the forms of other tools."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from brinell.cli.exits import MissedError


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder of an audit.", show_default=False)],
    form: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="json|schema|markdown|junit|card|csv|groups|png",
            help="The record and its JSON Schema; a summary for a pull request; JUnit XML; a model card section for "
            "the Hugging Face hub; a row per example, or per group; pictures in 8 bits.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to write it; for png a folder. Without it the text goes to stdout.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="For png: the data of the audit, to write every broken row; without it those of the gallery.",
            show_default=False,
        ),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DEMAND",
            help="Answer a demand in markdown, junit or card, such as robust_accuracy>=0.6, worst_group:sex>=0.5, "
            "gap<=0.1 or sound, and end with exit code 3 where it is missed; may be given several times.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write an audit in the form of another tool.

    \b
    Example:
      brinell export runs/hard --as markdown --out summary.md
    """
    from brinell import outputs
    from brinell.cli import output
    from brinell.errors import InputError
    from brinell.evaluation import load_audit, read_demands

    demands = read_demands(require or ())
    if data is not None and form != outputs.PICTURES:
        raise InputError(f"--data is for --as png; leave it out with --as {form}.")
    audit = load_audit(run)
    if form == outputs.PICTURES:
        if out is None:
            raise InputError("--as png writes a folder of pictures: add --out FOLDER.")
        output.say(str(outputs.write_pictures(audit, out, data=data)))
    elif out is None:
        sys.stdout.write(outputs.render(audit, form, require=demands))
    else:
        output.say(f"Written: {outputs.export(audit, form, out, require=demands)}")
    missed = [answer for demand in demands if not (answer := demand.check(audit)).met]
    if missed:
        raise MissedError("\n".join(map(str, missed)))
