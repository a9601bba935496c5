"""A training that is stopped goes on as if nothing had been, and no other training goes on in its folder."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import school
import torch
import torch.nn.functional as F
from torch import Tensor

import brinell as br
from brinell.case import Case
from brinell.defenses import Lesson, Recipe, TrainingFolder, TrainingLog
from brinell.defenses.base import mean_loss, train_on
from brinell.errors import InputError, OutputExistsError
from brinell.models.weights import weights_sha256

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Pupil(Recipe):
    """Learns what a teacher of standard training says."""

    epochs, lr, schedule, guarded, attacks, optimizer = 3, 1e-2, "cosine", False, False, "sgd"
    source = "a test"

    def backward(self, batch: Case, done: float) -> Tensor:
        assert isinstance(batch, Lesson)
        if batch.teacher is None:
            return train_on(batch, batch.x)
        losses = F.cross_entropy(batch.model(batch.x), batch.teacher(batch.x).softmax(1), reduction="none")
        loss = mean_loss(batch, losses)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def teacher(self) -> Recipe:
        return br.Standard()


class Stop(Exception):
    """What stops a training here."""


def stopping(call: int) -> Callable[[str, int, int | None], None]:
    """Progress that stops at its call of that number, counted from 0."""
    calls = iter(range(call + 1))

    def progress(label: str, done: int, total: int | None) -> None:
        if next(calls) == call:
            raise Stop

    return progress


def test_killed_at_any_moment_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    paths = os.pathsep.join([*sys.path, str(HERE)])
    ended = subprocess.run(
        [sys.executable, str(HERE / "school.py"), str(tmp_path / "h"), "0", "16"], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}, timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    kills, same = ended.stdout.split()
    assert int(kills) >= 2
    assert same == "True"
    assert sorted(path.name for path in (tmp_path / "h").iterdir()) == ["training.json", "weights.safetensors"]


@pytest.mark.parametrize(
    ("recipe", "calls"),
    [(Pupil(), (0, 4, 13, 14, 20)), (br.PGDTraining(steps=2), (0, 4, 13, 14))],
    ids=["Pupil", "PGDTraining"],
)
@pytest.mark.parametrize("choices", [{}, {"optimizer": "sgd", "schedule": "step", "accumulate": 3, "checkpoint": 60.0}])
def test_stopped_in_every_phase_it_ends_with_the_same_weights(
    recipe: Recipe, calls: tuple[int, ...], choices: dict[str, Any], tmp_path: Path
) -> None:
    wanted = school.run(None, recipe, choices=choices)
    for call in calls:
        with pytest.raises(Stop):
            school.run(str(tmp_path / "h"), recipe, choices=choices, progress=stopping(call))
        if (tmp_path / "h" / "training.json").is_file():
            assert not TrainingFolder(tmp_path / "h").read_log().finished
    found = school.run(str(tmp_path / "h"), recipe, choices=choices)
    assert weights_sha256(found) == weights_sha256(wanted)
    assert found.training_log.epochs == wanted.training_log.epochs
    assert found.training_log.teacher == wanted.training_log.teacher
    assert len(found.training_log.teacher) == (3 if isinstance(recipe, Pupil) else 0)


def test_what_is_finished_is_given_back(tmp_path: Path) -> None:
    first = school.run(str(tmp_path / "h"), epochs=1)
    again = school.run(str(tmp_path / "h"), epochs=1, progress=stopping(0))
    assert weights_sha256(again) == weights_sha256(first)
    assert again.training_log == first.training_log
    assert TrainingLog.model_validate_json((tmp_path / "h" / "training.json").read_text()) == first.training_log
    assert first.training_log.finished


def weights(model: br.Classifier) -> br.Classifier:
    with torch.no_grad():
        model.net.last.bias.fill_(0.5)  # type: ignore[union-attr]
    return model


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "recipe": ({"recipe": br.Standard()}, "recipe is 'FastFGSM' there, 'Standard' here"),
    "parameter": ({"recipe": br.FastFGSM(rel_step=1.0)}, r"parameters\.rel_step is 1\.25 there, 1\.0 here"),
    "seed": ({"seed": 1}, "seed is 0 there, 1 here"),
    "epochs": ({"epochs": 4}, "planned_epochs is 3 there, 4 here"),
    "lr": ({"lr": 0.25}, r"lr is 0\.005 there, 0\.25 here"),
    "option": ({"choices": {"average": 0.5}}, r"options\.average is 0\.9 there, 0\.5 here"),
    "augmentation": ({"choices": {"augment": ()}}, r"options\.augment is \['Noise\(sigma=0\.01\)'\] there, \[\] here"),
    "threat": ({"threat": br.Linf(0.1)}, "threat is 'linf:0.15' there, 'linf:0.1' here"),
    "model": ({"model": weights(school.moody())}, r"model is '\w{64}' there, '\w{64}' here"),
    "data": ({"data": school.toys.toy(440, seed=1)}, r"data_sha256 is '\w{64}' there, '\w{64}' here"),
}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a training was stopped."""
    folder: Path = tmp_path_factory.mktemp("stopped") / "h"
    with pytest.raises(Stop):
        school.run(str(folder), progress=stopping(2))
    return folder


@pytest.mark.parametrize("other", OTHERS)
def test_another_training_is_refused_with_both_values(other: str, stopped: Path) -> None:
    changes, text = OTHERS[other]
    before = (stopped / "checkpoint.safetensors").read_bytes()
    with pytest.raises(InputError, match=f"holds another training: {text}"):
        school.run(str(stopped), **changes)
    assert (stopped / "checkpoint.safetensors").read_bytes() == before


def test_without_resume_nothing_is_overwritten(stopped: Path) -> None:
    with pytest.raises(OutputExistsError, match="resume it"):
        school.run(str(stopped), resume=False)
    with pytest.raises(InputError, match="resume needs the run folder"):
        school.run(None, resume=True)


def test_a_folder_of_something_else_and_a_damaged_checkpoint_are_refused(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(InputError, match="holds no training that could be resumed"):
        school.run(str(tmp_path))
    (tmp_path / "h").mkdir()
    (tmp_path / "h" / "checkpoint.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match=r"checkpoint\.safetensors is damaged"):
        school.run(str(tmp_path / "h"))


def test_a_loss_that_is_no_number_leaves_the_last_good_epoch(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Exploding(Pupil):
        def backward(self, batch: Case, done: float) -> Tensor:
            return train_on(batch, batch.x) * (torch.inf if done > 0.7 else 1)

        def teacher(self) -> None:  # type: ignore[override]
            return None

    with pytest.raises(InputError, match=r"inf in epoch 3, step 3.* The best epoch, \d, is kept in .*weights\.safe"):
        school.run(str(tmp_path / "h"), Exploding())
    log = TrainingFolder(tmp_path / "h").read_log()
    assert (len(log.epochs), log.finished) == (2, False)
    fresh = school.moody()
    br.load_weights(fresh, tmp_path / "h" / "weights.safetensors")
    with pytest.raises(InputError, match=r"The best epoch, \d, would be kept with out=FOLDER"):
        school.run(None, Exploding())
