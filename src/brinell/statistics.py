"""Rates with their counts and intervals, and differences between groups that were picked after looking."""

import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist
from typing import Any, NamedTuple

LEVEL = 0.95
SMALL = 30  # rows below which a group says little: at half and half the exact interval spans 0.31 to 0.69


@cache
def _special() -> Any:
    """scipy.special, imported with the first interval: it takes as long as all the rest of a report."""
    import scipy.special

    return scipy.special


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
        return float(_special().betaincinv(self.hits, self.n - self.hits + 1, self._tail)) if self.hits else 0.0

    @property
    def high(self) -> float:
        """Upper end of the exact (Clopper-Pearson) interval; 1 where n is 0."""
        misses = self.n - self.hits
        return float(_special().betaincinv(self.hits + 1, misses, 1 - self._tail)) if misses else 1.0

    @property
    def wilson(self) -> Interval:
        """The Wilson interval: closer to the level on average, for display rather than claims."""
        if not self.n:
            return Interval(0.0, 1.0)
        z = NormalDist().inv_cdf(1 - self._tail)
        middle = (self.hits + z * z / 2) / (self.n + z * z)
        half = z / (self.n + z * z) * math.sqrt(self.hits * (self.n - self.hits) / self.n + z * z / 4)
        return Interval(max(0.0, middle - half), min(1.0, middle + half))

    def at_level(self, level: float) -> "Rate":
        """The same rate with intervals of another confidence."""
        return self._replace(level=level)

    def facts(self) -> dict[str, Any]:
        """Plain values for JSON; a rate of no rows is None."""
        value = self.value if self.n else None
        return {"value": value, "low": self.low, "high": self.high, "n": self.n, "level": self.level}

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


class Paired(NamedTuple):
    """Two answers, yes or no, to each of ``n`` rows, and the difference of their rates.

    ``first`` and ``second`` count the rows on which that one alone says yes; the others do not matter to a comparison.
    ``level`` is the confidence of the interval."""

    first: int
    second: int
    n: int
    level: float = LEVEL

    @property
    def value(self) -> float:
        """The first rate less the second; NaN where n is 0."""
        return (self.first - self.second) / self.n if self.n else math.nan

    @property
    def low(self) -> float:
        """Lower end of the score interval; -1 where n is 0."""
        return -self._replace(first=self.second, second=self.first).high

    @property
    def high(self) -> float:
        """Upper end of the score interval of the difference; 1 where n is 0.

        Source: Tango 1998, Statistics in Medicine 17(8):891-908: the largest difference that the score test, with the
        best fitting share of rows that disagree, does not reject."""
        if not self.n or self.first == self.n:
            return 1.0
        from scipy.optimize import brentq

        start = self.value + 1e-12  # at the value itself the score is 0, also where no row disagrees
        return float(brentq(self._room, start, 1.0, xtol=1e-12)) if self._room(start) > 0 else start

    def _room(self, theta: float) -> float:
        """How far the score of the difference ``theta`` is from rejection, times its standard error."""
        b = (2 * self.n - self.first + self.second) * theta - self.first - self.second
        share = (math.sqrt(b * b + 8 * self.n * self.second * theta * (1 - theta)) - b) / (4 * self.n)
        spread = math.sqrt(max(0.0, self.n * (2 * share + theta * (1 - theta))))
        return float(_special().ndtri((1 + self.level) / 2)) * spread + self.first - self.second - self.n * theta

    @property
    def p(self) -> float:
        """Exact two-sided p-value of equal rates; 1 where no row disagrees.

        Source: McNemar 1947, Psychometrika 12(2):153-157, by the binomial distribution of the rows that disagree."""
        return min(1.0, 2 * float(_special().bdtr(min(self.first, self.second), self.first + self.second, 0.5)))

    def at_level(self, level: float) -> "Paired":
        """The same difference with an interval of another confidence."""
        return self._replace(level=level)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for being looked at together: rejecting those below a level errs once at most at that
    level, whatever depends on what.

    Source: Holm 1979, Scandinavian Journal of Statistics 6(2):65-70."""
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted
