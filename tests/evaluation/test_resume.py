"""An audit that ended in the middle, at any moment, goes on and ends with the same record."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import trials
from trials import MOMENTS, N

import brinell as br
from brinell.errors import InputError, InputMissingError, OutputExistsError
from brinell.evaluation.folder import RunFolder


def same_run(one: br.Audit, other: br.Audit) -> None:
    assert (one.folder / "run.json").read_bytes() == (other.folder / "run.json").read_bytes()
    assert one.table.equals(other.table)
    assert torch.equal(one.x_adv, other.x_adv)
    names = [sorted(path.name for path in audit.folder.iterdir()) for audit in (one, other)]
    assert set(names[0]) | {"clock.json"} == set(names[1]) | {"clock.json"}  # a kill may cost the clock


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    program = [sys.executable, trials.__file__, str(folder)]
    run = subprocess.run(program, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert run.returncode == 0, run.stderr
    return folder


def test_the_small_audit_is_worth_resuming(whole: br.Audit) -> None:
    stages = whole.record.stages
    assert 0 < whole.robust_accuracy.hits < whole.clean_accuracy.hits < N
    assert all(stage.after < stage.before for stage in stages)


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_it_ends_with_the_same_record(whole: br.Audit, killed: Path, moment: str) -> None:
    folder = killed / moment
    if moment not in ("after", "clean"):
        with pytest.raises(InputMissingError, match="resume"):
            br.load_audit(folder)
    with pytest.raises(OutputExistsError, match="--resume"):
        trials.audit(out=folder)
    same_run(trials.audit(out=folder, resume=True), whole)
    assert br.load_audit(folder) == whole


@pytest.mark.parametrize(("rows", "kept"), [(1, 0), (20, 1), (50, 3)])
@pytest.mark.parametrize("problem", [KeyboardInterrupt, RuntimeError])
def test_what_is_done_is_kept(
    whole: br.Audit, tmp_path: Path, problem: type[BaseException], rows: int, kept: int
) -> None:
    def stop(label: str, done: int, total: int | None) -> None:
        if label.startswith("attacking: PGD") and done >= rows:
            raise problem("enough")

    with pytest.raises(problem, match="enough"):
        trials.audit(out=tmp_path / "run", progress=stop)
    assert len(list((tmp_path / "run" / "parts").glob("*.parquet"))) == kept
    attacked: list[int] = []

    def watch(label: str, done: int, total: int | None) -> None:
        attacked.extend([done] if label.startswith("attacking: FGSM") else [])

    same_run(trials.audit(out=tmp_path / "run", resume=True, progress=watch), whole)
    assert min(attacked) == kept * trials.BLOCK  # done blocks are not attacked again


def test_stopped_while_it_is_diagnosed_it_goes_on(diagnosed: br.Audit, tmp_path: Path) -> None:
    def stop(label: str, done: int, total: int | None) -> None:
        if label == "diagnosing":
            raise KeyboardInterrupt

    options: dict[str, Any] = {"out": tmp_path / "run", "diagnose": True, "batch_size": N}
    with pytest.raises(KeyboardInterrupt):
        trials.audit(progress=stop, **options)
    with pytest.raises(InputMissingError, match="resume"):
        br.load_audit(tmp_path / "run")
    same_run(trials.audit(resume=True, **options), diagnosed)


def test_a_finished_audit_is_returned_at_once(whole: br.Audit, tmp_path: Path) -> None:
    folder = whole.save(tmp_path / "copy")
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    labels: set[str] = set()
    again = trials.audit(out=folder, resume=True, progress=lambda label, *_: labels.add(label))
    assert labels == {"reading the data"}
    assert again == whole
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_run_goes_on_with_other_threads_and_says_so(tmp_path: Path, whole: br.Audit) -> None:
    def stop(label: str, done: int, total: int | None) -> None:
        if label == "attacking" and done == 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trials.audit(out=tmp_path / "run", progress=stop)
    path = tmp_path / "run" / "settings.json"
    settings = json.loads(path.read_text())
    assert settings["versions"]["threads"] == 1
    path.write_text(json.dumps(settings | {"versions": settings["versions"] | {"threads": 64, "platform": "Moon"}}))
    record = trials.audit(out=tmp_path / "run", resume=True).record
    (note,) = (warning for warning in record.warnings if "resumed" in warning)
    assert "threads 64 there, 1 here" in note
    assert "platform Moon there" in note
    assert (record.settings.versions.threads, record.settings.versions.platform) == (64, "Moon")
    assert record.stages == whole.record.stages  # float64: rounding decides nothing
    assert not [warning for warning in whole.record.warnings if "resumed" in warning]


def test_another_torch_is_another_run(tmp_path: Path, whole: br.Audit) -> None:
    folder = whole.save(tmp_path / "run")
    path = folder / "run.json"
    path.write_text(path.read_text().replace(f'"torch": "{torch.__version__}"', '"torch": "1.0"'))
    with pytest.raises(InputError, match=r"versions\.torch is '1\.0' there"):
        trials.audit(out=folder, resume=True)


def other_model() -> dict[str, Any]:
    trial = trials.subject()
    with torch.no_grad():
        next(trial.model.parameters()).mul_(1 + 1e-12)
    return {"trial": trial}


def other_data(column: int) -> dict[str, Any]:
    trial = trials.subject()
    x, y = trial.x.clone(), trial.y.clone()
    if column:
        y[5] = (y[5] + 1) % 3
    else:
        x[5, 0, 0, 0] = 1 - x[5, 0, 0, 0]
    return {"data": (x, y)}


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "eps": ({"threat": br.Linf(0.05)}, r"threat is 'linf:0.08' there, 'linf:0.05' here"),
    "threat": ({"threat": br.L2(0.08)}, "threat"),
    "model": (other_model(), "model.sha256"),
    "inputs": (other_data(0), "data.sha256"),
    "labels": (other_data(1), "data.sha256"),
    "groups": ({"groups": {"third": [0] * N}}, "data.sha256"),
    "names": ({"groups": {"other": [i % 3 for i in range(N)]}}, "data.groups"),
    "seed": ({"seed": 1}, "seed is 0 there, 1 here"),
    "goal": ({"goal": br.Toward(1)}, "goal is 'away' there, 'toward 1' here"),
    "cascade": ({"cascade": (br.FGSM(),)}, "cascade"),
    "steps": ({"cascade": (*trials.CASCADE[:2], br.PGD(steps=5))}, "cascade"),
    "batch": ({"batch_size": 8}, "batch is 4 there, 8 here"),
    "examples": ({"examples": "none"}, "examples is 'all' there, 'none' here"),
    "alone": ({"alone": True}, "alone is False there, True here"),
    "origin": ({"origin": "elsewhere"}, "model.origin"),
}


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an audit that ended in the middle."""
    folder = tmp_path_factory.mktemp("unfinished") / "run"
    with pytest.raises(ZeroDivisionError):
        trials.audit(out=folder, progress=lambda label, done, _: 1 // (label != "attacking" or done < 32))
    return folder


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("finished", [True, False])
def test_another_audit_is_refused_by_name(whole: br.Audit, unfinished: Path, name: str, finished: bool) -> None:
    options, text = OTHERS[name]
    with pytest.raises(InputError, match=text) as refused:
        trials.audit(out=whole.folder if finished else unfinished, resume=True, **options)
    assert "Name another folder" in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"settings": 3}', "\x00\xff"], ids=range(6))
