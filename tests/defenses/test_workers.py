"""Several processes train as one does."""

import os
import subprocess
import sys
from pathlib import Path

import pair
import pytest
import torch
from safetensors.torch import load_file

from brinell.defenses import TrainingLog

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that two processes wrote to, started by torchrun."""
    folder: Path = tmp_path_factory.mktemp("both")
    paths = os.pathsep.join([*sys.path, str(HERE)])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ended = subprocess.run(
        [*command, str(HERE / "pair.py"), str(folder)], capture_output=True, text=True, timeout=300, check=False,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.mark.parametrize("name", ["smooth", "moody"])
def test_both_end_with_the_same_weights(both: Path, name: str) -> None:
    """Also with BatchNorm and dropout, whose statistics and draws are each process's own."""
    one, other = (load_file(both / f"{name}{rank}.safetensors") for rank in (0, 1))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_two_learn_what_one_learns(both: Path) -> None:
    alone = pair.smooth()
    together = load_file(both / "smooth0.safetensors")
    for name, value in alone.net.state_dict().items():
        torch.testing.assert_close(together[name], value, rtol=1e-6, atol=1e-8)
    log = TrainingLog.model_validate_json((both / "run" / "training.json").read_text())
    assert (log.processes, log.finished, log.held_out) == (2, True, 88)
    for one, two in zip(alone.training_log.epochs, log.epochs, strict=True):
        assert (one.clean, one.fgsm, one.pgd, one.worst) == (two.clean, two.fgsm, two.pgd, two.worst)
        assert one.loss == pytest.approx(two.loss)


def test_one_of_them_writes(both: Path) -> None:
    assert sorted(path.name for path in (both / "run").iterdir()) == ["training.json", "weights.safetensors"]
