"""Two answers to each row: intervals and p-values against formulas, and the promises by exact sums and repetition."""

import math
from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, multinomial

from brinell.statistics import LEVEL, Paired, holm

Z = 1.959963984540054
COUNTS = [(1, 0, 10), (0, 1, 10), (5, 2, 30), (12, 12, 50), (40, 3, 100), (3, 97, 100), (7, 0, 1000), (210, 190, 1000)]


# --- the interval -----------------------------------------------------------------------------------------------


def score(pair: Paired, theta: float) -> float:
    """The squared score statistic of a difference, its nuisance share found by search: no formula of the source's."""
    b, c, n = pair.first, pair.second, pair.n

    def minus_log_likelihood(share: float) -> float:
        cells = [(b, share + theta), (c, share), (n - b - c, 1 - 2 * share - theta)]
        return -sum(count * math.log(max(chance, 1e-300)) for count, chance in cells if count)

    span = (max(0.0, -theta), (1 - theta) / 2)
    share = minimize_scalar(minus_log_likelihood, bounds=span, method="bounded", options={"xatol": 1e-13}).x
    return (b - c - n * theta) ** 2 / (n * (2 * share + theta - theta * theta))


@pytest.mark.parametrize("counts", COUNTS)
def test_the_ends_are_where_the_score_test_begins_to_reject(counts: tuple[int, int, int]) -> None:
    pair = Paired(*counts)
    for end in (pair.low, pair.high):
        assert score(pair, end) == pytest.approx(Z * Z, rel=2e-3)
    assert -1 <= pair.low < pair.value < pair.high <= 1


@pytest.mark.parametrize("n", [1, 10, 1000])
def test_where_no_row_disagrees_the_interval_is_wilsons_of_no_row(n: int) -> None:
    pair = Paired(0, 0, n)
    assert (pair.value, pair.p) == (0.0, 1.0)
    assert (pair.low, pair.high) == pytest.approx((-Z * Z / (n + Z * Z), Z * Z / (n + Z * Z)), abs=1e-6)


def test_where_every_row_disagrees_the_end_is_one() -> None:
    assert Paired(20, 0, 20).high == 1.0
    assert Paired(0, 20, 20).low == -1.0
    assert Paired(20, 0, 20).low == pytest.approx(-Paired(0, 20, 20).high)


def test_no_rows_say_nothing() -> None:
    pair = Paired(0, 0, 0)
    assert math.isnan(pair.value)
    assert (pair.low, pair.high, pair.p) == (-1.0, 1.0, 1.0)


@pytest.mark.parametrize("counts", COUNTS)
def test_turned_round_it_is_the_same_and_more_confidence_is_wider(counts: tuple[int, int, int]) -> None:
    pair, turned = Paired(*counts), Paired(counts[1], counts[0], counts[2])
    assert (pair.low, pair.high, pair.p) == pytest.approx((-turned.high, -turned.low, turned.p))
    wider = pair.at_level(0.999)
    assert wider.low < pair.low
    assert wider.high > pair.high


@cache
def ends(first: int, second: int, n: int) -> tuple[float, float]:
    pair = Paired(first, second, n)
    return pair.low, pair.high


def test_the_interval_covers_about_as_often_as_it_says() -> None:
    """No simulation: the chance of every pair of counts is known."""
    n, cover = 30, []
    outcomes = [(b, c) for b in range(n + 1) for c in range(n + 1 - b)]
    table = np.array([(b, c, n - b - c) for b, c in outcomes])
    low, high = np.array([ends(b, c, n) for b, c in outcomes]).T
    for share in (0.02, 0.1, 0.3):
        for theta in (-0.3, -0.05, 0.0, 0.1, 0.4):
            p = np.array([share + max(theta, 0), share + max(-theta, 0), 0.0])
            p[2] = 1 - p.sum()
            chance = multinomial.pmf(table, n, p)
            cover.append(chance[(low <= theta) & (theta <= high)].sum())
    assert min(cover) > 0.92  # the source: close to the level, not always above it
    assert np.mean(cover) == pytest.approx(LEVEL, abs=0.015)


# --- the p-value ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (5, 0), (6, 0), (3, 9), (10, 10), (120, 90), (4, 500)])
def test_the_p_value_is_the_exact_binomial_one(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert Paired(first, second, 1000).p == pytest.approx(expected, rel=1e-9)


def test_equal_rates_are_seldom_called_different() -> None:
    """Exactly: whatever the share of rows that disagree, at most 5 % of the outcomes have p below 0.05."""
    n = 40
    outcomes = [(b, c) for b in range(n + 1) for c in range(n + 1 - b)]
    small = np.array([Paired(b, c, n).p < 0.05 for b, c in outcomes])
    table = np.array([(b, c, n - b - c) for b, c in outcomes])
    for share in (0.01, 0.1, 0.25, 0.45):
        assert multinomial.pmf(table, n, [share, share, 1 - 2 * share])[small].sum() <= 0.05


# --- many of them -----------------------------------------------------------------------------------------------


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@pytest.mark.parametrize("true_effects", [0, 3])
def test_holm_errs_as_seldom_as_it_says(true_effects: int) -> None:
    """Of eight groups, some with a real difference: a wrong claim about any of the others in at most 5 % of runs."""
    source, wrong = np.random.default_rng(4), 0
    for _ in range(400):
        p = source.uniform(size=8)
        p[:true_effects] = 1e-9
        wrong += any(value < 0.05 for value in holm(p.tolist())[true_effects:])
    assert wrong / 400 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)
    assert wrong > 0  # it is not so careful as never to err
