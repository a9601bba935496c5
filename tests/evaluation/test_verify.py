"""A run folder is checked: all is fine, or what was changed is named, wherever it was changed."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import trials
from torch import nn

import brinell as br
from brinell.errors import InputError, InputMissingError, InputTypeError
from brinell.evaluation import read_record
from brinell.facts import write_json

FILES = ("run.json", "examples.parquet", "adversarial.safetensors", "gallery.safetensors", "clock.json")
Change = Callable[[list[Any]], list[Any]]


@pytest.fixture
def copy(whole: br.Audit, tmp_path: Path) -> Path:
    return whole.save(tmp_path / "copy")


def verify(folder: Path, trial: Any = None, **options: Any) -> br.Verification:
    trial = trial or trials.subject()
    groups = {"third": [i % 3 for i in range(len(trial.x))]}
    return br.verify(folder, trial.model, (trial.x, trial.y), **({"groups": groups} | options))


def said(found: br.Verification, what: str) -> str:
    return " ".join(finding.text for finding in found.findings if finding.what == what)


def reseal(folder: Path) -> None:
    """Make the hashes fit what the files hold now: a forger who knows how the record is sealed."""
    record = read_record(folder / "run.json")
    from brinell.evaluation.folder import RunFolder

    write_json(record.model_copy(update={"files": RunFolder(folder).hashes()}).sealed(), folder / "run.json")


def edit_record(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    facts = json.loads((folder / "run.json").read_text())
    change(facts)
    (folder / "run.json").write_text(json.dumps(facts, indent=2) + "\n")


def edit_column(folder: Path, name: str, change: Change) -> None:
    path = folder / "examples.parquet"
    table = pq.read_table(path)
    values = pa.array(change(table[name].to_pylist()), table[name].type)
    pq.write_table(table.set_column(table.column_names.index(name), name, values), path)


# All is fine


def test_a_run_as_it_was_written_is_fine(whole: br.Audit) -> None:
    found = verify(whole.folder)
    assert (found.fine, found.findings, found.examples, found.notes) == (True, (), trials.N, ())
    assert list(found) == []
    assert not found
    assert "judging 56 saved examples again" in str(found)


@pytest.mark.parametrize("options", [{"alone": True}, {"goal": br.Toward(1)}, {"batch_size": 100}], ids=str)
def test_other_kinds_of_runs_are_fine(tmp_path: Path, options: dict[str, Any]) -> None:
    trials.audit(out=tmp_path / "run", diagnose=False, **options)
    assert verify(tmp_path / "run").fine


class Noise(nn.Module):
    """Adds noise of the global generator to the logits."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return logits + 0.3 * torch.randn_like(logits)


def test_a_model_that_draws_by_itself_is_judged_with_the_same_draws(tmp_path: Path) -> None:
    trial = trials.subject()
    noisy = trial._replace(model=br.Classifier(nn.Sequential(trial.model.net, Noise()), bounds=(0, 1)).double())
    trials.audit(noisy, out=tmp_path / "run", diagnose=False)
    torch.manual_seed(5)
    assert verify(tmp_path / "run", noisy).fine


def test_without_examples_the_rest_is_checked(tmp_path: Path) -> None:
    trials.audit(out=tmp_path / "run", examples="none", diagnose=False)
    found = verify(tmp_path / "run")
    assert found.fine
    assert found.examples == 0
    assert "kept no examples" in str(found)
    edit_column(tmp_path / "run", "clean_prediction", lambda values: [*values[:-1], (values[-1] + 1) % 3])
    assert "clean_prediction of 1 row is" in said(verify(tmp_path / "run"), "examples.parquet")


def test_a_lost_clock_is_no_finding(copy: Path) -> None:
    (copy / "clock.json").unlink()
    assert verify(copy).fine


