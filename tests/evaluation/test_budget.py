"""A budget: what is taken for one, that it is never exceeded, and what a run knows of it."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import trials
from torch import Tensor, nn

import brinell as br
from brinell.attacks import APGD, FAB, FGSM, PGD, Attack, BasinHopping, Square
from brinell.attacks.base import FORWARD
from brinell.case import make_case
from brinell.errors import InputError
from brinell.evaluation import read_budget
from brinell.evaluation.budget import Budget, Purse
from brinell.models import evaluating
from helpers import IMAGE, problem, threats


def small_audit(**options: Any) -> br.Audit:
    return trials.audit(diagnose=False, **options)


def cost(audit: br.Audit) -> float:
    """Gradients a row on average, by the record's counts."""
    stages = audit.record.stages
    return sum(stage.gradients + FORWARD * stage.forwards for stage in stages) / audit.record.settings.data.n


@pytest.mark.parametrize(
    ("text", "seconds", "gradients"),
    [
        ("30s", 30, None), ("5m", 300, None), ("1h", 3600, None), ("0.5 s", 0.5, None), (" 2.5m ", 150, None),
        ("100", None, 100), (100, None, 100), (2.5, None, 2.5), (1, None, 1),
    ],
)  # fmt: skip
def test_times_and_gradients_are_told_apart(text: Any, seconds: float | None, gradients: float | None) -> None:
    assert read_budget(text) == Budget(seconds, gradients)


@pytest.mark.parametrize(
    "text", ["0s", "0", 0, "-3", -3.0, "abc", "", "s", True, "1e9x", "1.2.3", ".", "5d", "0.5", "nan", float("inf")]
)
def test_anything_else_is_refused_with_its_value(text: Any) -> None:
    with pytest.raises(InputError, match='time above 0 such as "30s" or "5m", or at least 1 gradient a row') as refused:
        read_budget(text)
    assert f"budget is {text!r}" in str(refused.value)


def test_a_budget_says_what_it_is() -> None:
    assert [str(read_budget(text)) for text in ("2m", 100, "0.5s")] == ["120s", "100 gradients a row", "0.5s"]


@pytest.mark.parametrize("name", ["linf", "l2", "l1", "l0"])
@pytest.mark.parametrize("share", [0.01, 0.1])
def test_gradients_a_row_are_never_exceeded_and_nearly_used(name: str, share: float) -> None:
    model, x, y, _ = problem(n=24, seed=3)
    before = 1.0
    for budget in (10, 80):
        audit = br.audit(model, (x, y), threats(IMAGE, share)[name], budget=budget, diagnose=False, batch_size=12)
        assert cost(audit) <= budget
        if budget >= 60 and audit.robust_accuracy.hits > 10:
            assert cost(audit) > 0.9 * budget
        assert audit.robust_accuracy.value <= before + 0.03
        before = audit.robust_accuracy.value


