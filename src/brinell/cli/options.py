"""Arguments and options that several commands share, each in one place."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Model: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="What to attack: file.py:function or package.module:function, which returns an nn.Module or a "
        "Classifier; such as brinell.models:SmallCNN.",
        show_default=False,
    ),
]
Data: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="Inputs and true labels: digits, mnist (:train for their training parts), an .npz (x, y, optional "
        "group_*), or IDX files: images.idx,labels.idx.",
        show_default=False,
    ),
]
Threat: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="THREAT",
        help="What the attacker may change: linf:0.3, linf:8/255, l2:0.5, l1:10, l0:20; in the data's own unit.",
        show_default=False,
    ),
]
Weights: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Weights of the network: safetensors, or a torch file that holds tensors only.",
        show_default=False,
    ),
]
BoundsText: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--bounds",
        metavar="LOW:HIGH",
        help="Lowest and highest value of an input, where MODEL gives an nn.Module: 0:1 unless given.",
        show_default=False,
    ),
]
Target: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="LABEL",
        help="The label that the attacker wants; without it any wrong label is a success.",
        show_default=False,
    ),
]
Rows: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--n",
        metavar="ROWS",
        min=1,
        help="Take a sample of so many rows, every class in proportion; without it all rows.",
        show_default=False,
    ),
]
Seed: TypeAlias = Annotated[
    int, typer.Option(metavar="NUMBER", help="Seed of everything random: same seed, same result.")
]
BatchSize: TypeAlias = Annotated[
    int | None,
    typer.Option(metavar="ROWS", min=1, help="Rows to work on at once.", show_default=False),
]
Parameters: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "-p",
        "--parameter",
        metavar="KEY=VALUE",
        help="A parameter; may be given several times.",
        show_default=False,
    ),
]
Json: TypeAlias = Annotated[
    bool,
    typer.Option("--json", help="Print JSON on stdout, and nothing else there; words go to stderr."),
]
