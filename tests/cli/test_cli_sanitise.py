"""``--sanitise``, on every command that has it."""

import json
from pathlib import Path

import pytest
from workshop import Run

import brinell
from brinell.report import replay

TOY = ("nets.py:Linear", "toy.npz", "linf:0.05")
BEHIND = ("--sanitise", "bitdepth:bits=5", "--sanitise", "median")
QUICK = ("--effort", "quick", "--no-diagnose", "--n", 40)


def test_both_numbers_are_shown_and_the_run_can_be_verified(run: Run) -> None:
    ended = run("audit", *TOY, *BEHIND, *QUICK, "--out", "a")
    assert ended.code == 0
    said = " ".join(ended.out.split())
    assert "Before it BitDepth(bits=5) (attacked by BPDA, the identity" in said
    assert "Median(size=3) (attacked by its own slope" in said
    assert "static (40 steps on the bare model), then FGSM" in said
    assert "by examples made for the bare model: no measure of robustness" in said
    assert ", adaptive" in said
    audit = brinell.load_audit("a")
    assert audit.static_accuracy is not None
    assert audit.static_accuracy.hits >= audit.robust_accuracy.hits
    facts = audit.record.settings
    assert facts.origin is not None
    assert facts.origin.sanitise == ("bitdepth:bits=5", "median")
    assert str(facts.origin) == "nets.py:Linear, behind bitdepth:bits=5, median"
    code = replay.replay(audit.record).code
    assert "--sanitise bitdepth:bits=5 \\\n  --sanitise median" in code
    assert "--attack" not in code
    assert "--sanitise bitdepth:bits=5" in replay.over_eps(audit.record)
    assert run("verify", "a").code == 0
    other = run("verify", "a", "--sanitise", "bitdepth:bits=4")
    assert other.code == 1
    assert "BitDepth(bits=4) here" in " ".join(other.out.split())


def test_json_has_both_numbers(run: Run) -> None:
    facts = json.loads(run("audit", *TOY, *BEHIND, *QUICK, "--out", "a", "--json").out)
    assert facts["static_accuracy"]["n"] == facts["robust_accuracy"]["n"] == 40
    assert [guard["label"] for guard in facts["settings"]["model"]["guards"]] == ["BitDepth(bits=5)", "Median(size=3)"]
    bare = json.loads(run("audit", *TOY, *QUICK, "--out", "b", "--json").out)
    assert bare["static_accuracy"] is None


def test_one_attack_goes_through(run: Run) -> None:
    coarse = json.loads(run("attack", "PGD", *TOY, "--sanitise", "bitdepth:bits=1", "--json").out)
    fine = json.loads(run("attack", "PGD", *TOY, "--json").out)
    assert coarse["clean_accuracy"]["value"] < fine["clean_accuracy"]["value"] == 1
    assert coarse["model"].endswith("behind bitdepth:bits=1")


def test_a_curve_goes_through(run: Run) -> None:
    ended = run("curve", *TOY, *BEHIND, "--effort", "quick", "--shares", "1", "--n", 30)
    assert ended.code == 0
    assert "static (40 steps on the bare model), then" in " ".join(ended.out.split())


def test_a_settings_file_may_name_them(run: Run) -> None:
    Path("audit.yaml").write_text("sanitise: [bitdepth:bits=5]\neffort: quick\ndiagnose: false\nn: 20\nout: a\n")
    assert run("audit", *TOY, "--config", "audit.yaml").code == 0
    assert brinell.load_audit("a").record.settings.model.guards[0].label == "BitDepth(bits=5)"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "jpg",
            "there is no sanitiser 'jpg'; choose one of BitDepth, JPEG, Median, RandomResizePad; did you mean JPEG?",
        ),
        ("jpeg:quality=0", "quality is 0; it must be a whole number in 1..100"),
        ("jpeg:level=3", "JPEG has no parameter 'level'; it has quality=75"),
        ("median:size=4", "size is 4; it must be odd"),
        ("jpeg", "JPEG takes pictures (N, 1 or 3, H, W), and these inputs are ('N', 8)"),
    ],
)
def test_wrong_use_ends_with_2(run: Run, text: str, words: str) -> None:
    ended = run("audit", *TOY, "--sanitise", text)
    assert ended.code == 2
    assert words in " ".join(ended.err.split())
