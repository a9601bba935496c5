"""How robust accuracy fell as effort was spent: curves and the second half, from the table alone."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import trials

import brinell as br
from brinell.evaluation.record import StageResult
from brinell.evaluation.tally import add_up
from brinell.report.words import at_8_bits, converged, refused


def tables(audit: br.Audit, rows: list[dict[str, Any]], size: int) -> list[pa.Table]:
    """Tables of an audit with two attacks, A and B, from what is said of each row, in parts of ``size``."""
    full = []
    for row in rows:
        costs = {
            f"{unit}: {label}": row.get(f"{unit}: {label}", 0) for unit in ("gradients", "forwards") for label in "AB"
        }
        base = {"label": 0, "clean_prediction": int(row["by"] == "clean"), "broken_by": row["by"], "unstable": False}
        full.append(base | costs | {"refused: A": row.get("refused", False), "refused: B": False})
    schema = pa.Table.from_pylist(full).schema
    schema = schema.set(schema.get_field_index("broken_by"), pa.field("broken_by", pa.string()))
    return [pa.Table.from_pylist(full[i : i + size], schema) for i in range(0, len(full), size)]


def recorded(audit: br.Audit, rows: list[dict[str, Any]], size: int = 100) -> Any:
    facts = audit.record.settings
    attack = facts.cascade[0]
    changed = facts.model_copy(update={
        "cascade": tuple(attack.model_copy(update={"label": label}) for label in "AB"),
        "data": facts.data.model_copy(update={"n": len(rows)}),
    })  # fmt: skip
    return add_up(changed, (), tables(audit, rows, size))


def row(by: str | None, a: int = 0, b: int = 0, unit: str = "gradients", **more: Any) -> dict[str, Any]:
    return {"by": by, f"{unit}: A": a, f"{unit}: B": b} | more


KNOWN = [
    row("clean"), row("A", 1), row("A", 3), row("A", 3), row("A", 10), row("B", 10, 6), row("B", 10, 20),
    row(None, 10, 20), row(None, 10, 20),
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 4, 100])
def test_a_curve_counts_the_rows_that_stand_at_every_doubling(whole: br.Audit, size: int) -> None:
    record = recorded(whole, KNOWN, size)
    first, second = record.stages
    assert first.curve == ((0, 8), (1, 7), (2, 7), (4, 5), (8, 5), (10, 4))
    assert second.curve == ((0, 4), (1, 4), (2, 4), (4, 4), (8, 3), (16, 3), (20, 2))
    assert (first.unit, first.before, first.after, second.before, second.after) == ("gradients", 8, 4, 4, 2)


@pytest.mark.parametrize("size", [1, 4, 100])
def test_the_second_half_is_that_of_the_whole_cascade(whole: br.Audit, size: int) -> None:
    record = recorded(whole, KNOWN, size)
    assert record.doubling.model_dump() == {"unit": "gradients", "spent": 30.0, "broken": 2}  # after 16 and after 30
    words = converged(record)
    assert words == (
        "The second half of the gradients broke 2 of 9 rows: the search has not converged, and more of them may break "
        "more."
    )


def test_where_nothing_fell_late_it_has_converged_and_says_what_that_is_worth(whole: br.Audit) -> None:
    record = recorded(whole, [row("A", 2), row(None, 10, 20)])
    assert record.doubling.broken == 0
    assert "broke none of 2 rows" in converged(record)
    assert "others still may" in converged(record)


def test_queries_count_where_there_are_no_gradients(whole: br.Audit) -> None:
    record = recorded(whole, [row("A", 40, unit="forwards"), row(None, 50, 0, unit="forwards")])
    assert record.stages[0].unit == "forwards"
    assert record.stages[0].curve[-2:] == ((32, 2), (50, 1))
    assert record.doubling.model_dump() == {"unit": "forwards", "spent": 50.0, "broken": 1}
    assert "second half of the queries broke 1 of 2 rows" in converged(record)


def test_where_queries_outweigh_gradients_passes_are_counted(whole: br.Audit) -> None:
    """Who falls to the queries at the end did not fall to gradients, and is not said to."""
    mixed = [
        row("A", 10), row("B", 10) | {"forwards: B": 30}, row("B", 10) | {"forwards: B": 80},
        row(None, 10, 5) | {"forwards: B": 100},
    ]  # fmt: skip
    record = recorded(whole, mixed)
    assert [stage.unit for stage in record.stages] == ["gradients", "passes"]
    assert record.stages[1].curve == ((0, 3), (1, 3), (2, 3), (4, 3), (8, 3), (16, 3), (32, 2), (64, 2), (110, 1))
    assert record.doubling.model_dump() == {"unit": "passes", "spent": 130.0, "broken": 1}  # at 50 and at 100, of 130
    assert "second half of the passes (a gradient is two, forward and backward) broke 1 of 4" in converged(record)


def test_what_is_undefined_is_said_to_be(whole: br.Audit) -> None:
    fallen = recorded(whole, [row("A", 3), row("clean")])
    assert fallen.doubling is None
    assert "No row stands" in converged(fallen)
    free = recorded(whole, [row("A"), row(None)])
    assert free.doubling is None
    assert free.stages[0].curve == ((0, 1),)
    assert "nothing can be said" in converged(free)


def test_refused_candidates_are_counted(whole: br.Audit) -> None:
    record = recorded(whole, [row(None, refused=True), row(None, refused=True), row(None)])
    assert [stage.refused for stage in record.stages] == [2, 0]
    assert "candidates 2 of A." in (refused(record) or "")
    assert refused(recorded(whole, KNOWN)) is None
    assert at_8_bits(record) is None


@pytest.mark.parametrize("alone", [False, True])
def test_an_audit_has_the_curves_of_its_table(alone: bool) -> None:
    audit = trials.audit(alone=alone, examples="none")
    table = audit.table
    by = np.array(table["broken_by"].to_pylist(), dtype=object)
    late = np.zeros(trials.N, dtype=np.int64)
    for stage in audit.record.stages:
        spent = table[f"gradients: {stage.label}"].to_numpy()
        _check_curve(stage, spent, by)
        late = np.where(np.isin(by, [None, *_from(audit, stage.label)]), late + spent, late)
    assert audit.record.doubling is not None
    whole = late[by == None].mean()  # noqa: E711 - elementwise
    fell = ~np.isin(by, [None, "clean"])
    assert audit.record.doubling.spent == whole
    assert audit.record.doubling.broken == int((late[fell] > whole / 2).sum()) > 0


def _from(audit: br.Audit, label: str) -> list[str]:
    labels = [stage.label for stage in audit.record.stages]
    return labels[labels.index(label) :]


def _check_curve(stage: StageResult, spent: Any, by: Any) -> None:
    assert [step for step, _ in stage.curve][:3] == [0, 1, 2][: len(stage.curve)]
    assert stage.curve[-1] == (spent.max(), stage.after)
    for step, standing in stage.curve:
        assert standing == stage.before - int(((by == stage.label) & (spent <= step)).sum())


def test_alone_changes_no_curve_of_the_cascade() -> None:
    one, other = (trials.audit(alone=alone, examples="none").record for alone in (False, True))
    assert one.doubling == other.doubling
    for left, right in zip(one.stages, other.stages, strict=True):
        shared = dict(left.curve).keys() & dict(right.curve).keys()
        assert len(shared) >= len(left.curve) - 1  # alone an attack may have to spend more on rows that fell before
        assert {step: dict(left.curve)[step] for step in shared} == {step: dict(right.curve)[step] for step in shared}
