"""Clean against robust accuracy: one training for each value of a parameter, each audited on the same rows."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from pydantic import BaseModel, ValidationError

from brinell.api import audit, harden
from brinell.case import check_parts
from brinell.choosing.points import Terms, Tradeoff, TradeoffFacts, TradeoffPoint, Value
from brinell.data import Source, read
from brinell.defenses import Recipe
from brinell.errors import InputError, InputTypeError, nearest
from brinell.evaluation.record import Count
from brinell.facts import Frozen, differences, holds_something, write_json
from brinell.models import Classifier
from brinell.models.weights import weights_sha256
from brinell.progress import Progress, silent
from brinell.threats import Threat

_Kind = TypeVar("_Kind", bound=BaseModel)
TERMS, POINT, TRAINED, RESULT = "terms.json", "point.json", "trained.json", "tradeoff.json"


class _Trained(Frozen):
    """What is known of a training that is over. seconds: None where it was interrupted."""

    seconds: float | None
    epochs: int


class _Plan(NamedTuple):
    """A model to train or given, for one value and seed."""

    value: Value
    seed: int
    model: Classifier
    recipe: Recipe | None  # None: the model is given trained


@dataclass(frozen=True, slots=True)
class _Work:
    """What all models share."""

    rows: Source | None
    test: Source
    threat: Threat
    effort: str
    training: Mapping[str, Any]
    folder: Path | None
    parameter: str
    progress: Progress

    def point(self, plan: _Plan) -> TradeoffPoint:
        """Train and audit one model, or take what is done already."""
        place = None if self.folder is None else self.folder / f"{self.parameter}-{plan.value}-seed-{plan.seed}"
        if place and (place / POINT).is_file():
            return _read(TradeoffPoint, place / POINT)
        told = partial(_tell, self.progress, f"{self.parameter} {plan.value}, seed {plan.seed}")
        model, trained = (plan.model, None) if plan.recipe is None else self._train(plan, place, told)
        out = place / "audit" if place else None
        found = audit(
            model, self.test, self.threat, effort=self.effort, seed=plan.seed, out=out, progress=told,
            resume=bool(out and out.is_dir()), examples="all" if out else "none",
        )  # fmt: skip
        point = TradeoffPoint(
            value=plan.value, seed=plan.seed, clean=_count(found.clean_accuracy), robust=_count(found.robust_accuracy),
            seconds=trained.seconds if trained else None, epochs=trained.epochs if trained else None,
            verdict=found.verdict,
        )  # fmt: skip
        if place:
            write_json(point, place / POINT)
        return point

    def _train(self, plan: _Plan, place: Path | None, told: Progress) -> tuple[Classifier, _Trained]:
        """The trained model, and what its training took; what is in the folder already is not done again."""
        assert plan.recipe is not None
        out = place / "training" if place else None
        before, began = out is not None and out.is_dir(), time.monotonic()
        model = harden(
            plan.model, self.rows, self.threat, recipe=plan.recipe, seed=plan.seed, out=out, resume=before,
            progress=told, **self.training,
        )  # fmt: skip
        if place and (place / TRAINED).is_file():
            return model, _read(_Trained, place / TRAINED)
        seconds = None if before else time.monotonic() - began
        trained = _Trained(seconds=seconds, epochs=len(model.training_log.epochs))
        if place:
            write_json(trained, place / TRAINED)
        return model, trained


def tradeoff(
    model: Classifier | Sequence[Classifier], data: Any, threat: Threat, recipe: Recipe | None, *,
    over: Mapping[str, Sequence[Any]], test: Any, seeds: int = 1, effort: str = "standard",
    out: str | Path | None = None, progress: Progress = silent, **training: Any,
) -> Tradeoff:  # fmt: skip
    """Draw clean against robust accuracy over one parameter of a recipe: train a model for each value, and audit it.

    model: what every training starts from; or models that are trained already, one for each value, and then ``data``
        and ``recipe`` are None. data: to train on. test: to audit on, other rows than those.
    over: the parameter and its values, such as ``{"beta": [1, 3, 6]}``; the recipe's other parameters stay.
    seeds: how many trainings for each value, with the seeds 0, 1, ... effort: of the audits.
    out: a folder that keeps weights and audit of each model as it is done; called again with the same, it goes on where
        it stopped. training: options of ``harden``, such as ``epochs=10``.
    Returns a Tradeoff: ``.points``, ``.save("tradeoff.html")``, also .svg and .json.
    Raises InputError, InputTypeError, OutputExistsError."""
    parameter, values = _read_over(over)
    if not isinstance(seeds, int) or seeds < 1:
        raise InputError(f"seeds is {seeds!r}; give how many trainings each value is to have, at least 1.")
    plans = _plans(model, recipe, parameter, values, seeds)
    check_parts(plans[0].model, threat)
    tested = read(test, None, progress)
    rows = None if recipe is None else read(data, None, progress)
    if rows is not None and _same_rows(rows, tested):
        raise InputError("data and test are the same rows; audit on rows that no training has seen.")
    folder = None if out is None else Path(out)
    terms = Terms(
        model=_weights_of(plans, recipe), recipe=None if recipe is None else _all_but(recipe, parameter),
        parameter=parameter, values=values, seeds=seeds, threat=str(threat), effort=effort,
        data=None if rows is None else _named(rows), test=_named(tested),
        training=", ".join(f"{name}={value!r}" for name, value in sorted(training.items())),
    )  # fmt: skip
    _settle(folder, terms)
    work = _Work(rows, tested, threat, effort, training, folder, parameter, progress)
    found = Tradeoff(TradeoffFacts(terms=terms, points=tuple(work.point(plan) for plan in plans)))
    if folder is not None:
        found.save(folder / RESULT)
    return found


def _read_over(over: Mapping[str, Sequence[Any]]) -> tuple[str, tuple[Any, ...]]:
    if not isinstance(over, Mapping) or len(over) != 1:
        raise InputError(f'over is {over!r}; give one parameter and its values, such as {{"beta": [1, 3, 6]}}.')
    ((parameter, values),) = over.items()
    chosen = tuple(values)
    if len(set(chosen)) < max(2, len(chosen)):
        raise InputError(f"the values of {parameter} are {list(chosen)}; give at least two, each once.")
    return parameter, chosen


def _plans(model: Any, recipe: Any, parameter: str, values: tuple[Any, ...], seeds: int) -> list[_Plan]:
    """Every model to come; what is wrong with a value is said before the first is trained."""
    if not isinstance(model, Classifier):
        given = list(model) if isinstance(model, Sequence) else [model]
        if recipe is not None or len(given) != len(values) or seeds != 1:
            raise InputError(
                f"{len(given)} models are given for {len(values)} values; give one Classifier and a recipe to train it "
                "with, or a trained Classifier for each value, without recipe, and seeds=1."
            )
        return [_Plan(value, 0, each, None) for value, each in zip(values, given, strict=True)]
    if not isinstance(recipe, Recipe):
        raise InputTypeError(f"the recipe is {recipe!r}; pass a recipe such as TRADES().")
    known = [each.name for each in fields(recipe)]  # type: ignore[arg-type]
    if parameter not in known:
        raise InputError(
            f"{type(recipe).__name__} has no parameter {parameter!r}; it has {', '.join(known) or 'none'}"
            f"{nearest(parameter, known)}"
        )
    varied = {value: replace(recipe, **{parameter: value}) for value in values}  # type: ignore[type-var]
    return [_Plan(value, seed, model, varied[value]) for value in values for seed in range(seeds)]


def _same_rows(ours: Source, theirs: Source) -> bool:
    """By their number and the first of them."""
    if len(ours) != len(theirs):
        return False
    first = slice(0, min(32, len(ours)))
    (x, y), (other_x, other_y) = ours.block(first), theirs.block(first)
    return x.shape == other_x.shape and bool(torch.equal(x, other_x) and torch.equal(y, other_y))


def _all_but(recipe: Recipe, parameter: str) -> str:
    """The recipe as text, without the parameter that is varied."""
    stays = (each.name for each in fields(recipe) if each.name != parameter)  # type: ignore[arg-type]
    return f"{type(recipe).__name__}({', '.join(f'{name}={getattr(recipe, name)!r}' for name in stays)})"


def _named(rows: Source) -> str:
    return f"{len(rows):,} rows of {rows.name}"


def _weights_of(plans: Sequence[_Plan], recipe: Recipe | None) -> str:
    """The sha256 of the weights that trainings start from, or of all given models."""
    return weights_sha256(plans[0].model) if recipe else ", ".join(weights_sha256(plan.model) for plan in plans)


def _settle(folder: Path | None, terms: Terms) -> None:
    """Make the folder, or find in it what was begun under the same terms."""
    if folder is None:
        return
    if holds_something(folder, resume=(folder / TERMS).is_file()):
        if told := differences(_read(Terms, folder / TERMS).model_dump(), terms.model_dump()):
            raise InputError(
                f"{folder} holds another trade-off: {'; '.join(told)}. Name another folder, or ask for the same."
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_json(terms, folder / TERMS)


def _read(kind: type[_Kind], path: Path) -> _Kind:
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as problem:
        raise InputError(
            f"{path} is damaged: {str(problem).splitlines()[0]}. Remove it, and it is made anew."
        ) from problem


def _count(rate: Any) -> Count:
    return Count(hits=rate.hits, n=rate.n)


def _tell(progress: Progress, which: str, label: str, done: int, total: int | None) -> None:
    """Say of which model it is, behind what the display counts by."""
    what, colon, more = label.partition(":")
    progress(f"{what}: {which}{',' if colon else ''}{more}", done, total)
