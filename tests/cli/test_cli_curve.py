"""`brinell curve`."""

import json
import re
import shlex
from pathlib import Path

import pytest
import torch
from workshop import FEATURES, N, Run, arrays, margins

import brinell

TOY = ("nets.py:Linear", "toy.npz", "linf:0.05")


def test_a_curve(run: Run) -> None:
    ended = run("curve", *TOY, "--effort", "quick", "--shares", "0.5,1/5,1", "--json")
    assert ended.code == 0
    facts = json.loads(ended.out)
    known = margins(arrays("toy.npz")["x"])
    assert [point["eps"] for point in facts["points"]] == pytest.approx([0.01, 0.025, 0.05])
    for point in facts["points"]:
        assert point["robust_accuracy"]["value"] == (known > 8 * point["eps"]).mean()
    assert "at eps 0.01, 0.025, 0.05: FGSM" in ended.err
    assert "upper bound" in ended.err


@pytest.mark.parametrize(("shares", "says"), [("a", "the shares are 'a'"), ("0", "above 0"), ("1/0", "1/0")])
def test_wrong_shares(run: Run, shares: str, says: str) -> None:
    ended = run("curve", *TOY, "--shares", shares)
    assert ended.code == 2
    assert says in ended.err


def test_a_sample_of_a_wide_model_toward_a_label(run: Run, workshop: Path) -> None:
    brinell.save_weights(torch.nn.Linear(FEATURES, 3), workshop / "w.safetensors")
    words = ("curve", "nets.py:untrained", "toy.npz", "linf:0.3", "--weights", "w.safetensors", "--bounds", "-1:2")
    ended = run(*words, "--effort", "quick", "--target", 2, "--n", 30, "--seed", 3, "--batch-size", 7)
    assert ended.code == 0
    assert "wants the label 2" in ended.out
    assert "Inputs stay within (-1, 2)" in ended.out
    assert "left standing, n = 30" in ended.out


def test_a_curve_in_the_run_folder_is_shown(run: Run) -> None:
    assert run("audit", *TOY, "--attack", "FGSM", "--out", "a").code == 0
    run("report", "a")
    before = Path("a/report.html").read_text()
    command = re.findall(r'<code id="curve-code-1">(.*?)</code>', before)[0]
    words = ["a" if word == "RUN" else word for word in shlex.split(command)][1:]
    ended = run(*words, "--effort", "quick", "--shares", "0.5,1")
    assert ended.code == 0
    assert "Saved: a/curve.json; brinell report a shows it." in ended.out
    run("report", "a")
    after = Path("a/report.html").read_text()
    known = margins(arrays("toy.npz")["x"])
    assert f"{(known > 8 * 0.025).sum()} of {N}" in after
    assert 'data-chart="curve"' in after
    assert 'data-chart="curve"' not in before


def test_a_curve_of_something_else_is_refused(run: Run) -> None:
    assert run("audit", *TOY, "--attack", "FGSM", "--out", "a").code == 0
    ended = run("curve", *TOY, "--effort", "quick", "--shares", "1", "--n", 60, "--into", "a")
    assert ended.code == 2
    assert "its data is 60 rows of" in ended.err
    assert not Path("a/curve.json").exists()
