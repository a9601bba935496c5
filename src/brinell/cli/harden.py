"""``brinell harden``: train a harder model."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from brinell.cli import names, options
from brinell.cli.exits import if_interrupted
from brinell.cli.names import among

if TYPE_CHECKING:
    from brinell.cli.loading import Wanted
    from brinell.defenses import Recipe, TrainingLog
    from brinell.models import Classifier

WEIGHTS, LOG = "weights.safetensors", "training.json"

_Recipe: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="RECIPE",
        help="How to train: TRADES, PGDTraining, NFGSM, FastFGSM, AWP, Gaussian, DefensiveDistillation, Tutorial or "
        "Standard. PGDTraining:steps=10 sets parameters, as -p does; AWP:recipe=TRADES names the recipe within.",
        show_default=False,
        autocompletion=among(names.recipes),
    ),
]
_Out: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help=f"A new folder for {WEIGHTS} and {LOG}, written after every epoch.",
        show_default=False,
    ),
]
_Epochs: TypeAlias = Annotated[
    int | None,
    typer.Option(metavar="NUMBER", min=1, help="Walks over the data; else the recipe's choice.", show_default=False),
]
_Lr: TypeAlias = Annotated[
    float | None, typer.Option(metavar="RATE", help="Learning rate; else the recipe's choice.", show_default=False)
]

_DryRun: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Train nothing: take a few steps, and tell time, memory and gradients of RECIPE, or of every recipe.",
    ),
]


def harden(
    model: options.Model,
    data: options.Data,
    threat: options.Threat,
    recipe: _Recipe = None,
    out: _Out = None,
    parameter: options.Parameters = None,
    epochs: _Epochs = None,
    lr: _Lr = None,
    weights: options.Weights = None,
    bounds: options.BoundsText = None,
    n: options.Rows = None,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = None,
    dry_run: _DryRun = False,
) -> None:
    """Train a model to resist an attacker.

    A recipe that watches held-out rows keeps its best epoch. DATA are the rows to train on: audit the result on
    others. --weights are those to start from.

    \b
    Example:
      brinell harden brinell.models:SmallCNN digits:train linf:0.3 \\
        --recipe FastFGSM --epochs 40 --out hard
    """
    from brinell.cli.progress import showing

    with showing() as display:
        display("loading PyTorch", 0, None)
        import brinell
        from brinell.cli import costs, loading, output, tables, values

        chosen = values.named(brinell.RECIPES, "recipe", recipe, parameter or ()) if recipe else None
        if not dry_run:
            chosen, out = _both(chosen, out)
            _check_free(out)
        if lr is not None and not lr > 0:
            raise brinell.InputError(f"--lr is {lr}; give a rate above 0, such as 0.001.")
        wanted = loading.Wanted(model, data, threat, weights, bounds, n, seed)
        loaded = loading.load(wanted, display)
        if chosen is None or out is None or dry_run:
            costs.say_costs(loaded, chosen, display, epochs=epochs, batch_size=batch_size, seed=seed)
            return
        output.say_pairs([("Recipe", f"{chosen}, seed {seed}"), *tables.scene(loaded)])
        keeper = _Keeper(out)
        with if_interrupted(keeper.what_is_kept):
            hard = brinell.harden(
                loaded.model, loaded.source, loaded.threat, recipe=chosen, epochs=epochs, seed=seed,
                batch_size=batch_size, lr=lr, progress=display, on_epoch=keeper,
            )  # fmt: skip
        _say_training(hard.training_log)
        output.say(f"Kept: {out / WEIGHTS}, {out / LOG}")
        output.say(f"Now measure it: {_audit_command(wanted, out / WEIGHTS)}")


class _Keeper:
    """Writes the best model and the log after every epoch, each file whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log: TrainingLog | None = None

    def __call__(self, model: "Classifier", log: "TrainingLog") -> None:
        from brinell.cli import output
        from brinell.evaluation.record import write_json
        from brinell.models import save_weights

        self._folder.mkdir(parents=True, exist_ok=True)
        with output.whole(self._folder / WEIGHTS) as partial:
            save_weights(model, partial)
        write_json(log, self._folder / LOG)
        self._log = log

    def what_is_kept(self) -> str:
        """What Ctrl-C leaves."""
        if self._log is None:
            return "no epoch was finished, so nothing is kept."
        return (
            f"{len(self._log.epochs)} of {self._log.planned_epochs} epochs are done; the best, epoch "
            f"{self._log.best_epoch}, is kept in {self._folder / WEIGHTS}. To train on from it: --weights "
            f"{self._folder / WEIGHTS} and another --out."
        )


def _both(recipe: "Recipe | None", out: Path | None) -> "tuple[Recipe, Path]":
    """What a training cannot do without."""
    from brinell.errors import InputError

    if recipe is None or out is None:
        raise InputError("give --recipe and --out; or --dry-run, to see first what each recipe would cost.")
    return recipe, out


def _check_free(out: Path) -> None:
    from brinell.errors import OutputExistsError

    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise OutputExistsError(f"{out} exists and is not an empty folder; name another with --out, or remove it.")


def _say_training(log: "TrainingLog") -> None:
    from brinell.cli import output

    best = log.best
    if best is not None and best.clean is not None and best.fgsm is not None and best.pgd is not None:
        output.say(f"On {log.held_out} rows of these data that were held out, after epoch {log.best_epoch}, the best:")
        output.say_pairs([
            ("Clean accuracy", str(best.clean)),
            ("Under FGSM", str(best.fgsm)),
            ("Under a short PGD", f"{best.pgd}, an upper bound of the robust accuracy"),
        ])  # fmt: skip
    else:
        output.say("No rows were held out, so nobody knows yet how accurate or robust it is.")
    for note in log.notes:
        output.say(f"Note: {note}", "yellow")


def _audit_command(wanted: "Wanted", weights: Path) -> str:
    """What to type next: for a data set with a test part, on that."""
    data = wanted.data.removesuffix(":train") if wanted.data.endswith(":train") else "OTHER_DATA"
    bounds = [] if wanted.bounds is None else ["--bounds", wanted.bounds]
    words = [wanted.model, data, wanted.threat, "--weights", str(weights), *bounds]
    return shlex.join(["brinell", "audit", *words])
