"""`brinell verify`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from workshop import FEATURES, N, Run, arrays

import brinell

AUDIT = ("audit", "nets.py:Linear", "toy.npz", "linf:0.05", "--attack", "FGSM", "--no-diagnose", "--out", "a")


@pytest.fixture
def audited(run: Run) -> Path:
    assert run(*AUDIT).code == 0
    return Path("a")


def test_a_folder_alone_is_enough(run: Run, audited: Path) -> None:
    ended = run("verify", audited)
    assert (ended.code, ended.err) == (0, "")
    assert f"judging {N} saved examples again" in ended.out


def test_what_was_sampled_and_loaded_is_found_again(run: Run, workshop: Path) -> None:
    brinell.save_weights(torch.nn.Linear(FEATURES, 3), workshop / "w.safetensors")
    words = ("audit", "nets.py:untrained", "toy.npz", "linf:0.05", "--attack", "FGSM", "--seed", 3, "--n", 40)
    assert run(*words, "--weights", "w.safetensors", "--bounds", "-1:2", "--target", 1, "--out", "b").code == 0
    assert run("verify", "b").code == 0
    brinell.save_weights(torch.nn.Linear(FEATURES, 3), workshop / "w.safetensors")
    ended = run("verify", "b")
    assert ended.code == 1
    assert "Differs: the model: weights' sha256" in ended.out
    ended = run("verify", "b", "nets.py:three")
    assert ended.code == 1  # not with the weights of the other network
    assert "Differs: the model: weights' sha256" in ended.out
    again = run(
        "verify", "b", "nets.py:untrained", "toy.npz", "--weights", "w.safetensors", "--bounds", "0:1", "--n", 30
    )
    assert "rows: 40 in the record, 30 here" in again.out


def test_what_differs_is_named_and_the_end_is_1(run: Run, audited: Path) -> None:
    record = (audited / "run.json").read_text()
    hits = brinell.load_audit(audited).robust_accuracy.hits
    start = record.index('"robust"')
    (audited / "run.json").write_text(record[:start] + record[start:].replace(str(hits), str(hits + 5), 1))
    ended = run("verify", audited)
    assert ended.code == 1
    assert f"Differs: run.json: robust.hits is {hits + 5}; the table of examples gives {hits}." in ended.out
    assert ended.err == ""


@pytest.mark.parametrize("name", ["run.json", "examples.parquet", "adversarial.safetensors"])
def test_garbage_is_a_finding_too(run: Run, audited: Path, name: str) -> None:
    (audited / name).write_bytes(b"garbage")
    ended = run("verify", audited, "--json")
    assert ended.code == 1
    facts = json.loads(ended.out)
    assert facts["fine"] is False
    assert name in {finding["what"] for finding in facts["findings"]}


def test_json(run: Run, audited: Path) -> None:
    ended = run("verify", audited, "--json")
    assert ended.code == 0
    expected = {"kind": "verification", "run": "a", "fine": True, "findings": [], "examples": N, "notes": []}
    assert json.loads(ended.out) == expected


def test_model_and_data_can_be_named(run: Run, audited: Path) -> None:
    assert run("verify", audited, "nets.py:instance", "toy.npz").code == 0
    ended = run("verify", audited, "nets.py:classifier")
    assert ended.code == 1
    assert "bounds: (0, 1) in the record, (0, 2) here" in ended.out


def test_a_run_of_the_library_needs_model_and_data(run: Run, workshop: Path) -> None:
    x, y = (arrays("toy.npz")[name] for name in ("x", "y"))
    layer = torch.nn.Linear(FEATURES, 1)
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.constant_(layer.bias, -4.0)
    brinell.audit(brinell.Classifier(layer, (0, 1)), (x, y), brinell.Linf(0.05), cascade=(brinell.FGSM(),), out="lib")
    ended = run("verify", "lib")
    assert ended.code == 2
    assert "does not say where MODEL and DATA came from" in ended.err
    np.savez("bare.npz", x=x, y=y)
    assert "network: Linear" not in run("verify", "lib", "nets.py:Linear", "bare.npz").out
    assert run("verify", "lib", "nets.py:Linear", "bare.npz").code == 0


def test_no_run_is_wrong_use(run: Run) -> None:
    ended = run("verify", "nowhere")
    assert ended.code == 2
    assert "there is no finished audit in nowhere" in ended.err
