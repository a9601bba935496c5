"""A trade-off as a value: clean against robust accuracy over one parameter of a recipe, to read, draw and keep."""

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, TypeAlias

from brinell.errors import InputError
from brinell.evaluation.record import Count
from brinell.facts import Frozen, Sealed, as_json, whole
from brinell.report.tradeoff import Dot, Mean, Words, page_of, svg_of
from brinell.statistics import Rate

Value: TypeAlias = int | float | str | None
_ENDS = (".html", ".svg", ".json")


class TradeoffPoint(Frozen):
    """One model. value: of the parameter; seconds, epochs: of its training, None where the model was given trained, and
    seconds where it was interrupted.

    verdict: whether its gradients can be followed; None where nobody asked."""

    value: Value
    seed: int
    clean: Count
    robust: Count
    seconds: float | None
    epochs: int | None
    verdict: str | None

    @property
    def clean_accuracy(self) -> Rate:
        """Rows that are right without an attack."""
        return self.clean.rate

    @property
    def robust_accuracy(self) -> Rate:
        """Rows that are right and that no attack broke: an upper bound."""
        return self.robust.rate


class Terms(Frozen):
    """What decides the outcome: the recipe with its other parameters, what is varied, data, threat set and effort."""

    schema_version: Literal[1] = 1
    kind: Literal["tradeoff"] = "tradeoff"
    model: str
    recipe: str | None
    parameter: str
    values: tuple[Value, ...]
    seeds: int
    threat: str
    data: str | None
    test: str
    effort: str
    training: str


class TradeoffFacts(Sealed):
    """What ``tradeoff.json`` holds."""

    terms: Terms
    points: tuple[TradeoffPoint, ...]


@dataclass(frozen=True)
class Tradeoff:
    """Clean against robust accuracy, one model for each value and seed. ``points`` are in the order of the values.

    Robust accuracies are upper bounds, and intervals speak of the test rows alone: how much a training differs from the
    next is seen only where ``terms.seeds`` is above 1."""

    facts: TradeoffFacts

    @property
    def terms(self) -> Terms:
        """What was varied, and what stayed."""
        return self.facts.terms

    @property
    def points(self) -> tuple[TradeoffPoint, ...]:
        """All models."""
        return self.facts.points

    @property
    def means(self) -> tuple[Mean, ...]:
        """For each value the mean clean and robust accuracy over its seeds."""
        return tuple(self._mean_of(value) for value in self.terms.values)

    def _mean_of(self, value: Value) -> Mean:
        mine = [point for point in self.points if point.value == value]
        clean, robust = ([getattr(point, kind).rate.value for point in mine] for kind in ("clean", "robust"))
        return Mean(_text(value), fmean(clean), fmean(robust))

    def to_json(self) -> str:
        """Terms and points as JSON, with a sha256 over them."""
        return as_json(self.facts.sealed())

    def save(self, path: str | Path) -> Path:
        """Write a page (.html), a drawing (.svg) or the figures (.json), by the ending of ``path``.

        Whole or not at all. Folders on the way are made, an older file is replaced. Returns the path. Raises
        InputError."""
        path = Path(path)
        if path.suffix not in _ENDS or path.is_dir():
            raise InputError(f"{path} is no file to write to; end it in {', '.join(_ENDS)}.")
        text = {".html": self._page, ".svg": self._drawing, ".json": self.to_json}[path.suffix]()
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as partial:
            partial.write_text(text, encoding="utf-8")
        return path

    def write_html(self, path: str | Path) -> Path:
        """Write the page; see ``save``."""
        if Path(path).suffix != ".html":
            raise InputError(f"{path} does not end in .html; name a page.")
        return self.save(path)

    def __str__(self) -> str:
        several = self.terms.seeds > 1
        lines = [
            f"{self.terms.parameter} {_text(point.value)}{f', seed {point.seed}' if several else ''}: "
            f"clean {point.clean.rate}, robust {point.robust.rate}" for point in self.points
        ]  # fmt: skip
        return "\n".join([*lines, *self.caveats])

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the figures do not say."""
        trainings = (
            "Each point is one training with one seed: how far another seed would lie from it was not measured."
            if self.terms.seeds == 1
            else f"Each value was trained with {self.terms.seeds} seeds: small dots are trainings, rings their means."
        )
        told = trainings if self.terms.recipe else "The models were given trained: how they were is not known here."
        return (
            told,
            f"Robust accuracy is an upper bound, by the attacks of effort {self.terms.effort}; a stronger attack may "
            "break more.",
        )

    def _page(self) -> str:
        terms, listed = self.terms, ", ".join(map(_text, self.terms.values))
        scene = [
            ("Recipe", terms.recipe or "models given trained"), ("Varied", f"{terms.parameter}: {listed}"),
            ("Threat set", terms.threat), ("Trained on", terms.data or "not known"), ("Audited on", terms.test),
            ("Effort of the audits", terms.effort), ("Training", terms.training or "the recipe's own choices"),
        ]  # fmt: skip
        title = f"Clean against robust accuracy, {terms.threat}, over {terms.parameter}"
        return page_of(self._dots(), self.means, Words(title, terms.parameter, scene, self.caveats))

    def _drawing(self) -> str:
        return svg_of(self._dots(), self.means, self.terms.parameter)

    def _dots(self) -> list[Dot]:
        return [
            Dot(_text(each.value), each.seed, each.clean.rate, each.robust.rate, each.seconds, each.verdict)
            for each in self.points
        ]  # fmt: skip


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