def test_each_row_with_its_own_wanted_label(tmp_path: Path) -> None:
    trial = trials.subject()
    goal = br.Toward((trial.y + 1) % 3)
    trials.audit(trial, out=tmp_path / "run", goal=goal, diagnose=False)
    assert verify(tmp_path / "run", goal=goal).fine
    with pytest.raises(InputError, match=r"pass goal=Toward\(labels\)"):
        verify(tmp_path / "run")
    with pytest.raises(InputError, match="pass the same labels"):
        verify(tmp_path / "run", goal=br.Toward((trial.y + 2) % 3))


# Every change is named


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.02, 0.3, 0.77, 1.0])
def test_a_flipped_byte_is_found_in_any_file(copy: Path, name: str, place: float) -> None:
    content = bytearray((copy / name).read_bytes())
    content[round(place * (len(content) - 1))] ^= 1
    (copy / name).write_bytes(content)
    found = verify(copy)
    assert not found.fine
    assert name in {finding.what for finding in found}
    assert len(found) == len(found.findings)


@pytest.mark.parametrize("name", FILES[1:4])
def test_a_missing_file_is_found(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert "missing" in said(verify(copy), name)


def test_a_reformatted_record_is_found(copy: Path) -> None:
    facts = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(facts))
    assert "edited, though its facts are the same" in said(verify(copy), "run.json")


def test_a_damaged_record_is_a_finding(copy: Path) -> None:
    (copy / "run.json").write_text("{")
    assert "damaged" in said(verify(copy), "run.json")


NUMBERS: dict[str, Callable[[dict[str, Any]], None]] = {
    "clean.hits": lambda facts: facts["clean"].update(hits=facts["clean"]["hits"] + 1),
    "robust.hits": lambda facts: facts["robust"].update(hits=facts["robust"]["hits"] + 9),
    "robust.n": lambda facts: facts["robust"].update(n=facts["robust"]["n"] - 9),
    "stages[1].before": lambda facts: facts["stages"][1].update(before=3),
    "stages[1].gradients": lambda facts: facts["stages"][1].update(gradients=3),
    "stages[2].refused": lambda facts: facts["stages"][2].update(refused=3),
    "stages[2].curve[1][1]": lambda facts: facts["stages"][2]["curve"][1].__setitem__(1, 99),
    "unstable": lambda facts: facts.update(unstable=1),
    "doubling.broken": lambda facts: facts["doubling"].update(broken=0),
    "doubling": lambda facts: facts.update(doubling=None),
    "eight_bits.hits": lambda facts: facts["eight_bits"].update(hits=0),
}


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("number", NUMBERS)
def test_an_edited_number_is_named(copy: Path, number: str, sealed: bool) -> None:
    edit_record(copy, NUMBERS[number])
    if sealed:
        reseal(copy)
    text = said(verify(copy), "run.json")
    assert f"{number} is " in text
    assert ("edited" in text) is not sealed


SETTINGS: list[tuple[str, Any]] = [
    ("seed", 7), ("goal", "awax"), ("goal", "toward 9"), ("block", 0), ("block", 7), ("batch", 0), ("batch", 3),
    ("threat", "linf:9"), ("alone", True), ("examples", "none"), ("cascade", []), ("precision", "float8"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), SETTINGS)
def test_an_edited_setting_breaks_the_seal(copy: Path, name: str, value: Any) -> None:
    edit_record(copy, lambda facts: facts["settings"].update({name: value}))
    assert re.search("edited|damaged", said(verify(copy), "run.json"))


@pytest.mark.parametrize("threat", ["linf:0.01", "garbage:1"])
def test_another_threat_set_is_not_believed(copy: Path, threat: str) -> None:
    edit_record(copy, lambda facts: facts["settings"].update(threat=threat))
    reseal(copy)
    assert not verify(copy).fine


def first_broken(values: list[Any]) -> int:
    return next(i for i, value in enumerate(values) if value not in (None, "clean"))


