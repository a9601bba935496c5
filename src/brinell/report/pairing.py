"""Two audits of the same rows: what the page says of their comparison, and what its charts are drawn from."""

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from brinell.evaluation import Comparison, Contrast

_MOST = 60  # groups of one attribute: the clearest differences


class PairedRow(NamedTuple):
    """Some rows under both audits: both rates, and the first less the second with its interval."""

    name: str
    n: int
    first: float
    second: float
    value: float
    low: float
    high: float
    first_alone: int
    second_alone: int
    p: float
    says: bool


class PairedChart(NamedTuple):
    """Differences that are shown together."""

    title: str
    rows: tuple[PairedRow, ...]


class Pairing(NamedTuple):
    """A comparison, ready for the page."""

    names: tuple[str, str]
    words: tuple[str, ...]
    charts: tuple[PairedChart, ...]

    @property
    def headline(self) -> str:
        """What the first sentence comes to, without its figures."""
        return re.split(r": | \(", self.words[0].rstrip("."), maxsplit=1)[0] + "."

    @property
    def data(self) -> list[list[dict[str, Any]]]:
        """What the charts are drawn from."""
        return [
            [
                {"key": row.name, "value": row.value, "low": row.low, "high": row.high, "says": row.says}
                for row in chart.rows
            ]
            for chart in self.charts
        ]


def pairing_of(comparison: "Comparison") -> Pairing:
    """Work out what the page says of a comparison."""
    whole = (_row("robust", comparison.robust), _row("clean", comparison.clean))
    charts = [PairedChart("All rows", whole)]
    for name, contrasts in comparison.groups.items():
        clearest = sorted(contrasts, key=lambda each: (each.p, -abs(each.difference.value)))[:_MOST]
        charts.append(
            PairedChart(f"Robust accuracy by {name}", tuple(_row(str(each.group), each) for each in clearest))
        )
    return Pairing(comparison.names, comparison.words, tuple(charts))


def _row(name: str, contrast: "Contrast") -> PairedRow:
    pair = contrast.difference
    return PairedRow(
        name, pair.n, contrast.first.value, contrast.second.value, pair.value, pair.low, pair.high, pair.first,
        pair.second, contrast.p, contrast.says,
    )  # fmt: skip
