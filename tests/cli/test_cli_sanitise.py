"""``--sanitise`` and ``--detect``, on every command that has them."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from workshop import Run

import brinell
from brinell.data import Selected, read, stratified
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


DETECT = ("--detect", "bitdepth:bits=4", "--detect", "median")


def test_a_detector_takes_its_threshold_from_the_rows_that_are_left(run: Run) -> None:
    ended = run("audit", *TOY, *DETECT, "--false-alarms", 0.1, *QUICK, "--out", "a", "--report", "a.html")
    assert ended.code == 0, ended.err
    audit = brinell.load_audit("a")
    facts, origin = audit.record.settings, audit.record.settings.origin
    assert origin is not None
    assert origin.detector is not None
    assert (origin.detector.data, origin.detector.n, origin.detector.false_alarms) == ("toy.npz", 80, 0.1)
    assert origin.detector.squeezers == ("bitdepth:bits=4", "median")
    assert facts.model.rejects
    assert facts.model.guards[0].label.startswith("FeatureSqueezing(BitDepth(bits=4), Median(size=3), threshold=")
    model = br_model()
    x, _ = rest_of(audit)
    again = brinell.FeatureSqueezing(model, (brinell.BitDepth(4), brinell.Median(3))).calibrated(x, 0.1)
    assert origin.detector.threshold == again.threshold
    assert audit.false_alarms is not None
    assert audit.static_accuracy is not None
    said = " ".join(ended.out.split())
    assert f"False alarms {audit.false_alarms}: clean rows that are turned away" in said
    assert f"Static {audit.static_accuracy}" in said
    assert f"Robust accuracy {audit.robust_accuracy}, adaptive" in said
    sentence = "threshold was chosen from 80 clean rows of toy.npz, for 10.0% of false alarms at most on average"
    assert sentence in said
    assert sentence in " ".join(Path("a.html").read_text().split())


def br_model() -> brinell.Classifier:
    """The network of nets.py, as the command line makes it."""
    from nets import Linear  # type: ignore[import-not-found]

    return brinell.Classifier(Linear(), bounds=(0.0, 1.0)).eval()


def rest_of(audit: brinell.Audit) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows of the data that were not audited."""
    whole = read("toy.npz")
    assert audit.record.settings.origin is not None
    chosen = stratified(whole, audit.record.settings.data.n, audit.record.settings.seed)
    assert isinstance(chosen, Selected)
    return whole.block(sorted({*range(len(whole))} - {*chosen.index.tolist()}))


def test_what_a_detector_was_is_verified_and_replayed_without_its_clean_rows(run: Run) -> None:
    x, y = np.full((30, 8), 0.4, np.float32) + np.linspace(0, 0.2, 30, dtype=np.float32)[:, None], np.zeros(30, int)
    np.savez("held.npz", x=x, y=y)
    assert run("audit", *TOY, *DETECT, "--detect-data", "held.npz", *QUICK, "--out", "a").code == 0
    Path("held.npz").unlink()
    assert run("verify", "a").code == 0
    other = run("verify", "a", "--detect", "median", "--detect-threshold", 1)
    assert other.code == 1
    assert "guards: FeatureSqueezing(BitDepth(bits=4), Median(size=3)" in " ".join(other.out.split())
    record = brinell.load_audit("a").record
    assert record.settings.origin is not None
    assert record.settings.origin.detector is not None
    threshold = record.settings.origin.detector.threshold
    words = ["--detect", "bitdepth:bits=4", "--detect", "median", "--detect-threshold", str(threshold)]
    for command in (replay.replay(record).code, replay.over_eps(record)):
        spoken = shlex.split(command.replace("\\\n", ""))
        at = spoken.index("--detect")
        assert spoken[at : at + len(words)] == words
    assert run(*shlex.split(replay.replay(record).code.replace("\\\n", ""))[1:]).code == 0
    again = brinell.load_audit("runs/again").record
    assert (again.robust, again.false_alarms) == (record.robust, record.false_alarms)
    at_once = ("--effort", "quick", "--shares", 1, "--json")
    curve = json.loads(
        run(
            "curve",
            *TOY,
            "--detect",
            "bitdepth:bits=4",
            "--detect",
            "median",
            "--detect-threshold",
            threshold,
            *at_once,
        ).out
    )
    assert "behind a detector (bitdepth:bits=4, median; threshold" in curve["model"]


def test_one_attack_meets_a_detector_and_a_sanitiser_behind_it(run: Run) -> None:
    words = ("attack", "PGD", *TOY, "--detect", "median", "--detect-threshold", 2, "--json")
    open_ = json.loads(run(*words).out)
    shut = json.loads(run(*words[:-3], "--detect-threshold", 0, "--sanitise", "bitdepth:bits=1", "--json").out)
    assert shut["clean_accuracy"]["value"] < open_["clean_accuracy"]["value"] == 1
    assert shut["model"].endswith("behind a detector (median; threshold 0), bitdepth:bits=1")


def test_a_settings_file_may_name_a_detector(run: Run) -> None:
    Path("audit.yaml").write_text(
        "detect: [median]\ndetect_threshold: 1.5\neffort: quick\ndiagnose: false\nn: 20\nout: a\n"
    )
    assert run("audit", *TOY, "--config", "audit.yaml").code == 0
    assert brinell.load_audit("a").record.settings.model.guards[0].label.endswith("threshold=1.5)")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--detect", "median"), "a detector needs clean rows for its threshold, neither trained on nor audited"),
        (("--detect-data", "toy.npz"), "--detect-data toy.npz is for a detector; add --detect SQUEEZER"),
        (("--false-alarms", 0.1), "--false-alarms 0.1 is for a detector"),
        ((*DETECT, "--detect-data", "toy.npz"), "--detect-data toy.npz are the rows to audit"),
        ((*DETECT, "--detect-data", "none.npz"), "'none.npz' is neither a data set"),
        ((*DETECT, "--detect-data", "digits"), "have shape (1, 28, 28), those to audit (8,)"),
        ((*DETECT, "--detect-threshold", 1, "--false-alarms", 0.1), "exclude each other"),
        ((*DETECT, "--detect-threshold", 3), "should be less than or equal to 2"),
        ((*DETECT, "--n", 60, "--false-alarms", 0), "false_alarms is 0.0; it must be above 0 and below 1"),
        ((*DETECT, "--n", 110), "10 rows cannot promise 0.05 false alarms; pass at least 19 clean rows"),
        (("--detect", "sift"), "there is no sanitiser 'sift'"),
    ],
)  # fmt: skip
def test_wrong_use_of_a_detector_ends_with_2(run: Run, options: tuple[object, ...], words: str) -> None:
    ended = run("audit", *TOY, *options)
    assert ended.code == 2
    assert words in " ".join(ended.err.split())
