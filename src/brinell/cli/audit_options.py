"""The options of ``brinell audit`` that no other command has."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from brinell.cli import names, places
from brinell.cli.names import among

_option = partial(typer.Option, show_default=False)


def _take_from_file(ctx: typer.Context, path: Path | None) -> Path | None:
    """Let the settings of a file stand where the command line says nothing."""
    if path is not None and not ctx.resilient_parsing:
        from brinell.cli.config import read_config

        found = read_config(path)
        defaults: dict[str, Any] = found.given
        ctx.default_map = defaults
        places.remember(ctx, str(path), found.lines)
    return path


Config: TypeAlias = Annotated[
    Path | None,
    _option(
        metavar="FILE",
        is_eager=True,
        callback=_take_from_file,
        help="Take settings from this YAML file, also MODEL, DATA and THREAT; what the command line says goes before. "
        "brinell init writes one.",
    ),
]
DetectData: TypeAlias = Annotated[
    str | None,
    _option(
        metavar="DATA",
        help="Clean rows, neither trained on nor audited, from which the detector's threshold is chosen (a thousand at "
        "most): those of DATA that --n leaves unless given.",
        autocompletion=among(names.data),
    ),
]
FalseAlarms: TypeAlias = Annotated[
    float | None,
    _option(metavar="SHARE", help="The share of clean rows that the detector may turn away: 0.05 unless given."),
]
Effort: TypeAlias = Annotated[
    str | None,
    _option(
        metavar="quick|standard|thorough",
        help="How hard to try: standard unless given; none, with --examples-from, to judge only those.",
        autocompletion=among((*names.EFFORTS, "none")),
    ),
]
Budget: TypeAlias = Annotated[
    str | None,
    _option(
        metavar="30s|5m|100", help="In place of an effort: time for all attacks, or gradients a row on average."
    ),
]  # fmt: skip
Attack: TypeAlias = Annotated[
    list[str] | None,
    _option(
        metavar="ATTACK",
        help="An attack to use instead of the effort's, such as PGD:steps=100,restarts=2; may be given several "
        "times, in the order in which they are to run.",
        autocompletion=among(names.attacks),
    ),
]
Group: TypeAlias = Annotated[
    list[str] | None,
    _option(
        metavar="NAME",
        help="The groups to show, all unless given; a,b is the intersection of two; may be given several times.",
    ),
]
Alone: TypeAlias = Annotated[
    bool,
    _option(help="Also tell what each attack leaves standing on its own; takes longer."),
]
Out: TypeAlias = Annotated[
    Path | None, _option(metavar="FOLDER", help="The run folder: a new one in runs/ unless given.")
]
Resume: TypeAlias = Annotated[bool, _option(help="Go on with the unfinished audit in the folder --out.")]
Examples: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="all|none",
        help="Whether the adversarial inputs are kept in the folder.",
        autocompletion=among(("all", "none")),
    ),
]
ExamplesFrom: TypeAlias = Annotated[
    Path | None,
    _option(
        metavar="FILE",
        help="Somebody else's adversarial examples, row for row with the data: an .npz with x_adv. Judged before the "
        "attacks, or, with --effort none, instead of them.",
    ),
]
Seeds: TypeAlias = Annotated[
    int,
    typer.Option(
        metavar="COUNT", min=1, help="Audit with so many seeds, and tell the spread; the folder holds the first."
    ),
]
Diagnose: TypeAlias = Annotated[bool, typer.Option(help="Check whether the model hides its gradients.")]
Certify: TypeAlias = Annotated[
    str | None,
    _option(
        metavar="ibp",
        help="Also prove which rows stand, by interval bounds: a lower bound beside what the attacks leave.",
        autocompletion=among(("ibp",)),
    ),
]
Require: TypeAlias = Annotated[
    list[str] | None,
    _option(
        metavar="DEMAND",
        help='End with exit code 3 where this is missed: "robust_accuracy>=0.6", "clean_accuracy>=0.9", '
        '"worst_group:sex>=0.5", "gap<=0.1", sound or doubtful; with --certify also "certified_accuracy>=0.85" and '
        '"certified_worst_group:sex>=0.5"; may be given several times. The pessimistic end of '
        "the interval decides.",
        autocompletion=among(("sound", "doubtful")),
    ),
]
Report: TypeAlias = Annotated[Path | None, _option(metavar="FILE", help="Also write a report, one HTML file.")]
Json: TypeAlias = Annotated[
    bool, _option("--json/--no-json", help="Print JSON on stdout, and nothing else there; words go to stderr.")
]