def test_a_folder_without_readable_settings_is_refused(whole: br.Audit, tmp_path: Path, text: str) -> None:
    for name in ("run.json", "settings.json"):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        (folder / name).write_text(text)
        with pytest.raises(InputError, match="another"):
            trials.audit(out=folder, resume=True)


def test_only_a_folder_that_is_empty_or_not_there_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(OutputExistsError, match="--resume"):
        trials.audit(out=tmp_path)
    with pytest.raises(InputError, match="another"):
        trials.audit(out=tmp_path, resume=True)
    with pytest.raises(OutputExistsError, match="is a file"):
        trials.audit(out=tmp_path / "mine.txt")
    with pytest.raises(InputError, match="out="):
        trials.audit(resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert trials.audit(out=tmp_path / "empty", cascade=(br.FGSM(),)).folder == tmp_path / "empty"


def test_inputs_that_went_missing_are_made_again(whole: br.Audit, tmp_path: Path) -> None:
    def stop(label: str, done: int, total: int | None) -> None:
        if label == "attacking" and done == 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trials.audit(out=tmp_path / "run", progress=stop)
    (tmp_path / "run" / "adversarial.safetensors").unlink()
    same_run(trials.audit(out=tmp_path / "run", resume=True), whole)


def test_a_part_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def fail(path: Path) -> Iterator[Path]:
        yield path.with_name(f"{path.name}.part")
        raise OSError("no space left on device")

    monkeypatch.setattr("brinell.evaluation.folder.whole", fail)
    with pytest.raises(OSError, match="no space"):
        trials.audit(out=tmp_path / "run")
    assert not RunFolder(tmp_path / "run").has_part(0)
    assert RunFolder(tmp_path / "run").rows_done == 0
