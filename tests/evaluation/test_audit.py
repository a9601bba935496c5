"""The audit itself: what depends on what, what the record and the folder hold, and what damage is noticed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
import trials
from safetensors.torch import load_file
from torch import Tensor, nn

import brinell as br
from brinell.case import make_case
from brinell.errors import InputError, InputMissingError, InputTypeError, OutputExistsError
from brinell.evaluation import summary
from brinell.goals import Away
from brinell.judge import judge
from brinell.models import evaluating
from brinell.models.weights import weights_sha256
from brinell.objectives import margin


def broken(audit: br.Audit) -> list[bool]:
    return [name not in (None, "clean") for name in audit.table["broken_by"].to_pylist()]


def column(audit: br.Audit, name: str) -> list[Any]:
    values: list[Any] = audit.table[name].to_pylist()
    return values


# What depends on what


def test_same_seed_same_bytes(whole: br.Audit, tmp_path: Path) -> None:
    torch.manual_seed(99)  # of no consequence
    again = trials.audit(out=tmp_path / "run")
    assert again == whole
    for name in ("run.json", "examples.parquet", "adversarial.safetensors", "gallery.safetensors"):
        assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes(), name


def test_the_diagnosis_changes_nothing_and_is_the_same_again(whole: br.Audit, diagnosed: br.Audit) -> None:
    assert diagnosed.diagnosis is not None
    assert whole.diagnosis is None
    assert diagnosed.record.stages == whole.record.stages
    assert trials.audit(diagnose=True, batch_size=trials.N) == diagnosed


def test_another_seed_differs(whole: br.Audit) -> None:
    other = trials.audit(seed=1)
    assert other != whole
    assert not torch.equal(other.x_adv, whole.x_adv)
    assert other.clean_accuracy == whole.clean_accuracy


def test_the_seed_decides_what_a_model_draws_itself() -> None:
    trial = trials.subject(n=20)
    noisy = br.Classifier(nn.Sequential(trial.model.net, Noise()), bounds=(0, 1)).double()
    one, two = (trials.audit(trial._replace(model=noisy)) for _ in range(2))
    assert one == two


class Noise(nn.Module):
    """Adds noise of the global generator to the logits."""

    def forward(self, logits: Tensor) -> Tensor:
        return logits + 0.3 * torch.randn_like(logits)


@pytest.mark.parametrize("batch_size", [3, 16, 100])
def test_the_batch_size_does_not_change_who_is_broken(whole: br.Audit, batch_size: int) -> None:
    other = trials.audit(batch_size=batch_size)
    facts = other.record.settings
    assert (facts.batch, facts.block) == (batch_size, 4 * batch_size)
    for name in ("broken_by", "clean_prediction", "adversarial_prediction", "gradients", "forwards", "id"):
        assert column(other, name) == column(whole, name)
    torch.testing.assert_close(other.x_adv, whole.x_adv, rtol=0, atol=1e-9)
    assert (other.record.stages, other.record.unstable) == (whole.record.stages, 0)


def test_alone_does_not_change_the_cascade(whole: br.Audit) -> None:
    alone = trials.audit(alone=True)
    assert column(alone, "broken_by") == column(whole, "broken_by")
    torch.testing.assert_close(alone.x_adv, whole.x_adv, rtol=0, atol=1e-9)
    labels = [stage.label for stage in alone.record.stages]
    union = np.zeros(trials.N, dtype=bool)
    for stage in alone.record.stages:
        tried = np.array(column(alone, f"alone: {stage.label}"))
        union |= tried
        by_it = np.array(column(alone, "broken_by")) == stage.label
        assert by_it.any()
        assert tried[by_it].all()
        assert stage.alone is not None
        assert stage.alone.hits == alone.clean_accuracy.hits - tried.sum()
        assert stage.alone.hits >= alone.robust_accuracy.hits
    assert union.tolist() == broken(alone)
    assert sum(column(alone, f"alone: {labels[1]}")) > 3  # also rows that FGSM broke before
    assert whole.record.stages[0].alone is None
    assert not [name for name in whole.table.column_names if name.startswith("alone")]


def test_the_counts_agree_with_each_other(whole: br.Audit) -> None:
    record, table = whole.record, whole.table
    assert record.clean.hits == trials.N - column(whole, "broken_by").count("clean") == trials.N - 1
    assert record.robust.hits == column(whole, "broken_by").count(None)
    before = record.clean.hits
    for stage in record.stages:
        assert stage.before == before
        assert stage.before - stage.after == column(whole, "broken_by").count(stage.label) > 0
        assert stage.gradients == sum(column(whole, f"gradients: {stage.label}")) > 0
        assert stage.forwards == sum(column(whole, f"forwards: {stage.label}"))
        before = stage.after
    assert before == record.robust.hits
    total = np.sum([table[f"gradients: {stage.label}"].to_numpy() for stage in record.stages], 0)
    assert total.tolist() == column(whole, "gradients")
    first = np.array(column(whole, "broken_by"), dtype=object) == "clean"
    assert total[first].tolist() == [0]  # nothing is spent on what is wrong already


# What lies in the folder


def test_broken_rows_are_broken_when_read_from_disk(whole: br.Audit) -> None:
    trial = trials.subject()
    x_adv = load_file(whole.folder / "adversarial.safetensors")["x_adv"]
    assert torch.equal(x_adv, whole.x_adv)
    rows = torch.tensor(broken(whole))
    with torch.no_grad():
        logits = trial.model(x_adv)
    assert (margin(logits, trial.y)[rows] > 0).all()
    standing = torch.tensor([name is None for name in column(whole, "broken_by")])
    assert (margin(logits, trial.y)[standing] <= 0).all()
    assert trials.THREAT.contains(x_adv, trial.x).all()
    assert ((x_adv >= 0) & (x_adv <= 1)).all()
    assert torch.equal(x_adv[~rows & ~standing], trial.x[~rows & ~standing])
    assert (x_adv[standing] != trial.x[standing]).flatten(1).any(1).all()  # the best attempt
    with evaluating(trial.model):
        case = make_case(trial.model, trial.x, trial.y, trials.THREAT, goal=Away(), seed=0)
        verdict = judge(case, x_adv)
    assert verdict.prediction.tolist() == column(whole, "adversarial_prediction")
    np.testing.assert_allclose(verdict.distance, column(whole, "distance"), rtol=1e-6)


def test_the_table_has_a_row_for_each_example(whole: br.Audit) -> None:
    trial, table = trials.subject(), whole.table
    documented = [
        "id", "label", "group_class", "group_third", "clean_prediction", "clean_confidence", "broken_by",
        "adversarial_prediction", "adversarial_confidence", "distance", "gradients", "forwards", "unstable",
    ]  # fmt: skip
    assert table.column_names[: len(documented)] == documented
    assert column(whole, "id") == list(range(trials.N))
    assert column(whole, "label") == column(whole, "group_class") == trial.y.tolist()
    assert column(whole, "group_third") == [i % 3 for i in range(trials.N)]
    with torch.no_grad():
        shares = trial.model(trial.x).softmax(1)
        assert column(whole, "clean_prediction") == shares.argmax(1).tolist()
        np.testing.assert_allclose(column(whole, "clean_confidence"), shares.amax(1), rtol=1e-6)
        shares = trial.model(whole.x_adv).softmax(1)
        taken = torch.tensor(column(whole, "adversarial_prediction"))[:, None]
        np.testing.assert_allclose(column(whole, "adversarial_confidence"), shares.gather(1, taken)[:, 0], rtol=1e-6)
    assert set(table.schema.types) == {pa.int64(), pa.string(), pa.float32(), pa.bool_()}


def test_read_back_it_is_equal(whole: br.Audit, tmp_path: Path) -> None:
    saved = whole.save(tmp_path / "deep" / "copy")
    again = br.load_audit(saved)
    assert again == whole
    assert torch.equal(again.x_adv, whole.x_adv)
    assert summary(again) == summary(whole)
    assert str(again) == str(whole)
    assert again.by_group("class", "third") == whole.by_group("class", "third")
    with pytest.raises(OutputExistsError, match="another"):
        whole.save(saved)
    assert (whole == 3) is False


def test_the_folder_holds_nothing_else(whole: br.Audit) -> None:
    assert {path.name for path in whole.folder.iterdir()} == {
        "run.json", "examples.parquet", "adversarial.safetensors", "gallery.safetensors", "clock.json",
    }  # fmt: skip


def test_without_a_folder_the_files_live_as_long_as_the_audit() -> None:
    audit = trials.audit(cascade=(br.FGSM(),))
    folder = audit.folder
    assert (folder / "run.json").is_file()
    del audit
    assert not folder.parent.exists()


def test_the_inputs_are_mapped_and_changes_stay_in_memory(whole: br.Audit) -> None:
    before = (whole.folder / "adversarial.safetensors").read_bytes()
    x_adv = whole.x_adv
    x_adv += 1
    assert (whole.folder / "adversarial.safetensors").read_bytes() == before
    assert not torch.equal(whole.x_adv, x_adv)


def test_the_record_is_enough_to_run_it_again(whole: br.Audit, tmp_path: Path) -> None:
    facts = json.loads((whole.folder / "run.json").read_text())["settings"]
    kinds = {"FGSM": br.FGSM, "PGD": br.PGD}
    cascade = tuple(kinds[attack["kind"]](**attack["parameters"]) for attack in facts["cascade"])
    assert cascade == trials.CASCADE
    assert facts["model"]["sha256"] == weights_sha256(trials.subject().model)
    again = trials.audit(
        threat=br.threat(facts["threat"]), cascade=cascade, seed=facts["seed"], batch_size=facts["batch"],
        examples=facts["examples"], alone=facts["alone"],
    )  # fmt: skip
    assert again.record == whole.record
    assert (facts["data"]["n"], facts["data"]["shape"]) == (trials.N, [3, 4, 4])
    assert facts["precision"] == "float64"
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["versions"]["threads"] == 1


def test_the_record_says_in_which_precision_the_network_works() -> None:
    trial = trials.subject()
    trial.model.net.bfloat16()
    assert trials.audit(trial).record.settings.precision == "bfloat16"


def test_without_examples_no_inputs_are_kept(whole: br.Audit, tmp_path: Path) -> None:
    audit = trials.audit(examples="none", out=tmp_path / "run")
    assert not list(audit.folder.glob("*.safetensors"))
    assert column(audit, "broken_by") == column(whole, "broken_by")
    with pytest.raises(InputMissingError, match="without keeping its examples"):
        _ = audit.x_adv
    with pytest.raises(InputError, match='"all" or "none"'):
        trials.audit(examples="some")


# Wrong use


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"effort": "enormous", "cascade": None}, "quick, standard, thorough"),
        ({"cascade": "enormous"}, "quick, standard, thorough"),
        ({"cascade": ()}, "empty"),
        ({"cascade": (br.PGD,)}, r"PGD\(\)"),
        ({"cascade": ("PGD",)}, "PGD"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"batch_size": 16.0}, r"batch size is 16\.0; it must be a whole number"),
        ({"seed": -1}, "seed is -1; it must be at least 0"),
        ({"seed": 0.5}, "whole number"),
        ({"threat": "linf:0.3"}, "pass a threat set"),
        ({"threat": br.Linf(8)}, "8"),
        ({"goal": 3}, "goal"),
        ({"goal": br.Toward(3)}, "0..2"),
        ({"groups": {"site": [1, 2]}}, "2 values for 56 rows"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_written(tmp_path: Path, options: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        trials.audit(out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_bare_network_is_refused() -> None:
    trial = trials.subject()
    with pytest.raises(InputTypeError, match="Classifier"):
        br.audit(trial.model.net, (trial.x, trial.y), trials.THREAT)  # type: ignore[arg-type]


@pytest.mark.parametrize("row", [0, 17, 55])
def test_bad_rows_are_named_before_the_first_attack(tmp_path: Path, row: int) -> None:
    trial = trials.subject()
    for place, value, text in (("x", torch.nan, f"row {row}"), ("x", 2.0, "bounds"), ("y", 3, f"of row {row}")):
        x, y = trial.x.clone(), trial.y.clone()
        (x if place == "x" else y)[row] = value
        with pytest.raises(InputError, match=text):
            trials.audit(data=(x, y), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
