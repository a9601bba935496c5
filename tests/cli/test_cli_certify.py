"""`brinell certify`."""

import json
from pathlib import Path

import pytest
from workshop import Run, arrays, margins

import brinell as br

TOY = ("nets.py:Linear", "toy.npz", "linf:0.05")


def proved(eps: float = 0.05) -> int:
    return int((margins(arrays("toy.npz")["x"]) > 8 * eps + 1e-4).sum())


def test_a_certificate(run: Run) -> None:
    ended = run("certify", *TOY, "--group", "sex", "--out", "proof", "--json")
    assert ended.code == 0
    facts = json.loads(ended.out)
    assert facts["kind"] == "certificate"
    assert facts["certified_accuracy"]["value"] == pytest.approx(proved() / 120)
    assert facts["origin"]["model"] == "nets.py:Linear"
    assert {row["group"] for row in facts["groups"]["sex"]} == {"f", "m"}
    assert "a lower bound" in ended.err
    assert "Worst: " in ended.err
    assert "site" not in ended.err.partition("Method")[2]
    assert br.load_certificate("proof").certified_accuracy.hits == proved()


def test_smoothing_shows_radii(run: Run) -> None:
    words = ("certify", "nets.py:three", "toy.npz", "l2:0.05", "--bounds", "0:1", "--n", 30, "--batch-size", 7)
    ended = run(*words, "--method", "smoothing:sigma=0.1", "-p", "n=200", "--parameter", "n0=20", "--seed", 3)
    assert ended.code == 0
    assert "Abstained" in ended.out
    assert "of the smoothed model" in ended.out
    rows = ended.out.partition("radius")[2]
    assert rows.count("%") >= 8


def test_a_share_that_is_demanded(run: Run) -> None:
    least = br.Rate(proved(), 120).low
    assert run("certify", *TOY, "--at-least", least - 0.01).code == 0
    ended = run("certify", *TOY, "--at-least", least + 0.01)
    assert ended.code == 3
    assert f"is below {least + 0.01:.1%}" in ended.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--method", "ipb"], "there is no method 'ipb'; choose one of ibp, smoothing; did you mean ibp?"),
        (["--method", "smoothing:sigma=-1"], "sigma is -1.0; it must be above 0"),
        (["--method", "smoothing"], "proves L2 radii, not linf:0.05"),
        (["--out", "toy.npz"], "toy.npz exists; name another folder"),
        (["--group", "age"], "there is no group 'age'"),
        (["--weights", "none.safetensors"], "none.safetensors"),
    ],
)
def test_wrong_use(words: list[str], says: str, run: Run) -> None:
    ended = run("certify", *TOY, *words)
    assert ended.code == 2
    assert says in ended.err


def test_a_layer_without_bounds(run: Run) -> None:
    Path("norm.py").write_text(
        "from torch import nn\ndef net():\n"
        "    return nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 2))\n"
    )
    ended = run("certify", "norm.py:net", "toy.npz", "linf:0.05")
    assert ended.code == 2
    assert "layer '1' (LayerNorm), step 2 of 3 of the network, after layer '0' (Linear)" in ended.err
