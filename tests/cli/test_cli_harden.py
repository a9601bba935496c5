"""`brinell harden`."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from workshop import FEATURES, Run

import brinell
from brinell.defenses import TrainingLog

TOY = ("harden", "nets.py:untrained", "toy.npz", "linf:0.02")


def log_of(folder: str) -> TrainingLog:
    return TrainingLog.model_validate_json((Path(folder) / "training.json").read_text())


@pytest.fixture
def more_rows(workshop: Path) -> str:
    """600 rows: enough to hold some out."""
    x = np.random.default_rng(1).uniform(0.3, 0.7, (600, FEATURES)).astype(np.float32)
    np.savez(workshop / "more.npz", x=x, y=(x.sum(1) > FEATURES / 2).astype(np.int64))
    return "more.npz"


def test_writes_weights_and_log_and_says_what_came_out(run: Run, more_rows: str) -> None:
    words = ("harden", "nets.py:untrained", more_rows, "linf:0.02", "--recipe", "FastFGSM")
    ended = run(*words, "--epochs", 3, "--out", "new/hard")
    assert (ended.code, ended.err) == (0, "")
    assert sorted(path.name for path in Path("new/hard").iterdir()) == ["training.json", "weights.safetensors"]
    log = log_of("new/hard")
    assert (len(log.epochs), log.held_out, log.recipe) == (3, 30, "FastFGSM")
    assert log.best is not None
    assert f"30 rows of these data that were held out, after epoch {log.best_epoch}, the best" in ended.out
    for name, rate in (("Clean accuracy", log.best.clean), ("Under FGSM", log.best.fgsm)):
        assert re.search(rf"^{name} +{re.escape(str(rate))}", ended.out, re.MULTILINE)
    assert f"{log.best.pgd}, an upper bound" in ended.out
    assert "Kept: new/hard/weights.safetensors, new/hard/training.json" in ended.out


def test_what_it_says_to_type_next_works(run: Run, more_rows: str) -> None:
    words = ("harden", "nets.py:untrained", more_rows, "linf:0.02", "--bounds", "0:2", "--recipe", "Standard")
    ended = run(*words, "--epochs", 1, "--out", "a b")
    (command,) = re.findall(r"Now measure it: brinell (.*?) *$", ended.out, re.MULTILINE)
    words_next = [word.replace("OTHER_DATA", "toy.npz") for word in shlex.split(command)]
    assert words_next[2] == "toy.npz"
    assert run(*words_next, "--attack", "FGSM", "--out", "audit").code == 0
    record = brinell.load_audit("audit").record
    assert record.settings.model.bounds == "(0, 2)"
    assert "a b/weights.safetensors" in (record.settings.model.origin or "")


def test_a_data_set_with_a_test_part_is_audited_on_that(run: Run) -> None:
    words = ("harden", "brinell.models:SmallCNN", "digits:train", "linf:0.3", "--recipe", "Standard")
    ended = run(*words, "--n", 64, "--epochs", 1, "--out", "hard")
    assert "brinell audit brinell.models:SmallCNN digits linf:0.3 --weights hard/weights.safetensors" in ended.out


def test_options_reach_the_recipe_and_the_training(run: Run) -> None:
    more = ["-p", "steps=2", "--parameter", "warmup=1/2", "--epochs", "2", "--lr", "0.01", "--seed", "3"]
    ended = run(*TOY, "--recipe", "pgdtraining:rel_step=0.5", *more, "--n", "60", "--batch-size", "30", "--out", "h")
    assert ended.code == 0
    log = log_of("h")
    assert log.parameters == {"steps": 2, "rel_step": 0.5, "warmup": 0.5, "rel_eps": 1.0}
    assert (log.planned_epochs, log.lr, log.seed, log.n, log.batch_size) == (2, 0.01, 3, 60, 30)
    assert "No rows were held out" in ended.out
    assert "Note: Too few rows to hold some out" in ended.out


def test_a_recipe_within_a_recipe_is_named_with_its_parameters(run: Run) -> None:
    more = ["--recipe", "AWP:gamma=0.02", "-p", "recipe=trades:steps=2", "--epochs", 1, "--n", 40, "--out", "h"]
    assert run(*TOY, *more).code == 0
    inner = "TRADES(beta=6.0, steps=2, rel_step=None, warmup=0.33)"
    assert log_of("h").parameters == {"recipe": inner, "gamma": 0.02}


def test_same_seed_same_weights(run: Run) -> None:
    kept = []
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(*TOY, "--recipe", "Tutorial", "--epochs", 1, "--seed", seed, "--out", out)
        kept.append(load_file(f"{out}/weights.safetensors")["weight"])
    assert torch.equal(kept[0], kept[1])
    assert not torch.equal(kept[0], kept[2])


def test_training_can_start_from_weights(run: Run, workshop: Path) -> None:
    net = torch.nn.Linear(8, 3)
    brinell.save_weights(net, workshop / "w.safetensors")
    run(*TOY, "--recipe", "Standard", "--weights", "w.safetensors", "--lr", 1e-9, "--epochs", 1, "--out", "h")
    assert torch.allclose(load_file("h/weights.safetensors")["weight"], net.weight, atol=1e-6)


def test_ctrl_c_keeps_the_epochs_that_are_done(run: Run) -> None:
    words = ("harden", "nets.py:Stops", "toy.npz", "linf:0.02", "--recipe", "Standard", "--batch-size", 120)
    ended = run(*words, "--epochs", 9, "--out", "h")
    assert ended.code == 130
    assert re.search(r"interrupted: (\d) of 9 epochs are done; the best, epoch \1, is kept in h/weights", ended.err)
    assert len(log_of("h").epochs) == int(ended.err.split()[1])
    assert sorted(load_file("h/weights.safetensors")) == ["bias", "weight"]


def test_ctrl_c_in_the_first_epoch_leaves_nothing(run: Run) -> None:
    words = ("harden", "nets.py:Stops", "toy.npz", "linf:0.02", "--recipe", "Standard", "--batch-size", 2)
    ended = run(*words, "--epochs", 9, "--out", "h")
    assert (ended.code, ended.err) == (130, "interrupted: no epoch was finished, so nothing is kept.\n")
    assert not Path("h").exists()


def test_choices_that_every_recipe_has_reach_the_training(run: Run, more_rows: str) -> None:
    words = ("harden", "nets.py:untrained", more_rows, "linf:0.02", "--recipe", "Standard", "--epochs", 2)
    pairs = ["average=0.9", "by=class", "held_out=1/5", "optimizer=sgd", "weight_decay=1e-4", "schedule=cosine",
             "augment=shift:most=1", "augment=Noise:sigma=0.01", "class_weights=balanced", "attack_mode=train",
             "accumulate=2", "precision=bfloat16", "patience=none", "checkpoint=1"]  # fmt: skip
    ended = run(*words, *(word for pair in pairs for word in ("--training", pair)), "--out", "h")
    assert (ended.code, ended.err) == (0, "")
    log = log_of("h")
    assert log.options == {
        "average": 0.9, "by": "class", "held_out": 0.2, "split_by": None, "patience": None, "optimizer": "sgd",
        "momentum": 0.9, "weight_decay": 1e-4, "schedule": "cosine", "accumulate": 2, "precision": "bfloat16",
        "augment": ["Shift(most=1)", "Noise(sigma=0.01)"], "class_weights": "balanced", "attack_mode": "train",
    }  # fmt: skip
    assert log.best is not None
    assert f"Its worst group, {log.best.worst_group}" in ended.out


def test_a_stopped_training_goes_on(run: Run) -> None:
    words = ["harden", "nets.py:Stops", "toy.npz", "linf:0.02", "--recipe", "Standard", "--batch-size", 120]
    stopped = run(*words, "--epochs", 4, "--out", "h")
    (command,) = re.findall(r"Go on with: brinell (.*)", stopped.err)
    assert shlex.split(command)[-1] == "--resume"
    on = [word.replace("Stops", "Linear") for word in shlex.split(command)]  # of the same weights
    assert run(*on).code == 0
    run("harden", "nets.py:Linear", *words[2:], "--epochs", 4, "--out", "whole")
    assert torch.equal(load_file("h/weights.safetensors")["weight"], load_file("whole/weights.safetensors")["weight"])
    assert log_of("h").epochs == log_of("whole").epochs
    other = run(*on, "--seed", 1)
    assert (other.code, "seed is 0 there, 1 here" in other.err) == (2, True)


def test_the_result_is_audited_where_that_is_asked_for(run: Run, more_rows: str) -> None:
    words = ("harden", "nets.py:untrained", more_rows, "linf:0.02", "--recipe", "Standard", "--epochs", 1)
    ended = run(*words, "--out", "h", "--audit", "quick", "--audit-data", "toy.npz")
    assert ended.code == 0
    audit = brinell.load_audit("h/audit")
    assert "Audit: h/audit" in ended.out
    assert str(audit.robust_accuracy.value)[:4] in ended.out or f"{audit.robust_accuracy.value:.1%}" in ended.out
    assert (audit.record.settings.effort, audit.record.settings.data.n) == ("quick", 120)
    assert "Now measure it" not in ended.out


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--recipe", "Standard", "--out", "h", "-t", "averag=1"], "Training has no parameter 'averag'"),
        (
            ["--recipe", "Standard", "--out", "h", "-t", "augment=spin"],
            "there is no augmentation 'spin'; choose one of",
        ),
        (["--recipe", "Standard", "--out", "h", "-t", "class_weights=a,b"], "the class_weights are 'a,b'"),
        (["--recipe", "Standard", "--out", "h", "-t", "patience=2"], "patience needs held-out rows"),
        (["--recipe", "Standard", "--out", "h", "--audit", "fast"], "--audit is 'fast'; choose one of quick"),
        (["--recipe", "Standard", "--out", "h", "--audit", "quick"], "name them with --audit-data"),
        (["--recipe", "Standard", "--out", "h", "--audit-data", "toy.npz"], "but nothing is to be audited"),
        (["--recipe", "PGD", "--out", "h"], "there is no recipe 'PGD'; choose one of Standard, Tutorial, FastFGSM"),
        (["--recipe", "FastFGSM", "--out", "."], "the folder . exists and is not empty; resume it (--resume"),
        (["--recipe", "FastFGSM", "--out", "toy.npz"], "toy.npz is a file; name a folder"),
        (["--recipe", "FastFGSM", "-p", "x=1", "--out", "h"], "FastFGSM has no parameter 'x'; it has rel_step=1.25"),
        (["--recipe", "Standard", "-p", "x=1", "--out", "h"], "Standard has no parameter 'x'; it has no parameters"),
        (["--recipe", "AWP:recipe=Standard", "--out", "h"], "AWP needs one that searches for inputs"),
        (["--recipe", "AWP:recipe=PGD", "--out", "h"], "there is no recipe 'PGD'; choose one of"),
        (["--recipe", "TRADES:beta=0", "--out", "h"], "beta is 0.0; it must be above 0"),
        (["--recipe", "FastFGSM", "--lr", "-1", "--out", "h"], "--lr is -1.0; give a rate above 0"),
    ],
)
def test_wrong_use(more: list[str], says: str, run: Run) -> None:
    ended = run(*TOY, *more)
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert says in ended.err
    assert not Path("h").exists()


def test_an_empty_folder_will_do(run: Run) -> None:
    Path("h").mkdir()
    assert run(*TOY, "--recipe", "Standard", "--epochs", 1, "--out", "h").code == 0
    assert json.loads(Path("h/training.json").read_text())["recipe"] == "Standard"


def test_a_dry_run_measures_every_recipe_and_trains_nothing(run: Run) -> None:
    ended = run(*TOY, "--dry-run", "--epochs", 7, "--batch-size", 30)
    assert (ended.code, ended.out.count("Now measure it")) == (0, 0)
    told = {line.split()[0]: line.split()[1] for line in ended.out.splitlines() if " ms " in line}
    assert {*told} <= {*brinell.RECIPES}
    assert len(told) + ended.out.count("does not work here") == len(brinell.RECIPES)
    assert {*told.values()} == {"7"}
    assert "Nothing was trained." in ended.out
    assert [path.name for path in Path().iterdir() if path.is_dir() and path.name != "__pycache__"] == []


def test_a_dry_run_of_one_recipe_stands_beside_standard_training(run: Run) -> None:
    ended = run(*TOY, "--recipe", "PGDTraining:steps=3", "--dry-run", "--out", "h")
    lines = {line.split()[0]: line.split() for line in ended.out.splitlines() if " ms " in line}
    assert {*lines} == {"Standard", "PGDTraining"}
    assert lines["Standard"][-1] == "1.00"
    assert lines["PGDTraining"][-4] == "4"  # gradients for each row
    assert not Path("h").exists()


@pytest.mark.parametrize("more", [[], ["--recipe", "Standard"], ["--out", "h"]])
def test_a_training_needs_a_recipe_and_a_folder(more: list[str], run: Run) -> None:
    ended = run(*TOY, *more)
    assert ended.code == 2
    assert "give --recipe and --out; or --dry-run" in ended.err
    assert not Path("h").exists()


def test_memory_is_saved_where_that_is_asked_for(run: Run) -> None:
    words = (*TOY, "--recipe", "AWP", "--save-memory", "--epochs", 1)
    ended = run(*words, "--out", "h")
    assert ended.code == 0
    pieces = log_of("h").options["accumulate"]
    assert "Memory: batches " + ("whole" if pieces == 1 else f"in {pieces} pieces") in ended.out
    dry = run(*words, "--dry-run")
    assert dry.code == 0
    assert ("64 in " in dry.out) == (pieces > 1)
