"""`brinell tradeoff`."""

import json
from pathlib import Path

import numpy as np
import pytest
from workshop import FEATURES, Run

TOY = ("tradeoff", "nets.py:untrained", "toy.npz", "linf:0.02")
QUICK = ("--effort", "quick", "--epochs", "1", "--batch-size", "60")


@pytest.fixture
def others(workshop: Path) -> str:
    """Rows that no training saw."""
    x = np.random.default_rng(2).uniform(0.3, 0.7, (50, FEATURES)).astype(np.float32)
    np.savez(workshop / "others.npz", x=x, y=(x.sum(1) > FEATURES / 2).astype(np.int64))
    return "others.npz"


def test_from_data_to_a_picture(run: Run, others: str) -> None:
    words = (*TOY, "--recipe", "PGDTraining", "--over", "steps=1,2", "--parameter", "warmup=0", "--test", others)
    ended = run(*words, *QUICK, "--n", 90, "--test-n", 30, "--out", "t", "--json")
    assert ended.code == 0, ended.err
    facts = json.loads(ended.out)
    assert [point["value"] for point in facts["points"]] == [1, 2]
    assert facts["terms"]["recipe"] == "PGDTraining(rel_step=None, warmup=0.0, rel_eps=1.0)"
    assert (facts["terms"]["data"], facts["terms"]["test"]) == ("90 rows of toy.npz", "30 rows of others.npz")
    assert sorted(path.suffix for path in Path("t").glob("tradeoff.*")) == [".html", ".json", ".svg"]
    assert "Drawn: t/tradeoff.html, t/tradeoff.svg" in ended.err
    assert "one training with one seed" in ended.err
    weights = Path("t") / "steps-1-seed-0" / "training" / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    again = run(*words, *QUICK, "--n", 90, "--test-n", 30, "--out", "t", "--json")
    assert json.loads(again.out) == facts
    assert weights.stat().st_mtime_ns == before


def test_several_seeds(run: Run, others: str, workshop: Path) -> None:
    words = (*TOY, "--recipe", "Tutorial", "--over", "clean_weight=0.5,1", "--test", others, "--bounds", "0:1")
    ended = run(*words, *QUICK, "--seeds", 2, "--out", "t")
    assert ended.code == 0, ended.err
    assert "trained with 2 seeds" in ended.out
    start = "t/clean_weight-0.5-seed-1/training/weights.safetensors"
    ended = run(*words[:-1], "-1:2", *QUICK, "--weights", start, "--out", "u")
    assert ended.code == 0, ended.err


def test_ctrl_c_says_how_to_go_on(run: Run, others: str) -> None:
    words = ("tradeoff", "nets.py:Stops", "toy.npz", "linf:0.02", "--recipe", "PGDTraining", "--over", "steps=1,2")
    ended = run(*words, "--test", others, "--out", "t", *QUICK[:4], "--batch-size", 5)
    assert (ended.code, ended.out.count("Drawn")) == (130, 0)
    assert "interrupted: what is done is kept in t; the same command goes on from there." in ended.err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--over", "steps=1,2"], "toy.npz has no test part of its own"),
        (["--over", "steps", "--test", "toy.npz"], "write KEY=VALUE,VALUE"),
        (["--over", "beta=1,2", "--test", "toy.npz"], "PGDTraining has no parameter 'beta'"),
        (["--over", "steps=1,2", "--test", "toy.npz"], "the same rows"),
    ],
)
def test_wrong_use(run: Run, more: list[str], says: str) -> None:
    ended = run(*TOY, "--recipe", "PGDTraining", *more, "--out", "t")
    assert ended.code == 2
    assert says in ended.err
    assert not Path("t").exists()