ATTACKS: dict[str, Attack] = {
    "PGD": PGD(steps=9, restarts=3),
    "APGD": APGD(steps=9, samples=2),
    "targeted": APGD(steps=9, objective="dlr", targets=2),
    "Square": Square(queries=90),
    "FAB": FAB(steps=9, targets=2),
    "FAB to the nearest": FAB(steps=9, targets=0),
    "BasinHopping": BasinHopping(rounds=4, looks=4, steps=3, near=1.0),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_every_search_ends_where_its_budget_is_spent(name: str) -> None:
    model, x, y, _ = problem(classes=4, n=20, dtype=torch.float64)
    threat = threats(IMAGE, 0.01)["linf"]

    case = make_case(model, x[1:], y[1:], threat, goal=None, seed=0, batch=7)

    def spent(limit: float) -> float:
        with evaluating(model, 0):
            return ATTACKS[name].run(replace(case, enough=lambda more: more > limit)).spent

    whole = spent(1e9)
    for share in (0.2, 0.5, 0.8):
        assert 0.5 * share * whole < spent(share * whole) <= share * whole


def test_what_comes_after_is_skipped_and_costs_nothing() -> None:
    audit = small_audit(budget=1)
    first, *others = audit.record.stages
    assert 0 < first.gradients <= trials.N
    for stage in others:
        assert (stage.before, stage.gradients, stage.forwards) == (first.after, 0, 0)
        assert stage.after == first.after
    alone = small_audit(cascade=(FGSM(),))
    assert audit.robust_accuracy == alone.robust_accuracy
    assert torch.equal(audit.x_adv, alone.x_adv)


def test_more_than_enough_changes_nothing() -> None:
    assert small_audit(budget=10_000).table == small_audit().table


def test_without_a_budget_nobody_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting makes a GPU wait at every step."""

    def count(*_: Any) -> bool:
        raise AssertionError("counted")

    monkeypatch.setattr("brinell.attacks.squads._cannot_pay", count)
    small_audit(cascade=(PGD(steps=2), BasinHopping(rounds=1, looks=2, steps=2)))
    with pytest.raises(AssertionError, match="counted"):
        small_audit(budget=3)


class Slow(nn.Module):
    """A network that takes its time."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Any:
        time.sleep(0.005)
        return self.net(x)


@pytest.mark.parametrize(
    "cascade", [None, (PGD(steps=2000),), (Square(queries=2000),)], ids=["default", "PGD", "Square"]
)
def test_a_time_ends_in_time(cascade: tuple[Attack, ...] | None) -> None:
    model, x, y, _ = problem(n=24)
    slow = br.Classifier(Slow(model.net), model.bounds, normalize=None).eval()
    y = slow(x).argmax(1)
    began = time.monotonic()
    audit = br.audit(
        slow, (x, y), br.Linf(1e-4), budget="2s", cascade=cascade, batch_size=4, diagnose=False, examples="none"
    )
    assert 1.8 < time.monotonic() - began < 20
    table = audit.table.to_pydict()
    worked = [gradients + forwards for gradients, forwards in zip(table["gradients"], table["forwards"], strict=True)]
    assert min(worked[:16]) > 5


def test_time_that_a_block_leaves_goes_to_those_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("brinell.evaluation.budget.time.monotonic", lambda: now[0])
    purse = Purse(Budget(seconds=10), first=20, total=60, began=100.0)
    empty: Callable[[], list[bool]] = lambda: [purse.is_empty(at, at + 10, 0) for at in (20, 30, 50)]  # noqa: E731
    assert empty() == [False, False, False]
    now[0] = 103.0
    assert empty() == [True, False, False]
    now[0] = 110.5
    assert empty() == [True, True, True]
    assert not Purse(None, 0, 60).is_empty(0, 60, 1e12)


def test_the_record_says_the_budget_and_another_is_another_audit(tmp_path: Any) -> None:
    def stop(label: str, done: int, total: int | None) -> None:
        if label == "attacking" and done == 32:
            raise KeyboardInterrupt

    whole = small_audit(budget=6, out=tmp_path / "whole")
    assert whole.record.settings.budget == "6 gradients a row"
    assert small_audit(cascade=None, effort="quick").record.settings.budget is None
    with pytest.raises(KeyboardInterrupt):
        small_audit(budget=6, out=tmp_path / "run", progress=stop)
    with pytest.raises(InputError, match="budget is '6 gradients a row' there, '7 gradients a row' here"):
        small_audit(budget=7, out=tmp_path / "run", resume=True)
    resumed = small_audit(budget=6, out=tmp_path / "run", resume=True)
    assert resumed == whole
    assert torch.equal(resumed.x_adv, whole.x_adv)


def test_a_budget_and_each_attack_alone_exclude_each_other() -> None:
    with pytest.raises(InputError, match="budget and alone exclude each other"):
        small_audit(budget=6, alone=True)