def now_stands(values: list[Any]) -> list[Any]:
    row = first_broken(values)
    return [*values[:row], None, *values[row + 1 :]]


def now_broken(values: list[Any]) -> list[Any]:
    row = values.index(None)
    return [*values[:row], "FGSM", *values[row + 1 :]]


COLUMNS: dict[str, tuple[str, Change, str]] = {
    "a broken row stands": ("broken_by", now_stands, "the judge finds it broken"),
    "a standing row is broken": ("broken_by", now_broken, "the judge finds it standing"),
    "an unknown attack": ("broken_by", lambda v: ["Magic" if x else x for x in v], "names no attack of the cascade"),
    "unstable": ("unstable", lambda v: [not v[0], *v[1:]], "judged otherwise than the table says"),
    "distance": ("distance", lambda v: [x / 2 for x in v], "distance of"),
    "prediction": ("adversarial_prediction", lambda v: [(x + 1) % 3 for x in v], "adversarial_prediction of 56 rows"),
    "clean": ("clean_prediction", lambda v: [*v[:-1], (v[-1] + 1) % 3], "clean_prediction of 1 row is"),
    "label": ("label", lambda v: [*v[:-1], (v[-1] + 1) % 3], "label of 1 row is"),
    "group": ("group_third", lambda v: v[::-1], "group_third of"),
    "id": ("id", lambda v: v[::-1], "id of 56 rows are"),
    "eight bits": ("eight_bits", lambda v: [None if x is None else not x for x in v], "eight_bits of"),
    "gradients": ("gradients", lambda v: [x + 1 for x in v], "gradients is not the sum over the attacks in 56 rows"),
    "forwards": ("forwards: FGSM", lambda v: [x - 1 for x in v], "forwards are below 0 in 56 rows"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_an_edited_table_is_found_even_by_a_forger(copy: Path, name: str) -> None:
    """The record is made anew from the edited table, and sealed: only the judge and the data can tell."""
    from brinell.evaluation.files import EXAMPLES, read_table
    from brinell.evaluation.tally import add_up

    column, change, words = COLUMNS[name]
    edit_column(copy, column, change)
    plain = said(verify(copy), "examples.parquet")
    assert "the file was changed" in plain
    record = read_record(copy / "run.json")
    write_json(add_up(record.settings, record.warnings, [read_table(copy / EXAMPLES)]), copy / "run.json")
    reseal(copy)
    found = verify(copy)
    assert words in said(found, "examples.parquet")
    assert "the file was changed" not in str(found)


def test_a_diagnosis_is_made_anew(diagnosed: br.Audit, tmp_path: Path) -> None:
    copy = diagnosed.save(tmp_path / "copy")
    assert verify(copy).fine
    record = read_record(copy / "run.json")
    assert record.diagnosis is not None
    first, *others = record.diagnosis.findings
    better = first.model_copy(update={"outcome": "ok", "figures": "all is well."})
    for findings in ((better, *others), tuple(others)):
        forged = record.model_copy(update={"diagnosis": br.Diagnosis(rows=record.diagnosis.rows, findings=findings)})
        write_json(forged.sealed(), copy / "run.json")
        assert f"{first.name}: two passes" in said(verify(copy), "run.json")
    write_json(record.model_copy(update={"diagnosis": None}).sealed(), copy / "run.json")
    assert "the diagnosis is missing" in said(verify(copy), "run.json")


def test_gradients_after_the_fall_are_found(copy: Path) -> None:
    last = [attack.label for attack in read_record(copy / "run.json").settings.cascade][-1]
    edit_column(copy, f"gradients: {last}", lambda values: [value + 1 for value in values])
    edit_column(copy, "gradients", lambda values: [value + 1 for value in values])
    assert "gradients were spent after the row fell" in said(verify(copy), "examples.parquet")


def test_examples_that_are_no_examples_are_found(copy: Path) -> None:
    """The clean inputs in their place, and every hash made to fit."""
    path = copy / "adversarial.safetensors"
    content = path.read_bytes()
    x = trials.subject().x.numpy().astype("<f8").tobytes()
    path.write_bytes(content[: len(content) - len(x)] + x)
    reseal(copy)
    found = verify(copy)
    assert "the judge finds it standing" in said(found, "examples.parquet")
    assert "distance of" in said(found, "examples.parquet")


def test_examples_of_another_shape_are_found(copy: Path) -> None:
    path = copy / "adversarial.safetensors"
    path.write_bytes(
        path.read_bytes().replace(b"[56,3,4,4]", b"[56,4,3,4]").replace(b"[56, 3, 4, 4]", b"[56, 4, 3, 4]")
    )
    reseal(copy)
    assert "the saved examples have shape (56, 4, 3, 4)" in str(verify(copy))


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("distance", ["far"] * trials.N, "the column 'distance' is string, not float"),
        ("gradients: FGSM", [0.5] * trials.N, "is double, not int64"),
        ("label", [None, *[1] * (trials.N - 1)], "'label' is missing in 1 rows"),
    ],
)
def test_a_column_of_another_kind_is_found(copy: Path, column: str, values: list[Any], says: str) -> None:
    path = copy / "examples.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index(column), column, pa.array(values)), path)
    with pytest.raises(InputError, match=says):
        br.load_audit(copy)
    reseal(copy)
    assert says in str(verify(copy))


