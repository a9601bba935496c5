"""Demands on an audit: read from text, and decided by the pessimistic end of the interval."""

import math
import re
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from brinell.errors import InputError
from brinell.evaluation.demands import Demand, read_demands
from brinell.evaluation.findings import Diagnosis, Finding
from brinell.evaluation.groups import by_group, group_gap
from brinell.statistics import Rate, simultaneous


def stands(
    of: dict[str, tuple[int, int]], outcome: str | None = "ok", proved: dict[str, int] | None = None
) -> Any:  # fmt: skip
    """What a demand looks at of an audit: each site has so many standing rows of so many, and all are right; of each
    so many are proved to stand, if any are."""
    sites = [site for site, (_, n) in of.items() for _ in range(n)]
    broken = [None if i < hits else "PGD" for hits, n in of.values() for i in range(n)]
    table = pa.table({
        "label": [0] * len(sites), "clean_prediction": [0] * len(sites), "broken_by": pa.array(broken, pa.string()),
        "group_class": [0] * len(sites), "group_site": sites,
    })  # fmt: skip
    if proved is not None:
        certified = [i < proved[site] for site, (_, n) in of.items() for i in range(n)]
        table = table.append_column("certified", pa.array(certified, pa.bool_()))
    found = Diagnosis(rows=9, findings=(Finding(name="gradients", outcome=outcome, figures=""),)) if outcome else None
    n = len(sites)
    return SimpleNamespace(
        record=SimpleNamespace(settings=SimpleNamespace(data=SimpleNamespace(groups=("class", "site")))),
        verdict=found.verdict if found else None,
        clean_accuracy=Rate(n, n), robust_accuracy=Rate(broken.count(None), n), diagnosis=found,
        certified_accuracy=None if proved is None else Rate(sum(proved.values()), n),
        by_group=lambda *names: by_group(table, names), gap=lambda *names: group_gap(table, names),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("robust_accuracy>=0.6", Demand("robust_accuracy", 0.6)),
        (" clean_accuracy >= 90% ", Demand("clean_accuracy", 0.9)),
        ("worst_group>=1/2", Demand("worst_group", 0.5)),
        ("worst_group:sex>=0.5", Demand("worst_group", 0.5, ("sex",))),
        ("worst_group:sex, a:b>=0.5", Demand("worst_group", 0.5, ("sex", "a:b"))),
        ("gap<=0.1", Demand("gap", 0.1)),
        ("gap:age>30<=0.1", Demand("gap", 0.1, ("age>30",))),
        ("certified_accuracy>=85%", Demand("certified_accuracy", 0.85)),
        ("certified_worst_group:site>=0.5", Demand("certified_worst_group", 0.5, ("site",))),
        ("sound", Demand("verdict", "sound")),
        ("doubtful", Demand("verdict", "doubtful")),
    ],
)
def test_texts_are_read_and_written_alike(text: str, wanted: Demand) -> None:
    assert Demand.read(text) == wanted
    assert Demand.read(str(wanted)) == wanted
    assert read_demands([text, wanted]) == (wanted, wanted)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not understood; write robust_accuracy>=0.6"),
        ("unsound", "not understood"),
        ("accuracy>=0.6", "not understood"),
        ("verdict>=0.6", "not understood"),
        ("robust_accuracy", "not understood"),
        ("robust_accuracy>=", "not understood"),
        ("robust_accuracy>=high", "'high'; give a share, as 0.6 or 60%"),
        ("robust_accuracy>=1/0", "'1/0'; give a share"),
        ("robust_accuracy>=60", r"60.0; give a share in 0\.\.1"),
        ("robust_accuracy>=100%", "no number of rows shows robust_accuracy>=1, .* give a limit below 1"),
        ("gap<=0", "no number of rows shows gap<=0, .* give a limit above 0"),
        ("robust_accuracy>=nan", "nan; give a share"),
        ("robust_accuracy<=0.6", "compares the wrong way; write robust_accuracy>=0.6"),
        ("robust_accuracy>0.6", "write robust_accuracy>=0.6"),
        ("gap>=0.1", "write gap<=0.1"),
        ("robust_accuracy:sex>=0.6", "has no groups; write worst_group:sex"),
        ("certified_accuracy:sex>=0.6", "has no groups; write certified_worst_group:sex"),
        ("certified_accuracy<=0.6", "compares the wrong way; write certified_accuracy>=0.6"),
    ],
)
def test_a_slip_is_refused_with_a_remedy(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Demand.read(text)


def test_values_are_checked_as_texts_are() -> None:
    with pytest.raises(InputError, match="'fine'; choose one of sound, doubtful"):
        Demand("verdict", "fine")
    with pytest.raises(InputError, match="no metric 'speed'"):
        Demand("speed", 0.1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="compared with True"):
        Demand("gap", True)


@pytest.mark.parametrize("hits", [50, 60, 70, 80, 100])
def test_the_lower_end_decides_on_a_rate(hits: int) -> None:
    audit = stands({"a": (hits, 100)})
    rate = Rate(hits, 100)
    for limit in (0.4, 0.5, 0.6, 0.7, 0.8, rate.low, min(rate.value, 0.99)):
        answer = Demand("robust_accuracy", limit).check(audit)
        assert answer.met == (rate.low >= limit)
        assert (answer.value, answer.bound) == (rate.value, rate.low)
        assert f"{rate.value:.1%} of 100 rows" in answer.words
        assert ("the value " in answer.words) == (rate.low < limit <= rate.value)
        numbers = re.search(r"its lower end, (\S+)%, is (above|below|at) (\S+)%", answer.words)
        assert numbers
        low, word, demanded = float(numbers[1]), numbers[2], float(numbers[3])
        assert {"above": low > demanded, "below": low < demanded, "at": low == demanded}[word]


def test_the_group_that_could_be_worst_decides() -> None:
    """The smaller group has the higher rate and the lower end: its word counts."""
    audit = stands({"large": (600, 1000), "small": (26, 40), "tiny": (10, 20)})
    lows = {site: rate.low for site, rate in zip(
        ("large", "small"), simultaneous([Rate(600, 1000), Rate(26, 40)]), strict=True
    )}  # fmt: skip
    assert lows["small"] < lows["large"]
    answer = Demand.read("worst_group:site>=0.5").check(audit)
    assert not answer.met
    assert answer.bound == lows["small"]
    assert "site small is 65.0% of 40 rows (simultaneous 95% interval" in answer.words
    assert "with 2 groups looked at together, 1 of too few rows passed over" in answer.words
    assert Demand("worst_group", lows["small"], ("site",)).check(audit).met


def test_a_small_group_counts_where_it_is_enough_to_tell() -> None:
    """Few rows show nothing good, but that all of them fell shows enough."""
    audit = stands({"a": (900, 1000), "b": (880, 1000), "tiny": (0, 20)})
    answer = Demand.read("worst_group:site>=0.5").check(audit)
    assert not answer.met
    assert re.search(r"site tiny is 0.0% of 20 rows \(.* even its upper end is below 50.0%", answer.words)
    assert Demand.read("worst_group:site>=0.2").check(audit).met
    assert not Demand.read("worst_group>=0.5").check(audit).met  # though no bound of another attribute is as high
    gap = Demand.read("gap:site<=0.2").check(audit)
    assert not gap.met
    assert "and site tiny is 90.0%" in gap.words
    assert Demand.read("gap:site<=0.9").check(audit).words.startswith("the gap between site a and site b is 2.0%")


def test_of_small_groups_that_miss_it_the_lowest_is_named() -> None:
    answer = Demand("worst_group", 0.9, ("site",)).check(stands({"a": (12, 20), "b": (1, 20), "c": (990, 1000)}))
    assert "site b is 5.0% of 20 rows" in answer.words


@pytest.mark.parametrize(("hits", "n", "limit"), [(80, 100, 0.75), (80, 100, 0.73), (900, 1000, 0.899)])
def test_as_many_rows_as_it_says_would_do(hits: int, n: int, limit: float) -> None:
    words = Demand("robust_accuracy", limit).check(stands({"a": (hits, n)})).words
    found = re.search(r"so would about ([\d,]+) rows", words)
    assert found
    rows = int(found[1].replace(",", ""))
    assert Rate(int(hits / n * rows), rows).low >= limit
    assert Rate(int(hits / n * rows * 0.7), int(rows * 0.7)).low < limit


def test_where_the_value_is_at_the_limit_no_number_of_rows_would_do() -> None:
    assert "too close to it for any number" in Demand("robust_accuracy", 0.8).check(stands({"a": (80, 100)})).words


@pytest.mark.parametrize("text", ["robust_accuracy>=0.1", "worst_group>=0.1", "gap:site<=0.9"])
def test_a_number_that_is_not_to_be_believed_is_called_so(text: str) -> None:
    of = {"a": (90, 100), "b": (90, 100)}
    assert "not to be believed" in Demand.read(text).check(stands(of, "failed")).words
    assert "not to be believed" not in Demand.read(text).check(stands(of)).words
    assert "not to be believed" not in Demand.read("clean_accuracy>=0.1").check(stands(of, "failed")).words


def test_the_upper_end_decides_on_a_gap() -> None:
    audit = stands({"a": (90, 100), "b": (70, 100)})
    gap = audit.gap("site")
    for limit in (0.1, gap.value, gap.high, 0.9):
        answer = Demand("gap", limit, ("site",)).check(audit)
        assert answer.met == (gap.high <= limit)
        assert "between site a and site b is 20.0%" in answer.words
    assert Demand.read("gap:site<=0.25").check(audit).words.endswith("is above 25.0%; the value alone would do, "
                                                                           "so more rows may")  # fmt: skip


def test_without_a_name_every_attribute_counts() -> None:
    audit = stands({"a": (90, 100), "b": (70, 100)})
    assert "site b" in Demand.read("worst_group>=0.5").check(audit).words
    assert "site a and site b" in Demand.read("gap<=0.5").check(audit).words  # there is one class only
    alone = Demand.read("gap:class<=0.5").check(audit)
    assert not alone.met
    assert math.isnan(alone.bound)
    assert "fewer than two groups" in alone.words


@pytest.mark.parametrize(
    ("outcome", "met"), [("ok", (True, True)), ("warning", (False, True)), ("failed", (False,) * 2)]
)
def test_verdicts(outcome: str, met: tuple[bool, bool]) -> None:
    audit = stands({"a": (9, 9)}, outcome)
    answers = [Demand.read(text).check(audit) for text in ("sound", "doubtful")]
    assert tuple(answer.met for answer in answers) == met
    assert all(f"the verdict is {audit.diagnosis.verdict}" in answer.words for answer in answers)
    assert (f"(gradients: {outcome})" in answers[0].words) == (outcome != "ok")


def test_what_cannot_be_told_is_refused_before_any_work() -> None:
    with pytest.raises(InputError, match="is demanded, but there is no group 'sex'; there are: class, site"):
        Demand.read("gap:sex<=0.1").check_possible(["site"], diagnose=True, certified=False)
    with pytest.raises(InputError, match="sound needs the diagnosis"):
        Demand.read("sound").check_possible([], diagnose=False, certified=True)
    with pytest.raises(InputError, match="needs the diagnosis"):
        Demand.read("sound").check(stands({"a": (9, 9)}, None))
    for text in ("certified_accuracy>=0.1", "certified_worst_group>=0.1"):
        with pytest.raises(InputError, match=f"{text} needs a certificate, and this audit has none; audit with --cert"):
            Demand.read(text).check_possible([], diagnose=True, certified=False)
        with pytest.raises(InputError, match="needs a certificate"):
            Demand.read(text).check(stands({"a": (9, 9)}))
        Demand.read(text).check_possible([], diagnose=False, certified=True)
    Demand.read("worst_group:class>=0.1").check_possible([], diagnose=False, certified=False)


@pytest.mark.parametrize("outcome", ["ok", "failed"])
@pytest.mark.parametrize("limit", [0.5, 0.6, Rate(140, 200).low, 0.7])
def test_what_is_proved_counts_whatever_the_verdict(limit: float, outcome: str) -> None:
    audit = stands({"a": (95, 100), "b": (90, 100)}, outcome, proved={"a": 80, "b": 60})
    answer = Demand("certified_accuracy", limit).check(audit)
    assert answer.met == (Rate(140, 200).low >= limit)
    assert (answer.value, answer.bound) == (0.7, Rate(140, 200).low)
    assert answer.words.startswith("the certified accuracy is 70.0% of 200 rows")
    assert "unsound" not in answer.words
    worst = Demand("certified_worst_group", limit, ("site",)).check(audit)
    low = min(rate.low for rate in simultaneous([Rate(80, 100), Rate(60, 100)]))
    assert (worst.met, worst.bound) == (low >= limit, low)
    assert worst.words.startswith("the certified accuracy of site b is 60.0% of 100 rows")
    of_attacks = Demand("worst_group", limit, ("site",)).check(audit)
    assert of_attacks.words.startswith("the robust accuracy of site b is 90.0%")


def test_a_rate_of_no_rows_meets_nothing() -> None:
    answer = Demand.read("robust_accuracy>=0").check(stands({}))
    assert not answer.met
    assert "undefined, since there are no rows" in answer.words
    assert str(answer).startswith("robust_accuracy>=0 is missed: ")
    assert answer.facts() == {
        "demand": "robust_accuracy>=0", "met": False, "value": None, "bound": 0.0, "words": answer.words
    }  # fmt: skip


@pytest.mark.parametrize("limit", [0.5, 0.9, 0.99])
def test_too_few_rows_are_known_beforehand(limit: float) -> None:
    wanted = Demand("robust_accuracy", limit)
    found = re.search(r"it takes at least ([\d,]+)$", wanted.out_of_reach(2))
    assert found
    least = int(found[1].replace(",", ""))
    assert Rate(least, least).low >= limit > Rate(least - 1, least - 1).low
    assert wanted.out_of_reach(least) == Demand("gap", limit).out_of_reach(2) == ""
    assert Demand.read("sound").out_of_reach(1) == ""
    assert Demand("robust_accuracy", 0).out_of_reach(0) == ""
