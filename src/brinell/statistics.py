"""Rates with their counts and intervals, and differences between groups that were picked after looking."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy.special import betaincinv, ndtri

LEVEL = 0.95
SMALL = 30  # rows below which a group says little: at half and half the exact interval spans 0.31 to 0.69


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


class Rate(NamedTuple):
    """``hits`` of ``n``, with the exact interval that a claim needs.

    ``level`` is the interval's confidence; it is raised where several rates are looked at together."""

    hits: int
    n: int
    level: float = LEVEL

    @property
    def value(self) -> float:
        """The share; NaN where n is 0."""
        return self.hits / self.n if self.n else math.nan

    @property
    def low(self) -> float:
        """Lower end of the exact (Clopper-Pearson) interval; 0 where n is 0."""
        return float(betaincinv(self.hits, self.n - self.hits + 1, self._tail)) if self.hits else 0.0

    @property
    def high(self) -> float:
        """Upper end of the exact (Clopper-Pearson) interval; 1 where n is 0."""
        misses = self.n - self.hits
        return float(betaincinv(self.hits + 1, misses, 1 - self._tail)) if misses else 1.0

    @property
    def wilson(self) -> Interval:
        """The Wilson interval: closer to the level on average, for display rather than claims."""
        if not self.n:
            return Interval(0.0, 1.0)
        z = float(ndtri(1 - self._tail))
        middle = (self.hits + z * z / 2) / (self.n + z * z)
        half = z / (self.n + z * z) * math.sqrt(self.hits * (self.n - self.hits) / self.n + z * z / 4)
        return Interval(max(0.0, middle - half), min(1.0, middle + half))

    def at_level(self, level: float) -> "Rate":
        """The same rate with intervals of another confidence."""
        return self._replace(level=level)

    @property
    def _tail(self) -> float:
        return (1 - self.level) / 2

    def __str__(self) -> str:
        if not self.n:
            return "undefined (n = 0)"
        low, high = self.wilson
        return f"{self.value:.1%} ({low:.1%} to {high:.1%}, n = {self.n})"


class Gap(NamedTuple):
    """The distance between the best and the worst of several rates: ``value``, and an interval that holds at once
    for all of them. ``best`` and ``worst`` are their positions; both -1 and NaN where fewer than two are defined."""

    value: float
    low: float
    high: float
    best: int
    worst: int


def simultaneous(rates: Sequence[Rate], level: float = LEVEL) -> list[Rate]:
    """The rates at the Bonferroni level: all their intervals cover at once with probability ``level`` or more."""
    defined = sum(rate.n > 0 for rate in rates)
    return [rate.at_level(1 - (1 - level) / max(defined, 1)) for rate in rates]


def gap(rates: Sequence[Rate], level: float = LEVEL) -> Gap:
    """The distance between the largest and the smallest rate.

    The interval follows from the simultaneous intervals of all rates, so it holds although best and worst were picked
    after looking: the true distance lies within it with probability ``level`` or more."""
    ranked = [(rate, i) for i, rate in enumerate(simultaneous(rates, level)) if rate.n]
    if len(ranked) < 2:
        return Gap(math.nan, 0.0, 1.0, -1, -1)
    best, i = max(ranked, key=lambda pair: pair[0].value)
    worst, j = min(ranked, key=lambda pair: pair[0].value)
    lows, highs = [rate.low for rate, _ in ranked], [rate.high for rate, _ in ranked]
    return Gap(best.value - worst.value, max(0.0, max(lows) - min(highs)), max(highs) - min(lows), i, j)
