"""A folder to work in, and a way to run commands there."""

import sys
from pathlib import Path

import numpy as np
import pytest
from workshop import FEATURES, NETS, Ended, N, Run

from brinell.cli.app import app


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: nets.py, and toy.npz of 120 rows in 0.3 to 0.7 with two groups."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("BRINELL_DEBUG", raising=False)
    (tmp_path / "nets.py").write_text(NETS)
    x = np.random.default_rng(0).uniform(0.3, 0.7, (N, FEATURES)).astype(np.float32)
    y = (x.sum(1) > FEATURES / 2).astype(np.int64)
    np.savez(tmp_path / "toy.npz", x=x, y=y, group_site=np.arange(N) // 50, group_sex=np.where(y, "f", "m"))
    return tmp_path


@pytest.fixture
def run(workshop: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: ``run("audit", ...)``."""

    def run_here(*words: object) -> Ended:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            app([str(word) for word in words], prog_name="brinell")
        code = ended.value.code
        assert isinstance(code, int)
        return Ended(code, *capfd.readouterr())

    return run_here
