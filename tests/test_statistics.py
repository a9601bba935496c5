"""Rates, intervals and gaps: against formulas, and the promises by exact sums or seeded repetition."""

import math
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from brinell.statistics import LEVEL, Gap, Interval, Rate, gap, simultaneous

SHARES = [0.0, 0.003, 0.05, 0.2, 0.5, 0.77, 0.95, 0.999, 1.0]


@cache
def exact(hits: int, n: int, level: float = LEVEL) -> Interval:
    rate = Rate(hits, n, level)
    return Interval(rate.low, rate.high)


# --- one rate ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 10, 37, 80])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
def test_the_exact_interval_covers_at_least_as_often_as_it_says(n: int, level: float) -> None:
    """No simulation: the chance of every count is known."""
    for p in SHARES:
        covering = [k for k in range(n + 1) if exact(k, n, level).low <= p <= exact(k, n, level).high]
        assert binom.pmf(covering, n, p).sum() >= level - 1e-12


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 10), (8, 10), (10, 10), (3, 97), (9899, 10_000)])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.9995])
def test_the_intervals_are_those_of_scipy(hits: int, n: int, level: float) -> None:
    test = binomtest(hits, n)
    assert exact(hits, n, level) == pytest.approx(tuple(test.proportion_ci(level, method="exact")), abs=1e-9)
    wilson = Rate(hits, n, level).wilson
    assert wilson == pytest.approx(tuple(test.proportion_ci(level, method="wilson")), abs=1e-9)


def test_known_values() -> None:
    assert exact(8, 10) == pytest.approx((0.4439, 0.9748), abs=5e-5)
    assert exact(0, 10) == pytest.approx((0.0, 1 - 0.025**0.1), abs=1e-9)
    assert exact(81, 263) == pytest.approx((0.2527, 0.3676), abs=5e-5)  # Newcombe 1998, Table I
    assert Rate(81, 263).wilson == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert Rate(0, 20).wilson == pytest.approx((0.0, 0.1611), abs=5e-5)


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (1, 5), (7, 30), (999, 1000)])
@pytest.mark.parametrize(("level", "z"), [(0.95, 1.959963984540054), (0.99, 2.5758293035489004)])
def test_wilson_by_its_formula(hits: int, n: int, level: float, z: float) -> None:
    p = hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert Rate(hits, n, level).wilson == pytest.approx((max(0, middle - half), min(1, middle + half)), abs=1e-9)


