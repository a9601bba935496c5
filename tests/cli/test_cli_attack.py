"""`brinell attack`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from workshop import N, Run, arrays, margins

import brinell

TOY = ("nets.py:Linear", "toy.npz", "linf:0.05")


def test_measures_what_is_known(run: Run) -> None:
    ended = run("attack", "FGSM", *TOY, "--out", "adv.npz")
    stands = margins(arrays("toy.npz")["x"]) > 8 * 0.05
    assert (ended.code, ended.err) == (0, "")
    assert f"Robust accuracy  {stands.mean():.1%} (" in ended.out
    assert "one attack, seed 0: FGSM. A judge" in ended.out
    assert "Median distance  0.05, of the rows that it broke" in ended.out
    assert "Cost per row     1.0 gradients, 0.0 forward passes" in ended.out
    assert "an upper bound" in ended.out
    assert "Written: adv.npz" in ended.out


def test_what_is_written_can_be_judged_again(run: Run) -> None:
    run("attack", "PGD", *TOY, "--out", "adv.npz", "-p", "steps=5")
    toy, written = arrays("toy.npz"), arrays("adv.npz")
    assert sorted(written) == ["distance", "success", "x_adv", "y"]
    assert np.array_equal(written["y"], toy["y"])
    assert written["x_adv"].shape == toy["x"].shape
    moved = np.abs(written["x_adv"] - toy["x"]).max(1)
    assert np.allclose(moved, written["distance"])
    assert (moved <= 0.05 + 1e-6).all()
    flipped = (written["x_adv"].sum(1) > 4) != toy["y"]
    assert np.array_equal(flipped, written["success"])
    assert not Path("adv.npz.part").exists()


def test_json_is_the_result_and_nothing_else(run: Run) -> None:
    more = ["-p", "steps=3", "--parameter", "objective=margin", "--seed", 5, "--n", 60, "--json"]
    ended = run("attack", "PGD:restarts=2", *TOY, *more)
    facts = json.loads(ended.out)
    given = {
        "steps": 3,
        "rel_step": None,
        "schedule": "constant",
        "restarts": 2,
        "objective": "margin",
        "start": "uniform",
    }
    assert facts["attack"] == {"label": "PGD(steps=3, restarts=2, margin)", "kind": "PGD", "parameters": given} or (
        facts["attack"]["parameters"] == given
    )
    assert (facts["n"], facts["seed"], facts["target"], facts["threat"]) == (60, 5, None, "linf:0.05")
    assert facts["clean_accuracy"]["value"] == 1.0
    assert 0 < facts["robust_accuracy"]["low"] < facts["robust_accuracy"]["value"] < facts["robust_accuracy"]["high"]
    assert "Robust accuracy" in ended.err


def test_where_nothing_breaks_there_is_no_distance(run: Run) -> None:
    words = ("attack", "FGSM", "nets.py:Linear", "toy.npz", "linf:1e-6")
    assert json.loads(run(*words, "--json").out)["median_distance"] is None
    assert "no row was broken" in run(*words).out


def test_a_label_can_be_wanted(run: Run) -> None:
    words = ("attack", "FGSM", "nets.py:three", "toy.npz", "linf:0.3", "--json")
    away, toward = (json.loads(run(*words, *more).out) for more in ([], ["--target", 1]))
    assert toward["target"] == 1
    assert toward["robust_accuracy"]["value"] > away["robust_accuracy"]["value"]


def test_weights_bounds_and_batch_size_reach_the_core(run: Run, workshop: Path) -> None:
    net = torch.nn.Linear(8, 1)
    torch.nn.init.zeros_(net.weight)
    torch.nn.init.constant_(net.bias, 1.0)  # class 1, whatever the input
    brinell.save_weights(net, workshop / "w.safetensors")
    more = ["--weights", "w.safetensors", "--bounds", "0:2", "--batch-size", "16", "--json"]
    facts = json.loads(run("attack", "BIM", *TOY, *more).out)
    assert facts["clean_accuracy"]["value"] == arrays("toy.npz")["y"].mean()
    assert facts["robust_accuracy"]["value"] == facts["clean_accuracy"]["value"]
    assert facts["gradients_per_row"] <= 10
    assert facts["n"] == N


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["Nope", *TOY], "there is no attack 'Nope'; choose one of FGSM, BIM, PGD"),
        (["PGD", *TOY, "-p", "step=4"], "PGD has no parameter 'step'; it has steps=40"),
        (["PGD", *TOY, "-p", "steps"], "the parameter 'steps' has no value; write KEY=VALUE"),
        (["PGD", *TOY, "-p", "steps=4.5"], "steps is '4.5'; give a whole number"),
        (["PGD", *TOY, "-p", "steps=0"], "steps is 0"),
        (["PGD", *TOY, "-p", "objective=x"], "objective is 'x'; choose one of cross_entropy, margin"),
        (["PGD", *TOY, "--out", "toy.npz"], "toy.npz exists; name another file"),
        (["PGD", *TOY, "--out", "no/a.npz"], "there is no folder no"),
        (["PGD", *TOY, "--target", "7"], "a wanted label is 7"),
        (["PGD", *TOY, "--bounds", "0"], "the bounds are '0'; write LOW:HIGH"),
    ],
)
def test_wrong_use(words: list[str], says: str, run: Run) -> None:
    ended = run("attack", *words)
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert says in ended.err


@pytest.mark.parametrize(
    "words", [("attack", "FAB", "nets.py:Linear", "toy.npz", "l1:1"),
              ("audit", "nets.py:Linear", "toy.npz", "l1:1", "--attack", "Square")],
)  # fmt: skip
def test_an_attack_that_does_not_know_the_threat_set_is_refused_before_the_plan(words: list[str], run: Run) -> None:
    ended = run(*words)
    assert ended.code == 2
    assert "does not work within l1:1; its threat sets are linf, l2." in ended.err
    assert "Threat" not in ended.out
