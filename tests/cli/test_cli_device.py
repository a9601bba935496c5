"""``--device``, on every command that has it."""

import os
import shlex
from pathlib import Path

import pytest
import torch
from workshop import Run

import brinell
from brinell.cli import devices
from brinell.errors import InputError

TOY = ("nets.py:Linear", "toy.npz", "linf:0.05")


def test_a_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, name in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert devices.find("auto") == torch.device(name)
    assert devices.find("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "meta", "cpu:x"])
def test_a_device_that_is_not_there_is_refused(run: Run, name: str) -> None:
    ended = run("audit", *TOY, "--effort", "quick", "--device", name)
    assert ended.code == 2
    assert f"the device is {name!r}, which cannot be used here" in ended.err
    assert "there are cpu" in ended.err
    with pytest.raises(InputError, match="auto takes a GPU if there is one"):
        devices.find(name)


def test_every_command_works_where_it_is_told(run: Run) -> None:
    commands = (
        "audit nets.py:Linear toy.npz linf:0.05 --attack FGSM --no-diagnose --out a", "verify a",
        "attack FGSM nets.py:Linear toy.npz linf:0.05", "certify nets.py:Linear toy.npz linf:0.05",
        "curve nets.py:Linear toy.npz linf:0.05 --effort quick --shares 1",
    )  # fmt: skip
    for command in commands:
        ended = run(*shlex.split(command), "--device", "cpu")
        assert ended.code == 0, ended.err
    assert brinell.load_audit("a").record.settings.versions.device == "cpu"


def test_a_training_stays_on_the_cpu_where_that_is_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_CPU", "false")
    words = ("harden", *TOY, "--recipe", "Standard", "--epochs", 1)
    assert run(*words, "--out", "hard", "--device", "cpu").code == 0
    assert os.environ["ACCELERATE_USE_CPU"] == "true"
    monkeypatch.setenv("WORLD_SIZE", "2")
    ended = run(*words, "--out", "harder", "--device", "cpu")
    assert ended.code == 2
    assert "--device cpu is for one process; of several each takes its own" in ended.err


def test_a_settings_file_may_name_it(run: Run) -> None:
    Path("audit.yaml").write_text("device: nowhere\n")
    ended = run("audit", *TOY, "--config", "audit.yaml")
    assert ended.code == 2
    assert "audit.yaml:1: device: the device is 'nowhere'" in ended.err
