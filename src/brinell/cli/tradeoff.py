"""``brinell tradeoff``: clean against robust accuracy over a parameter of a recipe."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from brinell.cli import names, options
from brinell.cli.exits import if_interrupted
from brinell.cli.names import among

if TYPE_CHECKING:
    from brinell.choosing import Tradeoff

_option = partial(typer.Option, show_default=False)

_Recipe: TypeAlias = Annotated[
    str,
    _option(metavar="RECIPE", autocompletion=among(names.recipes), help="How to train, as for brinell harden."),
]
_Over: TypeAlias = Annotated[
    str,
    _option(
        metavar="KEY=VALUE,...",
        help="The parameter of the recipe and its values, such as beta=1,3,6: a training for each.",
    ),
]
_Out: TypeAlias = Annotated[
    Path,
    _option(
        metavar="FOLDER",
        help="Where weights and audits are kept, with tradeoff.html, .svg and .json. The same command goes on where it "
        "stopped.",
    ),
]
_Test: TypeAlias = Annotated[
    str | None,
    _option(
        metavar="DATA",
        autocompletion=among(names.data),
        help="The rows to audit on; for DATA:train the others of DATA.",
    ),
]
_TestRows: TypeAlias = Annotated[int | None, _option(metavar="ROWS", min=1, help="Audit on a sample of so many rows.")]
_Seeds: TypeAlias = Annotated[int, typer.Option(metavar="COUNT", min=1, help="How many trainings each value has.")]
_Effort: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="quick|standard|thorough", autocompletion=among(names.EFFORTS), help="How hard to try, in each audit."
    ),
]
_Epochs: TypeAlias = Annotated[
    int | None, _option(metavar="NUMBER", min=1, help="Walks over the data; else the recipe's choice.")
]


def tradeoff(
    model: options.Model,
    data: options.Data,
    threat: options.Threat,
    recipe: _Recipe,
    over: _Over,
    out: _Out,
    test: _Test = None,
    test_n: _TestRows = None,
    parameter: options.Parameters = None,
    seeds: _Seeds = 1,
    effort: _Effort = "standard",
    epochs: _Epochs = None,
    weights: options.Weights = None,
    bounds: options.BoundsText = None,
    n: options.Rows = None,
    batch_size: options.BatchSize = None,
    as_json: options.Json = False,
) -> None:
    """Draw what robust accuracy costs in clean accuracy.

    A training and an audit for each value of --over, then a page and a drawing. --n is a sample of the rows to train
    on.

    \b
    Example:
      brinell tradeoff brinell.models:SmallCNN digits:train linf:0.1 \\
        --recipe PGDTraining --over steps=1,2 --out runs/steps
    """
    from brinell.cli import output
    from brinell.cli.progress import showing

    with output.for_machines(as_json), showing() as display:
        display("loading PyTorch", 0, None)
        import brinell
        from brinell.cli import loading, tables, values
        from brinell.data import stratified

        chosen = values.named(brinell.RECIPES, "recipe", recipe, parameter or ())
        key, listed = values.varied(type(chosen), over)
        loaded = loading.load(loading.Wanted(model, data, threat, weights, bounds, n, 0), display)
        tested = loading.read_for(loaded.model, _test_of(data, test), display)
        tested = tested if test_n is None else stratified(tested, test_n, 0)
        output.say_pairs([
            ("Recipe", f"{type(chosen).__name__}, over {over}"), *tables.scene(loaded),
            ("Audit", f"effort {effort}, on {len(tested):,} rows of {tested.name}"),
        ])  # fmt: skip
        given = {"epochs": epochs, "batch_size": batch_size}
        with if_interrupted(lambda: f"what is done is kept in {out}; the same command goes on from there."):
            found = brinell.tradeoff(
                loaded.model, loaded.source, loaded.threat, chosen, over={key: listed}, test=tested, seeds=seeds,
                effort=effort, out=out, progress=display,
                **{name: value for name, value in given.items() if value is not None},
            )  # fmt: skip
        _say(found, key)
        output.say(f"Drawn: {found.save(out / 'tradeoff.html')}, {found.save(out / 'tradeoff.svg')}")
    if as_json:
        output.print_json(found.facts.model_dump())


def _say(found: "Tradeoff", key: str) -> None:
    """Every model in a table, and what that does not say."""
    from brinell.cli import output

    lines = [
        [str(each.value), str(each.seed), output.cell(each.clean_accuracy), output.cell(each.robust_accuracy),
         "interrupted" if each.seconds is None else f"{each.seconds:.0f} s"] for each in found.points
    ]  # fmt: skip
    output.say_table([key, "seed", "clean", "robust, at most", "training"], lines)
    for sentence in found.caveats:
        output.say(sentence)


def _test_of(data: str, test: str | None) -> str:
    """What to audit on."""
    from brinell.errors import InputError

    if test is None and not data.endswith(":train"):
        raise InputError(f"{data} has no test part of its own; name the rows to audit on with --test.")
    return data.removesuffix(":train") if test is None else test
