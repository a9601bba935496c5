"""Names of classes and columns: in the record, shown wherever people read, and no matter to any number."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trials

import brinell as br
from brinell.data import Arrays, columns_of, read
from brinell.evaluation import read_demands, read_record, summary
from brinell.evaluation.labels import Label, labels_of
from brinell.facts import as_json
from helpers import Space, problem

CLASSES = ("stop sign", "<script>", "yield")
COLUMNS = ("age", "hours & days", "gain")


def source(n: int = 90, **names: Any) -> tuple[Any, Arrays]:
    trial = problem(Space((3,), 0.0, 1.0), n=n, dtype=torch.float64, seed=6)
    third = {"third": [f"t{i % 3}" for i in range(n)]}
    return trial, Arrays(trial.x, trial.y, groups=third, **({"classes": CLASSES, "columns": COLUMNS} | names))


def audited(data: Any, trial: Any, **options: Any) -> br.Audit:
    return br.audit(trial.model, data, trials.THREAT, **({"cascade": (br.FGSM(),), "diagnose": False} | options))


@pytest.fixture(scope="module")
def audit(one_thread: None) -> br.Audit:
    trial, rows = source()
    return audited(rows, trial)


# --- labels -----------------------------------------------------------------------------------------------------


def test_a_label_counts_as_its_number_and_reads_as_its_name() -> None:
    label = Label(7, "Stop")
    assert label == 7
    assert {7: "seven"}[label] == "seven"
    assert sorted([Label(2, "a"), Label(1, "b")]) == [1, 2]
    assert f"{label}" == str(label) == "Stop"
    assert repr([label]) == "[7 (Stop)]"
    assert json.dumps([label]) == "[7]"


@pytest.mark.parametrize("classes", [None, ()])
def test_no_names_no_labels(classes: Any) -> None:
    assert labels_of(classes) == {}


def test_a_name_that_two_classes_share_is_told_apart_by_the_number() -> None:
    assert [str(label) for label in labels_of(("cat", "dog", "cat", "")).values()] == [
        "cat (0)",
        "dog",
        "cat (2)",
        "(3)",
    ]


# --- the record -------------------------------------------------------------------------------------------------


def test_the_record_has_the_names_of_the_data(audit: br.Audit) -> None:
    facts = audit.record.settings.data
    assert (facts.classes, facts.columns) == (CLASSES, COLUMNS)
    written = json.loads((audit.folder / "run.json").read_text())["settings"]["data"]
    assert (written["classes"], written["columns"]) == (list(CLASSES), list(COLUMNS))


def test_names_decide_no_number(audit: br.Audit) -> None:
    trial, rows = source(classes=None, columns=None)
    plain = audited(rows, trial)
    assert plain.record.settings.data.classes is plain.record.settings.data.columns is None
    assert plain.record.stages == audit.record.stages
    assert plain.record.settings.data.sha256 == audit.record.settings.data.sha256
    assert plain.table.equals(audit.table)
    assert plain.by_group("class") == audit.by_group("class")


def test_a_model_that_names_its_classes_does_where_the_data_do_not() -> None:
    trial, rows = source(classes=None)
    trial.model.classes = CLASSES
    assert audited(rows, trial).record.settings.data.classes == CLASSES


def test_names_survive_a_choice_of_rows_and_groups_that_are_added() -> None:
    trial, rows = source()
    few = br.audit(
        trial.model, read(rows, {"half": [i % 2 for i in range(90)]}), trials.THREAT, cascade=(br.FGSM(),),
        diagnose=False,
    )  # fmt: skip
    assert (few.record.settings.data.classes, few.record.settings.data.columns) == (CLASSES, COLUMNS)


class Frame:
    """As much of a data frame as numpy needs."""

    columns = ("a", "b", "c")

    def __init__(self, values: Any) -> None:
        self._values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self._values, dtype)


def test_a_data_frame_names_its_columns() -> None:
    trial, _ = source()
    assert columns_of(read((Frame(trial.x.numpy()), trial.y))) == ("a", "b", "c")
    assert columns_of(read((trial.x, trial.y))) is None


def test_an_npz_file_can_hold_names(tmp_path: Path) -> None:
    trial, _ = source()
    np.savez(tmp_path / "a.npz", x=trial.x, y=trial.y, classes=np.array(CLASSES), columns=np.array(COLUMNS))
    found: Any = read(tmp_path / "a.npz")
    assert (found.classes, found.columns, dict(found.groups)) == (CLASSES, COLUMNS, {})


# --- what is shown ----------------------------------------------------------------------------------------------


def test_groups_read_by_name_and_are_numbers_still(audit: br.Audit) -> None:
    rows = audit.by_group("class")
    assert [row.group for row in rows] == [0, 1, 2]
    assert [str(row.group) for row in rows] == list(CLASSES)
    assert str(audit.worst_group("class").group) in CLASSES
    assert {str(audit.gap("class").best), str(audit.gap("class").worst)} < set(CLASSES)
    assert {str(row.group[0]) for row in audit.by_group("class", "third")} == set(CLASSES)
    assert [row["name"] for row in summary(audit)["groups"]["class"]["rows"]] == list(CLASSES)
    assert audit.to_pandas("class")["class_name"].tolist() == list(CLASSES)
    assert audit.to_pandas("class")["class"].tolist() == [0, 1, 2]


def test_a_group_called_class_that_is_something_else_keeps_its_values() -> None:
    """The cabin of a passenger, say."""
    trial, rows = source()
    cabin = audited(read(rows, {"class": [1 + i % 3 for i in range(90)]}), trial)
    assert [str(row.group) for row in cabin.by_group("class")] == ["1", "2", "3"]


def test_demands_and_comparisons_say_names(audit: br.Audit) -> None:
    (demand,) = read_demands(["worst_group:class>=0.99"])
    assert any(f"class {name} is" in demand.check(audit).words for name in CLASSES)
    assert [str(each.group) for each in br.compare(audit, audit).groups["class"]] == list(CLASSES)


# --- records from before there were names -----------------------------------------------------------------------


def seal_as_it_was(facts: dict[str, Any]) -> str:
    """Over every fact of the file."""
    told = {name: value for name, value in facts.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def test_a_record_from_before_is_read_and_its_seal_holds() -> None:
    path = Path(__file__).with_name("run-before-names.json")
    record = read_record(path)
    assert record.settings.data.classes is record.settings.data.columns is None
    assert record.seal == record.sha256 == seal_as_it_was(json.loads(path.read_text()))
    assert as_json(record) == path.read_text()


def test_a_run_folder_from_before_is_verified(tmp_path: Path) -> None:
    trial, rows = source(classes=None, columns=None)
    audited(rows, trial, out=tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    facts = json.loads(path.read_text())
    assert [facts["settings"]["data"].pop(name) for name in ("classes", "columns")] == [None, None]
    path.write_text(json.dumps(facts, indent=2) + "\n")
    assert br.verify(tmp_path / "run", trial.model, rows).findings  # a fact is gone, and the seal says so
    path.write_text(json.dumps(facts | {"sha256": seal_as_it_was(facts)}, indent=2) + "\n")
    assert br.verify(tmp_path / "run", trial.model, rows).findings == ()
    assert br.verify(tmp_path / "run", trial.model, source()[1]).findings == ()


def test_other_names_than_those_of_the_data_are_found(tmp_path: Path) -> None:
    trial, rows = source()
    audited(rows, trial, out=tmp_path / "run")
    assert br.verify(tmp_path / "run", trial.model, rows).findings == ()
    _, others = source(classes=("stop sign", "yield", "<script>"))
    (found,) = br.verify(tmp_path / "run", trial.model, others).findings
    assert "names of classes" in found.text
    _, nameless = source(classes=None, columns=None)
    assert br.verify(tmp_path / "run", trial.model, nameless).findings == ()
