"""Arguments and options that several commands share, each in one place."""

from functools import partial
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from brinell.cli import names
from brinell.cli.names import among

_argument = partial(typer.Argument, show_default=False)
_option = partial(typer.Option, show_default=False)  # unset, unless its help says otherwise

Model: TypeAlias = Annotated[
    str,
    _argument(
        metavar="MODEL",
        help="What to attack: file.py:function or package.module:function, which returns an nn.Module or a "
        "Classifier; such as brinell.models:SmallCNN. Also hf:NAME, timm:NAME, or a .pt2 or TorchScript file.",
        autocompletion=among(names.MODELS),
    ),
]
Data: TypeAlias = Annotated[
    str,
    _argument(
        metavar="DATA",
        help="Inputs and true labels, such as digits, mnist, fashion-mnist, cifar10, gtsrb, adult (:train for their "
        "training parts), rows.npz (x, y, optional group_*), images.idx,labels.idx, a folder of images as "
        "photos:size=32, or a table as people.csv:label=income,groups=sex+race.",
        autocompletion=among(names.data),
    ),
]
Threat: TypeAlias = Annotated[
    str,
    _argument(
        metavar="THREAT",
        help="What the attacker may change: linf:0.3, linf:8/255, l2:0.5, l1:10, l0:20; in the data's own unit. With "
        "@8bit behind it (linf:8/255@8bit) only inputs that an 8-bit file can hold count.",
        autocompletion=among(names.THREATS),
    ),
]
Weights: TypeAlias = Annotated[
    Path | None,
    _option(
        metavar="FILE",
        help="Weights of the network: safetensors, or a torch file that holds tensors only.",
    ),
]
BoundsText: TypeAlias = Annotated[
    str | None,
    _option(
        "--bounds",
        metavar="LOW:HIGH",
        help="Lowest and highest value of an input, where MODEL gives an nn.Module: as the data tell, or else 0:1.",
    ),
]
Sanitise: TypeAlias = Annotated[
    list[str] | None,
    _option(
        metavar="SANITISER",
        help="What every input goes through before the model, such as jpeg:quality=75, bitdepth:bits=4, median:size=3 "
        "or randomresizepad:least=0.8; may be given several times, the first meets the input first. It is attacked "
        "adaptively, and the static number is shown beside.",
        autocompletion=among(names.SANITISERS),
    ),
]
Detect: TypeAlias = Annotated[
    list[str] | None,
    _option(
        metavar="SANITISER",
        help="A detector, feature squeezing: what each input is squeezed by, such as bitdepth:bits=4 or median:size=3; "
        "may be given several times. An input whose answer changes too much is turned away, and the attacker wants "
        "to be wrong and not turned away. It stands before what --sanitise names.",
        autocompletion=among(names.SANITISERS),
    ),
]
DetectThreshold: TypeAlias = Annotated[
    float | None,
    _option(metavar="NUMBER", min=0, max=2, help="The detector's threshold, as an audit chose it."),
]
Target: TypeAlias = Annotated[
    int | None,
    _option(
        metavar="LABEL",
        help="The label that the attacker wants; without it any wrong label is a success.",
    ),
]
Rows: TypeAlias = Annotated[
    int | None,
    _option(
        "--n",
        metavar="ROWS",
        min=1,
        help="Take a sample of so many rows, every class in proportion; without it all rows.",
    ),
]
Seed: TypeAlias = Annotated[
    int,
    typer.Option(metavar="NUMBER", min=0, help="Seed of everything random: same seed, same result."),
]
BatchSize: TypeAlias = Annotated[
    int | None,
    _option(metavar="ROWS", min=1, help="Rows to work on at once."),
]
Device: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="auto|cpu|cuda|cuda:1",
        help="Where to work: on a GPU if CUDA has one, unless given.",
        autocompletion=among(names.DEVICES),
    ),
]
Parameters: TypeAlias = Annotated[
    list[str] | None,
    _option(
        "-p",
        "--parameter",
        metavar="KEY=VALUE",
        help="A parameter; may be given several times.",
    ),
]
Json: TypeAlias = Annotated[
    bool,
    typer.Option("--json", help="Print JSON on stdout, and nothing else there; words go to stderr."),
]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors; --json still prints.")]
NoColor: TypeAlias = Annotated[
    bool, typer.Option("--no-color", help="No colours; NO_COLOR in the environment does the same.")
]
