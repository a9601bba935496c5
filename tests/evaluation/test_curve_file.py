"""A curve stands beside the record that it belongs to, and beside no other."""

import json
from pathlib import Path
from typing import Any

import pytest
import trials

import brinell as br
from brinell.errors import InputError, InputMissingError
from brinell.evaluation.curve import read_curve


@pytest.fixture(scope="module")
def curve() -> br.RobustnessCurve:
    trial = trials.subject()
    return br.robustness_curve(trial.model, (trial.x, trial.y), br.Linf(0.12), shares=(0.5, 1), cascade=(br.FGSM(),))


@pytest.fixture
def run(whole: br.Audit, tmp_path: Path) -> Path:
    return whole.save(tmp_path / "run")


def test_saved_and_read_it_is_the_same(curve: br.RobustnessCurve, run: Path) -> None:
    record = br.load_audit(run).record
    assert read_curve(run, record) is None
    assert curve.save(run) == run / "curve.json"
    found = read_curve(run, record)
    assert found is not None
    assert [(point.eps, point.robust.rate) for point in found.points] == list(map(tuple, curve.points))
    assert (found.clean.rate, found.unstable) == (curve.clean_accuracy, curve.unstable)
    assert (found.cascade, found.threat, found.goal, found.seed) == (("FGSM",), "linf:0.12", "away", 0)
    assert curve.save(run).is_file()  # again: it is replaced


def test_a_run_folder_with_a_curve_is_still_verified(curve: br.RobustnessCurve, run: Path) -> None:
    curve.save(run)
    trial = trials.subject()
    groups = {"third": [i % 3 for i in range(trials.N)]}
    assert br.verify(run, trial.model, (trial.x, trial.y), groups=groups).fine


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("weights", {"seed": 4}), ("data", {"n": 40}), ("threat set", {"threat": br.L2(0.5)}),
        ("goal", {"goal": br.Toward(1)}),
    ],
)  # fmt: skip
def test_another_audits_curve_is_refused(run: Path, what: str, other: dict[str, Any]) -> None:
    trial = trials.subject(other.get("seed", 3), other.get("n", trials.N))
    foreign = br.robustness_curve(
        trial.model, (trial.x, trial.y), other.get("threat", br.Linf(0.1)), shares=(1,), cascade=(br.FGSM(),),
        goal=other.get("goal"),
    )  # fmt: skip
    with pytest.raises(InputError, match=f"does not belong to the audit in .*: its {what} is"):
        foreign.save(run)
    assert not (run / "curve.json").exists()


def test_no_folder_and_damage_are_named(curve: br.RobustnessCurve, run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match="no finished audit"):
        curve.save(tmp_path / "nowhere")
    path, record = curve.save(run), br.load_audit(run).record
    facts = json.loads(path.read_text())
    facts["points"][0]["robust"]["hits"] += 1
    path.write_text(json.dumps(facts))
    with pytest.raises(InputError, match=r"curve.json was edited"):
        read_curve(run, record)
    path.write_text("{")
    with pytest.raises(InputError, match=r"curve.json is damaged.*brinell curve again"):
        read_curve(run, record)