@pytest.mark.parametrize("n", [1, 4, 50, 333])
def test_intervals_hold_the_value_and_lie_in_one_another(n: int) -> None:
    for hits in {0, 1, n // 3, n - 1, n}:
        rate = Rate(hits, n)
        assert 0 <= rate.low <= rate.value <= rate.high <= 1
        assert rate.wilson.low - 1e-12 <= rate.value <= rate.wilson.high + 1e-12
        wider = rate.at_level(0.999)
        assert wider.low <= rate.low
        assert wider.high >= rate.high
        assert wider.value == rate.value
        assert rate.low == pytest.approx(1 - Rate(n - hits, n).high)  # losses mirror hits


def test_nothing_counted_is_unknown() -> None:
    nothing = Rate(0, 0)
    assert math.isnan(nothing.value)
    assert (nothing.low, nothing.high) == (0.0, 1.0)
    assert nothing.wilson == (0.0, 1.0)
    assert str(nothing) == "undefined (n = 0)"


def test_a_rate_never_stands_alone_in_words() -> None:
    assert str(Rate(50, 100)) == "50.0% (40.4% to 59.6%, n = 100)"


# --- many rates -------------------------------------------------------------------------------------------------


def test_bonferroni_shares_the_error_among_the_rates_that_are_defined() -> None:
    rates = simultaneous([Rate(3, 10), Rate(0, 0), Rate(9, 10), Rate(5, 9), Rate(1, 2)])
    assert [rate.level for rate in rates] == pytest.approx([1 - 0.05 / 4] * 5)
    assert [(rate.hits, rate.n) for rate in rates] == [(3, 10), (0, 0), (9, 10), (5, 9), (1, 2)]
    assert simultaneous([Rate(3, 10)])[0] == pytest.approx(Rate(3, 10))
    assert simultaneous([]) == []


def test_a_gap_names_the_best_and_the_worst_whatever_is_undefined() -> None:
    found = gap([Rate(0, 0), Rate(50, 100), Rate(90, 100), Rate(0, 0), Rate(2, 100), Rate(60, 100)])
    assert found.value == pytest.approx(0.88)
    assert (found.best, found.worst) == (2, 4)
    assert 0 < found.low < found.value < found.high < 1


def test_the_worst_is_worst_by_its_share_not_by_its_count() -> None:
    assert gap([Rate(9, 10), Rate(50, 100)])[3:] == (0, 1)


@pytest.mark.parametrize("rates", [[], [Rate(3, 9)], [Rate(3, 9), Rate(0, 0)], [Rate(0, 0)] * 3])
def test_a_gap_needs_two(rates: list[Rate]) -> None:
    found = gap(rates)
    assert math.isnan(found.value)
    assert found[1:] == (0.0, 1.0, -1, -1)
    assert isinstance(found, Gap)


def test_the_gap_spans_the_simultaneous_intervals() -> None:
    rates = [Rate(400, 500), Rate(100, 500), Rate(2, 2), Rate(0, 1)]  # the small are the extremes and say little
    wide = simultaneous(rates)
    found = gap(rates)
    assert found.high == pytest.approx(max(rate.high for rate in wide) - min(rate.low for rate in wide))
    assert found.low == pytest.approx(wide[0].low - wide[1].high)
    assert found.low > 0
    assert (found.best, found.worst) == (2, 3)
    assert gap(rates, 0.5).low > found.low


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9, 1.0])
def test_equal_groups_seldom_look_unequal(p: float) -> None:
    """Best and worst of eight equal groups are picked after looking; the interval must still hold 0."""
    counts = np.random.default_rng(1).binomial(25, p, (200, 8))
    found = [gap([Rate(int(hits), 25) for hits in row]) for row in counts]
    assert np.mean([one.low == 0 for one in found]) >= LEVEL
    assert all(one.low <= one.value <= one.high for one in found)


def test_the_gap_interval_holds_the_true_gap() -> None:
    """Groups of several sizes and shares: the true distance is inside at least as often as promised."""
    shares, sizes = np.array([0.5, 0.72, 0.7, 0.68, 0.9]), np.array([20, 40, 60, 30, 25])
    counts = np.random.default_rng(2).binomial(sizes, shares, (200, 5))
    found = [gap([Rate(int(k), int(n)) for k, n in zip(row, sizes, strict=True)]) for row in counts]
    assert np.mean([one.low <= 0.4 <= one.high for one in found]) >= LEVEL


def test_all_simultaneous_intervals_cover_at_once() -> None:
    """Exactly: the groups are independent, so the chances multiply."""
    groups, n, p = 6, 30, 0.8
    level = simultaneous([Rate(0, n)] * groups)[0].level
    covering = [k for k in range(n + 1) if exact(k, n, level).low <= p <= exact(k, n, level).high]
    assert binom.pmf(covering, n, p).sum() ** groups >= LEVEL


def test_plain_intervals_would_break_the_promise() -> None:
    """Why ``simultaneous`` is there: of 40 equal groups, plain intervals seldom cover all at once."""
    counts = np.random.default_rng(3).binomial(100, 0.5, (100, 40))
    plain = [all(exact(k, 100).low <= 0.5 <= exact(k, 100).high for k in row) for row in counts.tolist()]
    assert np.mean(plain) < 0.5
    level = simultaneous([Rate(0, 100)] * 40)[0].level
    wide = [all(exact(k, 100, level).low <= 0.5 <= exact(k, 100, level).high for k in row) for row in counts.tolist()]
    assert np.mean(wide) >= LEVEL
