"""Options that only ``brinell harden`` has."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from brinell.cli import names
from brinell.cli.names import among

Recipe: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="RECIPE",
        help="How to train: TRADES, PGDTraining, NFGSM, FastFGSM, AWP, IBP, Gaussian, DefensiveDistillation, Tutorial "
        "or Standard. PGDTraining:steps=10 sets parameters, as -p does; AWP:recipe=TRADES names the recipe within.",
        show_default=False,
        autocompletion=among(names.recipes),
    ),
]
Out: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="A new folder for weights.safetensors (the best epoch), training.json (the log) and, until the end, "
        "checkpoint.safetensors; written after every epoch and every minute.",
        show_default=False,
    ),
]
SaveMemory: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--save-memory",
        help="Work on a batch in as many pieces as it takes to need no more memory than standard training, by 10 %.",
    ),
]
DryRun: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Train nothing: take a few steps, and tell time, memory and gradients of RECIPE, or of every recipe.",
    ),
]
Resume: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with the training in FOLDER, where it was stopped. Its settings must be these."
    ),
]
Epochs: TypeAlias = Annotated[
    int | None,
    typer.Option(metavar="NUMBER", min=1, help="Walks over the data; else the recipe's choice.", show_default=False),
]
Lr: TypeAlias = Annotated[
    float | None, typer.Option(metavar="RATE", help="Learning rate; else the recipe's choice.", show_default=False)
]
Training: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "-t",
        "--training",
        metavar="KEY=VALUE",
        help="A choice that every recipe has; may be given several times. average=0.999 averages weights; patience=3 "
        "stops early; by=class keeps the epoch whose worst class is best; split_by=track holds out whole tracks; "
        "held_out=0.1; optimizer=sgd, momentum, weight_decay; schedule=cosine; augment=shift:most=2, augment=flip, "
        "augment=noise:sigma=0.1, augment=colorjitter, augment=affine:degrees=8; class_weights=balanced; "
        "attack_mode=train; accumulate=4 saves memory; precision=bfloat16; checkpoint=60 seconds.",
        show_default=False,
    ),
]
Audit: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="EFFORT",
        help="Audit the result afterwards, into FOLDER/audit: quick, standard or thorough.",
        show_default=False,
        autocompletion=among(names.EFFORTS),
    ),
]
AuditData: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help="The rows that --audit judges on, not those of the training; where DATA ends in :train, the test part.",
        show_default=False,
        autocompletion=among(names.data),
    ),
]