def test_a_table_without_a_column_is_an_input_error(copy: Path) -> None:
    path = copy / "examples.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["distance"]), path)
    with pytest.raises(InputError, match=r"examples\.parquet has no column 'distance'"):
        br.load_audit(copy)
    found = verify(copy)
    assert "the file was changed" in said(found, "examples.parquet")
    assert "has no column 'distance'" in str(found)


# Another model, other data


def test_another_model_is_named(whole: br.Audit) -> None:
    trial = trials.subject()
    with torch.no_grad():
        next(trial.model.net.parameters())[0, 0] += 1e-9
    found = verify(whole.folder, trial)
    assert "weights' sha256: " in said(found, "the model")
    assert "not judged again" in str(found)
    bounds = br.Classifier(trials.subject().model.net, (0.0, 2.0), normalize=(0.5, 0.5)).double()
    found = verify(whole.folder, trial._replace(model=bounds))
    assert "bounds: (0, 1) in the record, (0, 2) here" in said(found, "the model")


@pytest.mark.parametrize("change", ["x", "y", "order", "fewer", "groups"])
def test_other_data_are_named(whole: br.Audit, change: str) -> None:
    trial = trials.subject()
    x, y, more = trial.x.clone(), trial.y.clone(), {}
    if change == "x":
        x[3, 0, 0, 0] += 1e-3 if x[3, 0, 0, 0] < 0.5 else -1e-3
    elif change == "y":
        y[3] = (y[3] + 1) % 3
    elif change == "order":
        x, y = x.flip(0), y.flip(0)
    elif change == "fewer":
        x, y = x[:-1], y[:-1]
    else:
        more = {"groups": None}
    found = verify(whole.folder, trial._replace(x=x, y=y), **more)
    text = said(found, "the data")
    assert "sha256: " in text
    assert ("rows: 56 in the record, 55 here" in text) is (change == "fewer")
    assert ("groups: " in text) is (change == "groups")


def test_wrong_use(whole: br.Audit, tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match="no finished audit"):
        verify(tmp_path)
    with pytest.raises(InputTypeError, match="Classifier"):
        br.verify(whole.folder, trials.subject().model.net, (np.zeros((2, 3)), [0, 1]))  # type: ignore[arg-type]


def test_the_model_is_left_as_it_was(whole: br.Audit) -> None:
    trial = trials.subject()
    trial.model.train()
    verify(whole.folder, trial)
    assert trial.model.training
    assert all(parameter.requires_grad for parameter in trial.model.parameters())
