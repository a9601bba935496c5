"""``brinell compare``: two audits of the same rows."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brinell.cli import options

if TYPE_CHECKING:
    from brinell.evaluation import Comparison, Contrast

_LONGEST = 30  # groups in a table


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A run folder.", show_default=False)],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another, of the same rows.", show_default=False)],
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="FILE",
            help="Also write a page: the comparison, and both reports side by side.",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Compare two audits row by row: who is more robust, and for whom.

    Both must be of the same rows, against the same threat set. Only rows that stand in one audit and not in the other
    tell anything: McNemar's exact test, Tango's interval of the difference, by group with Holm's correction.

    \b
    Example:
      brinell compare runs/hard runs/plain --html compare.html
    """
    from brinell.cli import output
    from brinell.evaluation import compare as contrast
    from brinell.evaluation import load_audit

    names = ("A", "B") if first.name == second.name else (first.name, second.name)
    audits = (load_audit(first), load_audit(second))
    found = contrast(*audits, names=names)
    with output.for_machines(as_json):
        _show(found, (first, second))
        if html is not None:
            from brinell.report import write_html

            title = f"{names[0]} against {names[1]}"
            pairs = zip(names, audits, strict=True)
            output.say(f"Report: {write_html(pairs, html, title=title, comparison=found)}")
    if as_json:
        output.print_json(_facts(found, (first, second)))


def _show(found: "Comparison", folders: tuple[Path, Path]) -> None:
    from brinell.cli import output

    output.say_pairs([(name, str(folder)) for name, folder in zip(found.names, folders, strict=True)])
    columns = [*found.names, "difference", f"{found.names[0]} alone", f"{found.names[1]} alone", "p"]
    rows = [_row("clean accuracy", found.clean), _row("robust accuracy", found.robust)]
    output.say_table(["", *columns], rows)
    for name, contrasts in found.groups.items():
        shown = sorted(contrasts, key=lambda each: each.p)[:_LONGEST] if len(contrasts) > _LONGEST else contrasts
        note = f" (the {_LONGEST} clearest of {len(contrasts)})" if len(contrasts) > _LONGEST else ""
        output.say_table([f"{name}: robust{note}", *columns], [_row(str(each.group), each) for each in shown])
    for sentence in found.words:
        output.say(sentence)
    output.say(
        "A difference is that of the rates of A and B, in points, with its 95 % interval; those of groups hold at once "
        "(Bonferroni), and their p-values are adjusted (Holm).".replace("A and B", " and ".join(found.names))
    )


def _row(title: str, contrast: "Contrast") -> list[str]:
    pair = contrast.difference
    points = f"{100 * pair.value:+.1f} ({100 * pair.low:+.1f} to {100 * pair.high:+.1f})"
    rates = (f"{rate.value:.1%}" for rate in (contrast.first, contrast.second))
    return [f"{title}, n = {pair.n:,}", *rates, points, str(pair.first), str(pair.second), f"{contrast.p:.2g}"]


def _facts(found: "Comparison", folders: Iterable[Path]) -> dict[str, Any]:
    return {
        "kind": "comparison", "runs": list(map(str, folders)), "names": list(found.names),
        "clean": found.clean.facts(), "robust": found.robust.facts(),
        "groups": {name: [each.facts() for each in contrasts] for name, contrasts in found.groups.items()},
        "words": list(found.words),
    }  # fmt: skip
