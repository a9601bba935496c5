"""``brinell report``: a page from a run folder."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The page to write: report.html in RUN unless given.", show_default=False),
    ] = None,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The heading of the page.", show_default=False)
    ] = None,
) -> None:
    """Make a report, one HTML file that opens offline, from a run folder.

    Nothing is measured again. An older report is replaced. A curve that brinell curve --into RUN saved there is shown.

    \b
    Example:
      brinell report runs/hard --out hard.html
    """
    from brinell.cli import output
    from brinell.evaluation import load_audit
    from brinell.report import write_html

    output.say(f"Report: {write_html(load_audit(run), out or run / 'report.html', title=title)}")
