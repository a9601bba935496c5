"""Somebody else's examples: scored by the judge alone, before the attacks or instead of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trials

import brinell as br
from brinell.errors import InputError, InputMissingError, InputTypeError


@pytest.fixture(scope="module")
def theirs() -> torch.Tensor:
    """Examples of another attack, another seed: all in the threat set."""
    trial = trials.subject()
    return br.PGD(steps=10)(trial.model, trial.x, trial.y, trials.THREAT, seed=5)


def test_they_count_as_the_judge_says(theirs: torch.Tensor) -> None:
    trial = trials.subject()
    audit = trials.audit(cascade=(), examples_from=theirs)
    with torch.no_grad():
        standing = (trial.model(theirs).argmax(1) == trial.y) & (trial.model(trial.x).argmax(1) == trial.y)
    assert 0 < audit.robust_accuracy.hits == int(standing.sum()) < audit.clean_accuracy.hits
    (stage,) = audit.record.stages
    assert (stage.label, stage.gradients, stage.forwards, stage.refused) == ("examples from an array", 0, 0, 0)
    right = torch.tensor(audit.table["broken_by"].to_pylist() != np.array("clean"))
    assert torch.equal(audit.x_adv[right], theirs[right])


def test_before_the_attacks_they_can_only_help(whole: br.Audit, theirs: torch.Tensor) -> None:
    alone = trials.audit(cascade=(), examples_from=theirs)
    both = trials.audit(examples_from=theirs)
    assert len(both.record.stages) == len(trials.CASCADE) + 1
    assert both.robust_accuracy.hits <= alone.robust_accuracy.hits
    assert both.record.stages[0].after == alone.robust_accuracy.hits


def test_outside_the_threat_set_is_no_success_and_is_counted(theirs: torch.Tensor) -> None:
    trial = trials.subject()
    far = theirs.clone()
    far[:10] = trial.x[:10] + torch.where(trial.x[:10] < 0.5, 0.3, -0.3)  # in the bounds, out of the set
    far[10] = torch.nan
    audit = trials.audit(cascade=(), examples_from=far)
    assert audit.record.stages[0].refused == 10  # of the eleven one row is wrong without an attack
    assert audit.table["refused: examples from an array"].to_pylist()[1:11] == [True] * 10
    assert audit.table["broken_by"].to_pylist()[1:11] == [None] * 10


def test_an_npz_file_as_brinell_attack_writes_it(tmp_path: Path, theirs: torch.Tensor) -> None:
    trial = trials.subject()
    np.savez(tmp_path / "theirs.npz", x_adv=theirs.numpy(), y=trial.y.numpy(), success=np.ones(trials.N, bool))
    np.savez_compressed(tmp_path / "bare.npz", x_adv=theirs.numpy())
    audits = [trials.audit(cascade=(), examples_from=tmp_path / name) for name in ("theirs.npz", "bare.npz")]
    assert audits[0].record.settings.cascade[0].label == "examples from theirs.npz"
    hashes = {audit.record.settings.cascade[0].parameters["sha256"] for audit in audits}
    assert len(hashes) == 1
    assert "x_adv" not in audits[0].record.settings.cascade[0].parameters
    assert audits[0].robust_accuracy == audits[1].robust_accuracy
    again = trials.audit(cascade=(), examples_from=theirs + 0)
    assert hashes == {again.record.settings.cascade[0].parameters["sha256"]}
    assert hashes != {trials.audit(cascade=(), examples_from=trial.x).record.settings.cascade[0].parameters["sha256"]}


def test_a_verified_run_may_have_them(tmp_path: Path, theirs: torch.Tensor) -> None:
    trial = trials.subject()
    trials.audit(out=tmp_path / "run", examples_from=theirs, cascade=(br.FGSM(),))
    groups = {"third": [i % 3 for i in range(trials.N)]}
    assert br.verify(tmp_path / "run", trial.model, (trial.x, trial.y), groups=groups).fine


def test_other_examples_are_another_run(tmp_path: Path, theirs: torch.Tensor) -> None:
    trials.audit(out=tmp_path / "run", examples_from=theirs, cascade=())
    with pytest.raises(InputError, match="another audit"):
        trials.audit(out=tmp_path / "run", examples_from=trials.subject().x, cascade=(), resume=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x: x[:-1], r"has shape \(55, 3, 4, 4\), the data \(56, 3, 4, 4\)"),
        (lambda x: x.flatten(1), r"has shape \(56, 48\)"),
        (lambda x: x * 255, r"x_adv of an array holds .* outside the bounds \(0, 1\)"),
        (lambda x: "nowhere.npz", "there is no file nowhere.npz"),
        (lambda x: x.to(torch.complex64), "real numbers"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_run(
    tmp_path: Path, theirs: torch.Tensor, change: Any, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        trials.audit(out=tmp_path / "run", examples_from=change(theirs))
    assert not (tmp_path / "run").exists()


def test_files_that_do_not_fit(tmp_path: Path, theirs: torch.Tensor) -> None:
    trial = trials.subject()
    np.savez(tmp_path / "a.npz", x=theirs.numpy())
    with pytest.raises(InputError, match="has no array x_adv; it has: x"):
        trials.audit(examples_from=tmp_path / "a.npz")
    wrong = trial.y.clone()
    wrong[7] = (wrong[7] + 1) % 3
    np.savez(tmp_path / "b.npz", x_adv=theirs.numpy(), y=wrong.numpy())
    with pytest.raises(InputError, match=r"the labels y in b\.npz are not those of the data, first in row 7"):
        trials.audit(examples_from=tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", x_adv=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="unpickled"):
        trials.audit(examples_from=tmp_path / "c.npz")
    assert issubclass(InputMissingError, InputError)
    assert issubclass(InputTypeError, InputError)


def test_without_examples_a_cascade_is_needed() -> None:
    with pytest.raises(InputError, match="empty"):
        trials.audit(cascade=())
