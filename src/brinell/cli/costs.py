"""What trainings would cost, as a table: ``brinell harden --dry-run``."""

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from brinell.cli import output

if TYPE_CHECKING:
    from brinell.cli.loading import Wanted
    from brinell.cli.progress import Display
    from brinell.defenses import Recipe, TrainingCost

_HEAD = ("Recipe", "epochs", "batch", "a step", "the training", "gradients", "memory", "x standard")
_CAVEAT = (
    "Times: from the quickest and the slowest of a few steps, with the look at held-out rows. Gradients: passes for "
    "each row of a batch. Memory: by how much a step grows on the model at rest (activations, gradients, the "
    "optimiser's state); beside it, as a multiple of standard training with the same batch. Nothing was trained."
)


def say_costs(
    wanted: "Wanted", recipe: str | None, parameters: Iterable[str], display: "Display", **given: Any
) -> None:
    """Measure one recipe, or all where none is named, beside standard training. given: to ``training_cost``."""
    import brinell
    from brinell.cli import loading, values

    every = [kind() for kind in brinell.RECIPES.values()]
    chosen = [values.named(brinell.RECIPES, "recipe", recipe, parameters)] if recipe else every
    recipes = [brinell.Standard(), *chosen]
    loaded, seed = loading.load(wanted, display), wanted.seed
    ask = partial(
        brinell.training_cost, loaded.model, loaded.source, loaded.threat, seed=seed, progress=display, **given
    )
    rows, notes = _measured(dict.fromkeys(recipes), ask)
    output.say_table(_HEAD, rows)
    for note in notes:
        output.say(note, "yellow")
    output.say(_CAVEAT)


def _measured(recipes: "Iterable[Recipe]", ask: "Callable[..., TrainingCost]") -> tuple[list[list[str]], list[str]]:
    """Lines of the table, and which recipes do not work here."""
    import brinell
    from brinell.errors import InputError

    @cache
    def standard(batch: int) -> int:
        return ask(recipe=brinell.Standard(), batch_size=batch, steps=1).peak

    rows, notes = [], []
    for recipe in recipes:
        try:
            cost = ask(recipe=recipe)
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
    return [
        type(cost.recipe).__name__, str(cost.epochs), str(cost.batch), f"{1000 * cost.step:.3g} ms", f"{low} to {high}",
        f"{cost.gradients:g}", megabytes(cost.peak), f"{cost.peak / standard:.2f}",
    ]  # fmt: skip
