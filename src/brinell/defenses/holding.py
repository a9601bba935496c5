"""Which rows are held out of a training, for the check after every epoch."""

from typing import Any, NamedTuple

import numpy as np

from brinell.data import Selected, Source, labels
from brinell.data.sampling import stratified_rows, stratified_units
from brinell.defenses.base import Recipe
from brinell.defenses.options import Training
from brinell.errors import InputError, nearest

Array = np.ndarray[Any, Any]
_SHARE, _MOST, _LEAST = 0.05, 500, 20  # of the rows; rows; fewer rows than this tell nothing
_LEAST_OF_GROUP = 10  # held-out rows without which a group cannot decide anything


class Held(NamedTuple):
    """Rows to learn from, rows held out (None: none), the groups (n,) of these that decide, and what has to be said."""

    rows: Source
    held: Source | None
    groups: Array | None = None
    notes: tuple[str, ...] = ()


def hold_out(source: Source, recipe: Recipe, options: Training, seed: int) -> Held:
    """Split off a stratified slice of 5 % (at most 500 rows), or of the share that the options name.

    Raises InputError where too few rows, or too few of a group, would be held out for what the options ask."""
    wanted = _wanted(len(source), recipe, options)
    if wanted < _LEAST:
        return Held(source, None, None, _unguarded(len(source), wanted, recipe, options))
    y = labels(source).numpy()
    if options.split_by is None:
        chosen = stratified_rows(y, wanted, seed)
    else:
        chosen = stratified_units(y, _column(source, y, options.split_by, "split_by"), wanted, seed)
        _check_units(len(chosen), options.split_by)
    rest = np.setdiff1d(np.arange(len(source)), chosen)
    groups = None if options.by is None else _column(source, y, options.by, "by")[chosen]
    if groups is not None:
        _check_groups(groups, _column(source, y, options.by or "", "by"), options.by or "")
    return Held(Selected(source, rest), Selected(source, chosen), groups, _missing(y[chosen], y))


def _wanted(n: int, recipe: Recipe, options: Training) -> int:
    if options.held_out is not None:
        return int(options.held_out * n)
    return min(_MOST, int(_SHARE * n)) if recipe.guarded or options.patience or options.by else 0


def _unguarded(n: int, wanted: int, recipe: Recipe, options: Training) -> tuple[str, ...]:
    """What has to be said where nothing is held out. Raises InputError where that was asked for."""
    asked = [name for name in ("patience", "by", "held_out") if getattr(options, name)]
    if asked:
        share, more = options.held_out or _SHARE, min(0.5, round(_LEAST / n + 0.05, 2))
        raise InputError(
            f"{asked[0]} needs held-out rows, and {share:g} of {n} rows are {wanted}; at least {_LEAST} are needed: "
            f"pass more data, or a larger held_out (such as {more:g}), or leave it out."
        )
    if recipe.guarded and options.held_out is None:
        return ("Too few rows to hold some out: nobody checked for catastrophic overfitting.",)
    return ()


def _column(source: Source, y: Array, name: str, option: str) -> Array:
    if name in source.groups:
        return np.asarray(source.groups[name]).astype(str)
    if name == "class":
        return y.astype(str)
    known = ["class", *source.groups]
    raise InputError(
        f"{option} is {name!r}; these data have {', '.join(known)}: pass groups={{{name!r}: ...}}{nearest(name, known)}"
    )


def _check_units(n: int, name: str) -> None:
    if n < _LEAST:
        raise InputError(
            f"split_by is {name!r}: keeping its values whole leaves {n} rows to hold out; {_LEAST} are needed. "
            "Every class needs two such values at least, one to learn from and one to hold out."
        )


def _check_groups(held: Array, everyone: Array, name: str) -> None:
    for group in np.unique(everyone).tolist():
        if (n := int((held == group).sum())) < _LEAST_OF_GROUP:
            raise InputError(
                f"by is {name!r}: {n} of {len(held)} held-out rows are of its group {group!r}, too few to decide which "
                f"epoch is best; at least {_LEAST_OF_GROUP} are needed. Raise held_out, or choose another column."
            )


def _missing(held: Array, y: Array) -> tuple[str, ...]:
    gone = np.setdiff1d(y, held).tolist()
    if not gone:
        return ()
    which = f"class {gone[0]}" + (f" and of {len(gone) - 1} more" if len(gone) > 1 else "")
    return (f"None of the {len(held)} held-out rows is of {which}: nobody watched how robust it is.",)
