"""What trainings would cost, as a table, and trainings that cost less memory: parts of ``brinell harden``."""

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from brinell.cli import output

if TYPE_CHECKING:
    from brinell.cli.loading import Loaded, Wanted
    from brinell.cli.progress import Display
    from brinell.defenses import Recipe, Training, TrainingCost

_HEAD = ("Recipe", "epochs", "batch", "a step", "the training", "gradients", "memory", "x standard")
_CAVEAT = (
    "Times: from the quickest and the slowest of a few steps, with the look at held-out rows. Gradients: passes for "
    "each row of a batch. Memory: by how much a step grows on the model at rest (activations, gradients, the "
    "optimiser's state); beside it, as a multiple of standard training with the same batch. Nothing was trained."
)


def say_costs(
    wanted: "Wanted", named: tuple[str | None, Iterable[str]], display: "Display", save_memory: bool, **given: Any
) -> None:
    """Measure the recipe that is named with its parameters, or all, beside standard training.

    save_memory: each as ``save_memory`` would have it. given: to ``training_cost``."""
    import brinell
    from brinell.cli import loading, values

    recipe, parameters = named
    every = [kind() for kind in brinell.RECIPES.values()]
    chosen = [values.named(brinell.RECIPES, "recipe", recipe, parameters)] if recipe else every
    loaded = loading.load(wanted, display)
    work = (loaded.model, loaded.source, loaded.threat)
    ask = partial(brinell.training_cost, *work, progress=display, **given | {"seed": wanted.seed})

    def lean(recipe: "Recipe") -> "TrainingCost":
        options = brinell.save_memory(
            *work, recipe=recipe, options=given["options"], batch_size=given["batch_size"], seed=wanted.seed
        )
        return ask(recipe=recipe, options=options)

    rows, notes = _measured(dict.fromkeys([brinell.Standard(), *chosen]), ask, lean if save_memory else None)
    output.say_table(_HEAD, rows)
    for note in notes:
        output.say(note, "yellow")
    output.say(_CAVEAT)


def lean(
    loaded: "Loaded", recipe: "Recipe", options: "Training", batch_size: int | None, seed: int
) -> "Training":  # fmt: skip
    """The options with which the recipe needs no more memory than standard training; says what they are."""
    import brinell

    found = brinell.save_memory(
        loaded.model, loaded.source, loaded.threat, recipe=recipe, options=options, batch_size=batch_size, seed=seed
    )
    pieces = "whole" if found.accumulate == 1 else f"in {found.accumulate} pieces"
    output.say(f"Memory: batches {pieces} need at most a tenth more than in standard training, as far as pieces can.")
    return found


def _measured(
    recipes: "Iterable[Recipe]", ask: "Callable[..., TrainingCost]", lean: "Callable[[Recipe], TrainingCost] | None"
) -> tuple[list[list[str]], list[str]]:
    """Lines of the table, and which recipes do not work here."""
    import brinell
    from brinell.errors import InputError

    @cache
    def standard(batch: int) -> int:
        return ask(recipe=brinell.Standard(), batch_size=batch, steps=1).peak

    rows, notes = [], []
    for recipe in recipes:
        try:
            cost = ask(recipe=recipe) if lean is None else lean(recipe)
        except InputError as problem:
            if recipe == brinell.Standard():
                raise  # it is not the recipe
            notes.append(f"Note: {type(recipe).__name__} does not work here: {problem}")
        else:
            rows.append(_line(cost, standard(cost.batch)))
    return rows, notes


def _line(cost: "TrainingCost", standard: int) -> list[str]:
    from brinell.choosing.words import duration, megabytes

    low, high = map(duration, cost.seconds)
    pieces = "" if cost.pieces == 1 else f" in {cost.pieces}"
    return [
        type(cost.recipe).__name__, str(cost.epochs), f"{cost.batch}{pieces}", f"{1000 * cost.step:.3g} ms",
        f"{low} to {high}", f"{cost.gradients:g}", megabytes(cost.peak), f"{cost.peak / standard:.2f}",
    ]  # fmt: skip
