"""Groups of an audit, against plain counting."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
import trials
from torch.utils.data import DataLoader, TensorDataset

import brinell as br
from brinell.errors import InputError
from brinell.evaluation import GroupRow
from brinell.statistics import Rate

N = 240
_third = np.arange(N) % 3
GROUPS: dict[str, Any] = {
    "text": np.array(["b", "a", "c"])[_third],
    "integer": np.array([10, 9, -2])[_third],
    "flag": _third == 0,
    "tensor": torch.from_numpy(_third),
    "list": ["x" if i % 5 else None for i in range(N)],
    "decimal": np.where(_third == 1, np.nan, 0.5 * _third),
    "mixed": np.array([None, 3, "three"], dtype=object)[_third],
    "rare": ["rare" if i < 29 else "common" if i < 120 else "usual" for i in range(N)],
    "tiny": [i // 20 for i in range(N)],
}


@pytest.fixture(scope="module")
def audit(one_thread: None) -> br.Audit:
    trial = trials.subject(n=N)
    return trials.audit(trial, groups=GROUPS, cascade=(br.FGSM(),), batch_size=16)


def missing(value: Any) -> bool:
    return value is None or value != value


def counted(audit: br.Audit, columns: Sequence[Sequence[Any]]) -> dict[Any, tuple[int, int, int]]:
    """n, right and standing by value (or tuple of values), the plain way."""
    table = audit.table.to_pydict()
    found: dict[Any, tuple[int, int, int]] = {}
    for row in range(N):
        key = tuple("(missing)" if missing(values[row]) else values[row] for values in columns)
        n, right, standing = found.get(key, (0, 0, 0))
        right += table["clean_prediction"][row] == table["label"][row]
        found[key] = (n + 1, right, standing + (table["broken_by"][row] is None))
    return {key if len(key) > 1 else key[0]: value for key, value in found.items()}


def facts(rows: list[GroupRow]) -> dict[Any, tuple[int, int, int]]:
    assert all(row.clean_accuracy.n == row.robust_accuracy.n == row.n for row in rows)
    return {row.group: (row.n, row.clean_accuracy.hits, row.robust_accuracy.hits) for row in rows}


def plain(values: Any, text: bool = False) -> list[Any]:
    values = values if isinstance(values, list) else values.tolist()
    return [value if missing(value) or not text else str(value) for value in values]


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_is_counted(audit: br.Audit, name: str) -> None:
    values = plain(GROUPS[name], text=name in ("mixed", "list"))
    assert facts(audit.by_group(name)) == counted(audit, [values])


@pytest.mark.parametrize(
    "names", [("text", "flag"), ("class", "integer"), ("class", "text", "list"), ("list", "decimal")]
)
def test_an_intersection_is_counted(audit: br.Audit, names: tuple[str, ...]) -> None:
    every = GROUPS | {"class": trials.subject(n=N).y}
    columns = [plain(every[name], text=name == "list") for name in names]
    rows = audit.by_group(*names)
    assert facts(rows) == counted(audit, columns)
    assert len(rows) == len({row.group for row in rows})


def test_the_class_is_a_group_by_default(audit: br.Audit) -> None:
    assert audit.record.settings.data.groups == ("class", *GROUPS)
    assert facts(audit.by_group("class")) == counted(audit, [trials.subject(n=N).y.tolist()])
    trial = trials.subject()
    bare = br.audit(trial.model, (trial.x, trial.y), trials.THREAT, cascade=(br.FGSM(),))
    assert bare.record.settings.data.groups == ("class",)
    assert [row.group for row in bare.by_group("class")] == sorted(set(trial.y.tolist()))


def test_rows_stand_in_the_order_of_their_values(audit: br.Audit) -> None:
    assert [row.group for row in audit.by_group("integer")] == [-2, 9, 10]
    assert [row.group for row in audit.by_group("text")] == ["a", "b", "c"]
    assert [row.group for row in audit.by_group("flag")] == [False, True]
    pairs = [row.group for row in audit.by_group("flag", "integer")]
    assert pairs == sorted(pairs)


def test_small_groups_are_flagged_and_passed_over(audit: br.Audit) -> None:
    small = {row.group: row.small for row in audit.by_group("rare")}
    assert small == {"rare": True, "common": False, "usual": False}
    gap = audit.gap("rare")
    assert {gap.best, gap.worst} == {"common", "usual"}
    assert audit.worst_group("rare").group == gap.worst
    tiny = audit.by_group("tiny")
    assert all(row.small and row.n == 20 for row in tiny)
    assert audit.worst_group("tiny").robust_accuracy.value == min(row.robust_accuracy.value for row in tiny)


@pytest.mark.parametrize("name", ["text", "decimal", "tiny", "mixed"])
def test_worst_and_gap_hold_for_all_groups_at_once(audit: br.Audit, name: str) -> None:
    rows, worst, gap = audit.by_group(name), audit.worst_group(name), audit.gap(name)
    rates = [row.robust_accuracy.value for row in rows]
    assert worst.robust_accuracy.value == min(rates)
    assert gap.value == pytest.approx(max(rates) - min(rates))
    level = 1 - 0.05 / len(rows)
    assert worst.robust_accuracy.level == worst.clean_accuracy.level == pytest.approx(level)
    one = next(row for row in rows if row.group == worst.group)
    assert worst.robust_accuracy.low < one.robust_accuracy.low
    assert worst.robust_accuracy.high > one.robust_accuracy.high
    raised = [Rate(row.robust_accuracy.hits, row.n, level) for row in rows]
    assert gap.low == pytest.approx(max(0, max(r.low for r in raised) - min(r.high for r in raised)))
    assert gap.high == pytest.approx(max(r.high for r in raised) - min(r.low for r in raised))
    by_name = {row.group: row.robust_accuracy.value for row in rows}
    assert (by_name[gap.best], by_name[gap.worst]) == (max(rates), min(rates))


def test_one_group_has_no_gap() -> None:
    audit = trials.audit(groups={"all": ["same"] * trials.N}, cascade=(br.FGSM(),))
    gap = audit.gap("all")
    assert math.isnan(gap.value)
    assert (gap.best, gap.worst, gap.low, gap.high) == (None, None, 0.0, 1.0)
    assert audit.worst_group("all").robust_accuracy.hits == audit.robust_accuracy.hits


@pytest.mark.parametrize("ask", ["by_group", "worst_group", "gap"])
def test_an_unknown_group_is_named_with_those_there_are(whole: br.Audit, ask: str) -> None:
    with pytest.raises(InputError, match=r"no group 'fourth'.*class, third"):
        getattr(whole, ask)("fourth")
    with pytest.raises(InputError, match=r"at least one.*class, third"):
        getattr(whole, ask)()


def test_groups_of_a_group_of_its_own_name_class() -> None:
    trial = trials.subject()
    audit = trials.audit(trial, groups={"class": trial.y}, cascade=(br.FGSM(),))
    assert audit.record.settings.data.groups == ("class",)


def test_a_group_of_another_length_is_an_error() -> None:
    with pytest.raises(InputError, match="'third' has 55 values for 56 rows"):
        trials.audit(groups={"third": [0] * 55})
    with pytest.raises(InputError, match=r"shape \(56, 2\)"):
        trials.audit(groups={"third": np.zeros((56, 2))})


def test_a_shuffled_loader_beside_groups_is_an_error() -> None:
    trial = trials.subject()
    rows = TensorDataset(trial.x, trial.y)
    with pytest.raises(InputError, match="shuffle=False"):
        trials.audit(trial, data=DataLoader(rows, batch_size=8, shuffle=True))
    plain_loader = trials.audit(trial, data=DataLoader(rows, batch_size=8), cascade=(br.FGSM(),))
    assert plain_loader.by_group("third") == trials.audit(trial, cascade=(br.FGSM(),)).by_group("third")
