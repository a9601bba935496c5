"""What may be demanded of an audit: how it is written, and who decides."""

import math
import re
from types import SimpleNamespace
from typing import Any

import pytest

from brinell.errors import InputError
from brinell.evaluation import Diagnosis, Finding, GroupRow, read_demand
from brinell.statistics import Rate


def audited(
    right: int = 100, standing: int = 80, n: int = 100, diagnosis: Diagnosis | None = None,
    **groups: dict[str, tuple[int, int]],
) -> Any:  # fmt: skip
    """An audit of which only the counts are known; groups: (rows, rows standing) by attribute and value."""

    def by_group(*names: str) -> list[GroupRow]:
        return [GroupRow(value, m, Rate(m, m), Rate(hits, m), m < 30) for value, (m, hits) in groups[names[0]].items()]

    record = SimpleNamespace(settings=SimpleNamespace(data=SimpleNamespace(groups=tuple(groups))))
    return SimpleNamespace(
        clean_accuracy=Rate(right, n), robust_accuracy=Rate(standing, n), diagnosis=diagnosis, by_group=by_group,
        record=record,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("robust_accuracy>=0.6", "robust_accuracy>=0.6"),
        (" robust_accuracy >= 60% ", "robust_accuracy>=0.6"),
        ("clean_accuracy>=.9", "clean_accuracy>=0.9"),
        ("worst_group>=0.5", "worst_group>=0.5"),
        ("worst_group:site, sex>=0.5", "worst_group:site,sex>=0.5"),
        ("gap<=10%", "gap<=0.1"),
        ("gap:sex<=0.1", "gap:sex<=0.1"),
        ("sound", "sound"),
        ("doubtful", "doubtful"),
    ],
)
def test_a_demand_is_read_and_reads_the_same_again(text: str, means: str) -> None:
    assert str(read_demand(text)) == means
    assert read_demand(means) == read_demand(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("robust>=0.6", "there is no measure 'robust'; did you mean robust_accuracy"),
        ("robust_acuracy>=0.6", "did you mean robust_accuracy"),
        ("robust_accuracy>0.6", "robust_accuracy takes >=, not >"),
        ("robust_accuracy=>0.6", "robust_accuracy takes >=, not =>"),
        ("robust_accuracy<=0.6", "robust_accuracy takes >=, not <="),
        ("gap>=0.1", "gap takes <=, not >="),
        ("robust_accuracy>=60", "60 is not between 0 and 1"),
        ("robust_accuracy>=-0.1", "-0.1 is not between 0 and 1"),
        ("robust_accuracy>=nan", "nan is not between 0 and 1"),
        ("robust_accuracy>=most", "'most' is no number"),
        ("robust_accuracy>=", "'' is no number"),
        ("robust_accuracy>=1", "no number of rows can show 1"),
        ("gap<=0", "no number of rows can show 0"),
        ("robust_accuracy:sex>=0.5", "robust_accuracy is of all rows"),
        ("worst_group:,>=0.5", "worst_group is of all rows"),
        ("sond", "did you mean sound"),
        ("unsound", "the demand is 'unsound'"),
        ("robust_accuracy>=0.5,gap<=0.1", "the demand is 'robust_accuracy>=0.5,gap<=0.1'"),
        ("", "the demand is ''"),
    ],
)
def test_nonsense_is_refused_with_the_grammar(text: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        read_demand(text)
    assert why in str(caught.value)
    assert "Write clean_accuracy>=X, robust_accuracy>=X, worst_group>=X" in str(caught.value)


@pytest.mark.parametrize("hits", range(0, 101, 4))
def test_the_pessimistic_end_decides(hits: int) -> None:
    audit = audited(right=hits, standing=hits)
    for name in ("clean_accuracy", "robust_accuracy"):
        answer = read_demand(f"{name}>=0.6").answer(audit)
        assert answer.met == (Rate(hits, 100).low >= 0.6)
        assert (answer.value, answer.end) == (hits / 100, Rate(hits, 100).low)
        assert f"{hits}.0% of 100 rows" in answer.words
        assert f"{answer.end:.1%} at the pessimistic end of the interval, which decides" in answer.words


def test_whether_more_rows_could_settle_it_is_said() -> None:
    demand = read_demand("robust_accuracy>=0.6")
    said = {standing: str(demand.answer(audited(standing=standing))) for standing in (30, 55, 65, 60, 90)}
    assert said[30].endswith("More rows would hardly help: even the optimistic end is 40.0%.")
    assert said[55].endswith("more rows could only help if these were unlucky ones.")
    rows = int(re.findall(r"More rows could settle it: about (\d+) with the same share would\.", said[65])[0])
    assert Rate(int(0.65 * rows), rows).low >= 0.6 > Rate(int(0.65 * 0.8 * rows), int(0.8 * rows)).low
    assert said[60].endswith("too close to the demand for any number of rows to settle it.")
    assert said[90].startswith("robust_accuracy>=0.6 is met: measured 90.0% of 100 rows, and ")
    assert "ore rows" not in said[90]


def test_few_rows_fail_in_words() -> None:
    demand = read_demand("robust_accuracy>=0.6")
    answer = demand.answer(audited(standing=4, n=4))
    assert not answer.met
    assert "100.0% of 4 rows only" in answer.words
    none = demand.answer(audited(standing=0, n=0))
    assert (none.met, none.value, none.end) == (False, None, None)
    assert "nothing is known" in none.words
    assert demand.out_of_reach(4).endswith("It takes at least 8.")
    assert Rate(8, 8).low >= 0.6 > Rate(7, 7).low
    assert demand.out_of_reach(8) == ""
    assert read_demand("gap<=0.1").out_of_reach(1) == read_demand("sound").out_of_reach(1) == ""


SEX = {"f": (500, 300), "m": (500, 400)}


def test_the_worst_group_is_the_one_that_may_be_worst() -> None:
    audit = audited(**{"class": {"0": (500, 450), "1": (500, 440)}, "sex": SEX})
    named = read_demand("worst_group:sex>=0.5").answer(audit)
    assert named.met
    assert named.end == Rate(300, 500, 0.975).low  # two groups: Bonferroni
    assert "of the group sex f" in named.words
    assert read_demand("worst_group>=0.5").answer(audit) == read_demand("worst_group>=0.5").answer(audited(sex=SEX))
    assert not read_demand("worst_group>=0.58").answer(audit).met
    assert read_demand("worst_group:class>=0.58").answer(audit).met


def test_small_groups_count_against_the_model() -> None:
    audit = audited(sex=SEX | {"x": (5, 5)})
    worst = read_demand("worst_group>=0.5").answer(audit)
    assert not worst.met
    assert "100.0% of 5 rows only of the group sex x" in worst.words
    gap = read_demand("gap<=0.25").answer(audit)
    assert not gap.met
    assert "The smallest group, sex x, has 5." in gap.words


def test_the_gap_is_judged_by_its_upper_end() -> None:
    audit = audited(sex=SEX)
    rates = [Rate(300, 500, 0.975), Rate(400, 500, 0.975)]
    end = max(rate.high for rate in rates) - min(rate.low for rate in rates)
    for limit in (0.1, 0.19, 0.25, end - 1e-9, end + 1e-9):
        answer = read_demand(f"gap:sex<={limit!r}").answer(audit)
        assert answer.met == (end <= limit)
        assert math.isclose(answer.value or 0, 0.2)
        assert answer.end == end
    assert "above the demand itself" in read_demand("gap<=0.1").answer(audit).words
    assert "More rows could settle it" in read_demand("gap<=0.21").answer(audit).words


def test_one_group_has_no_gap() -> None:
    answer = read_demand("gap<=0.5").answer(audited(sex={"f": (100, 50)}))
    assert (answer.met, answer.value) == (False, None)
    assert "there is but one group of sex" in answer.words


@pytest.mark.parametrize(
    ("outcome", "verdict", "sound", "doubtful"),
    [("ok", "sound", True, True), ("warning", "doubtful", False, True), ("failed", "unsound", False, False)],
)
def test_verdicts(outcome: Any, verdict: str, sound: bool, doubtful: bool) -> None:
    found = Diagnosis(rows=10, findings=(Finding(name="it has a slope", outcome=outcome, figures=""),))
    answers = [read_demand(text).answer(audited(diagnosis=found)) for text in ("sound", "doubtful")]
    assert [answer.met for answer in answers] == [sound, doubtful]
    assert all(f"the verdict is {verdict}" in answer.words for answer in answers)
    assert ("it has a slope: " in answers[0].words) == (outcome != "ok")
    without = read_demand("sound").answer(audited())
    assert (without.met, "without the diagnosis" in without.words) == (False, True)


def test_what_an_audit_cannot_answer_is_refused_beforehand() -> None:
    with pytest.raises(InputError, match="no group 'age'; there are: class, sex"):
        read_demand("worst_group:age>=0.5").check(["class", "sex"], diagnose=True)
    with pytest.raises(InputError, match="needs the diagnosis"):
        read_demand("sound").check(["class"], diagnose=False)
    read_demand("gap:sex<=0.5").check(["class", "sex"], diagnose=False)


def test_answers_are_plain_values_too() -> None:
    assert read_demand("robust_accuracy>=0.6").answer(audited()).facts() == {
        "demand": "robust_accuracy>=0.6", "met": True, "value": 0.8, "end": Rate(80, 100).low,
        "words": read_demand("robust_accuracy>=0.6").answer(audited()).words,
    }  # fmt: skip
