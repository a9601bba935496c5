"""`brinell audit`."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from workshop import INTERRUPTIBLE, N, Run, arrays, environment, margins

import brinell
from brinell.cli import progress
from brinell.evaluation import summary

TOY = ("audit", "nets.py:Linear", "toy.npz", "linf:0.05")
QUICK = (*TOY, "--effort", "quick")


def facts_of(text: str) -> dict[str, str]:
    """The words on the right, by those on the left."""
    return dict(re.findall(r"^(\w[\w ]*?)  +(\S.*?) *$", text, re.MULTILINE))


def test_says_threat_and_protocol_before_the_numbers(run: Run) -> None:
    ended = run(*QUICK, "--out", "a")
    assert (ended.code, ended.err) == (0, "")
    said = facts_of(ended.out)
    assert said["Threat"].startswith("linf:0.05. Every value may change by at most 0.05")
    assert "(0, 1)" in said["Threat"]
    assert "any label but the true one" in said["Attacker"]
    assert said["Protocol"].startswith("quick, seed 0: FGSM, then PGD(steps=10, annealed, center), then ")
    assert said["Data"] == "120 rows of toy.npz; groups: site, sex"
    assert "nets.py:Linear" in said["Model"]
    order = [ended.out.index(word) for word in ("Threat", "Protocol", "Clean accuracy", "Robust accuracy")]
    assert order == sorted(order)


def test_measures_what_is_known(run: Run, workshop: Path) -> None:
    ended = run(*QUICK, "--out", "a")
    standing = int((margins(arrays("toy.npz")["x"]) > 8 * 0.05).sum())
    said = facts_of(ended.out)
    assert said["Clean accuracy"].startswith("100.0% (96.9% to 100.0%, n = 120)")
    assert said["Robust accuracy"].startswith(f"{standing / N:.1%} (")
    assert "an upper bound: a stronger attack may break more" in ended.out
    assert re.search(rf"FGSM +{N} +{standing} +{standing / N:.1%}", ended.out)
    assert f"Run folder: a ({', '.join(sorted(path.name for path in Path('a').iterdir()))})" in ended.out
    assert brinell.load_audit("a").robust_accuracy.hits == standing


def test_bounds_that_were_assumed_are_said_and_can_be_given(run: Run) -> None:
    assumed = run(*QUICK, "--n", 30)
    assert "its inputs are taken to lie in 0:1" in assumed.out
    given = run(*QUICK, "--n", 30, "--bounds", "-1:2")
    assert "taken to lie" not in given.out
    assert "Inputs stay within (-1, 2)" in given.out


def test_groups_are_shown_with_worst_and_gap(run: Run) -> None:
    ended = run("audit", "nets.py:Linear", "toy.npz", "linf:0.02", "--effort", "quick", "--out", "a")
    audit = brinell.load_audit("a")
    for name in ("class", "site", "sex"):
        assert re.search(rf"^ {name} +n +clean accuracy +robust accuracy", ended.out, re.MULTILINE)
        for row in audit.by_group(name):
            assert re.search(rf"^ {row.group} +{row.n} +100.0% .* {row.robust_accuracy.value:.1%} \(", ended.out, re.M)
        worst, gap = audit.worst_group(name), audit.gap(name)
        assert f"Worst: {worst.group}, {worst.robust_accuracy.value:.1%} ({worst.robust_accuracy.low:.1%}" in ended.out
        assert gap.best != gap.worst
        assert f"Gap to the best: {100 * gap.value:.1f} points, to {gap.best} (" in ended.out


def test_groups_can_be_chosen_and_crossed(run: Run) -> None:
    ended = run(*QUICK, "--n", 60, "--group", "sex", "--group", "site,sex")
    assert re.findall(r"^ (\S.*?) +n +clean", ended.out, re.MULTILINE) == ["sex", "site and sex"]
    assert re.search(r"^ 0 / f +\d+ +.*few rows", ended.out, re.MULTILINE)


def test_one_group_has_no_gap_and_many_are_cut(run: Run, workshop: Path) -> None:
    x, y = arrays("toy.npz")["x"], arrays("toy.npz")["y"]
    np.savez("many.npz", x=x, y=y, group_one=np.zeros(N, int), group_id=np.arange(N), group_half=np.arange(N) % 2)
    ended = run("audit", "nets.py:Linear", "many.npz", "linf:0.3", "--attack", "FGSM")
    assert "There is no other group to compare it with." in ended.out
    assert "id (the 30 lowest of 120)" in ended.out
    assert "Gap to the best: none to be seen (0.0 to " in ended.out


def test_warnings_are_shown(run: Run) -> None:
    ended = run("audit", "nets.py:untrained", "toy.npz", "linf:0.1", "--attack", "FGSM", "--n", 12)
    assert "Warning: clean accuracy is" in ended.out
    assert ended.code == 0


def test_rows_on_which_two_judgements_differ_are_told_of(run: Run) -> None:
    words = ("audit", "nets.py:Shaky", "toy.npz", "linf:0.1", "--attack", "FGSM", "--batch-size", 8, "--no-diagnose")
    ended = run(*words, "--out", "a")
    unstable = brinell.load_audit("a").record.unstable
    assert unstable > 0
    assert f"{unstable} rows are unstable: rounding alone decides them" in ended.out


def test_a_model_fresh_from_its_function_is_not_blamed_for_train_mode(run: Run) -> None:
    assert "train mode" not in run("audit", "nets.py:dropping", "toy.npz", "linf:0.1", "--attack", "FGSM").out


def test_attacks_can_be_chosen(run: Run) -> None:
    ended = run(*TOY, "--attack", "pgd:steps=3,rel_step=1/2", "--attack", "FGSM", "--out", "a")
    assert "chosen attacks, seed 0: PGD(steps=3, rel_step=0.5), then FGSM;" in ended.out
    assert brinell.load_audit("a").record.settings.effort == "own"


def test_a_budget_takes_the_place_of_an_effort(run: Run) -> None:
    ended = run(*TOY, "--budget", 10, "--no-diagnose", "--out", "a")
    assert (ended.code, ended.err) == (0, "")
    said = facts_of(ended.out)["Protocol"]
    assert said.startswith("as far as 10 gradients a row go, seed 0: FGSM, then PGD(steps=8, annealed, margin)")
    record = brinell.load_audit("a").record
    assert (record.settings.effort, record.settings.budget) == ("budget", "10 gradients a row")
    assert sum(stage.gradients for stage in record.stages) <= 10 * N
    with_own = run(*TOY, "--budget", "1m", "--attack", "FGSM", "--no-diagnose", "--out", "b")
    assert (with_own.code, with_own.err) == (0, "")
    assert brinell.load_audit("b").record.settings.budget == "60s"


def test_each_attack_alone(run: Run) -> None:
    ended = run(*QUICK, "--alone", "--json")
    record = json.loads(ended.out)
    assert record["settings"]["alone"] is True
    assert [stage["alone"]["hits"] for stage in record["stages"]] == [record["robust"]["hits"]] * 4
    assert "left if alone" in ended.err


def test_a_label_can_be_wanted(run: Run) -> None:
    ended = run("audit", "nets.py:three", "toy.npz", "linf:0.05", "--target", 2, "--attack", "FGSM", "--json")
    assert json.loads(ended.out)["settings"]["goal"] == "toward 2"
    assert "wants the label 2" in ended.err


def test_json_is_the_summary_and_nothing_else(run: Run) -> None:
    ended = run("audit", "nets.py:Chatty", "toy.npz", "linf:0.05", "--effort", "quick", "--out", "a", "--json")
    assert json.loads(ended.out) == json.loads(json.dumps(summary(brinell.load_audit("a"))))
    assert "nets.py is imported" in ended.err
    assert "forward!" in ended.err
    assert "Robust accuracy" in ended.err


def test_without_a_name_each_run_has_a_folder_of_its_own(run: Run) -> None:
    folders = []
    for _ in range(2):
        ended = run(*TOY, "--attack", "FGSM", "--n", 10, "--examples", "none")
        folders.append(re.findall(r"Run folder: (\S+) ", ended.out)[0])
    assert re.fullmatch(r"runs/audit-\d{8}-\d{6}", folders[0])
    assert len(set(folders)) == 2
    assert not (Path(folders[0]) / "adversarial.safetensors").exists()


def test_a_sample_is_stratified_and_seeded(run: Run) -> None:
    tables = []
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(*TOY, "--attack", "PGD:steps=2", "--no-diagnose", "--n", 40, "--seed", seed, "--out", out)
        audit = brinell.load_audit(out)
        tables.append(audit.record.settings.data.sha256)
        counts = np.bincount(arrays("toy.npz")["y"])
        assert [row.n for row in audit.by_group("class")] == [round(40 * count / N) for count in counts]
    assert tables[0] == tables[1] != tables[2]


def test_initial_weights_come_from_the_seed(run: Run) -> None:
    hashes = []
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        words = ("audit", "nets.py:untrained", "toy.npz", "linf:0.1", "--attack", "FGSM", "--n", 10, "--no-diagnose")
        run(*words, "--seed", seed, "--out", out)
        hashes.append(brinell.load_audit(out).record.settings.model.sha256)
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_record_tells_where_the_model_is_from(run: Run, workshop: Path) -> None:
    brinell.save_weights(torch.nn.Linear(8, 1), workshop / "w.safetensors")
    run(*QUICK, "--weights", "w.safetensors", "--batch-size", 7, "--out", "a", "--n", 20)
    settings = brinell.load_audit("a").record.settings
    assert settings.model.origin == "nets.py:Linear, weights w.safetensors"
    assert settings.batch == 7


def test_a_report_can_be_written(run: Run, workshop: Path) -> None:
    ended = run(*QUICK, "--n", 40, "--report", "report.html")
    assert "Report: report.html" in ended.out
    assert (workshop / "report.html").read_text().lstrip().lower().startswith("<!doctype html")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--effort", "huge"], "effort is 'huge'; choose one of quick, standard, thorough"),
        (["--effort", "quick", "--attack", "FGSM"], "--effort quick and --attack FGSM exclude each other"),
        (["--budget", "30s", "--effort", "quick"], "--budget 30s and --effort quick exclude each other"),
        (["--budget", "soon"], "budget is 'soon'; give a time above 0 such as \"30s\""),
        (["--attack", "PGDD"], "there is no attack 'PGDD'; choose one of FGSM"),
        (["--examples", "some"], "examples is 'some'"),
        (["--group", "age"], "there is no group 'age'; these data have: class, site, sex"),
        (["--resume"], "--resume needs the folder of the unfinished audit: add --out"),
        (["--target", "2"], "a wanted label is 2; the model's classes are 0..1"),
        (["--n", "121"], "n is 121; pass 1 to 120"),
        (["--report", "."], "--report . is a folder; name a file"),
        (["--out", "nets.py"], "nets.py is a file"),
    ],
)
def test_wrong_use(more: list[str], says: str, run: Run, workshop: Path) -> None:
    ended = run(*TOY, *more)
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert says in ended.err
    assert not (workshop / "runs").exists()


def test_a_folder_that_exists_is_left_alone(run: Run) -> None:
    assert run(*QUICK, "--out", "a").code == 0
    before = {path: path.stat().st_mtime_ns for path in Path("a").iterdir()}
    again = run(*QUICK, "--out", "a")
    assert again.code == 2
    assert re.search(r"error: the folder a exists.*--resume.*name another", again.err)
    other = run(*QUICK, "--out", "a", "--seed", 1, "--resume")
    assert other.code == 2
    assert "a holds another audit: seed is 0 there, 1 here" in other.err
    assert run(*QUICK, "--out", "a", "--resume").code == 0
    assert {path: path.stat().st_mtime_ns for path in Path("a").iterdir()} == before


def test_ctrl_c_keeps_what_is_done_and_tells_how_to_go_on(run: Run, workshop: Path) -> None:
    slow = ("audit", "nets.py:Slow", *TOY[2:], "--attack", "PGD:steps=5", "--batch-size", "4", "--no-diagnose")
    program = [sys.executable, "-c", INTERRUPTIBLE, *slow]
    process = subprocess.Popen(
        program, env=environment(NETS_SLEEP="0.03"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not list(workshop.glob("runs/*/parts/*.parquet")) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    said = re.search(r"^interrupted: (\d+) rows are done and kept in (\S+)\. Go on with: brinell (.*)\n\Z", err, re.M)
    assert said, err
    assert 0 < int(said[1]) < N
    assert not (Path(said[2]) / "run.json").exists()

    assert run(*shlex.split(said[3])).code == 0
    assert run(*slow, "--out", "undisturbed").code == 0
    resumed, undisturbed = brinell.load_audit(said[2]), brinell.load_audit("undisturbed")
    assert resumed == undisturbed
    assert torch.equal(resumed.x_adv, undisturbed.x_adv)
    assert (resumed.folder / "run.json").read_bytes() == (undisturbed.folder / "run.json").read_bytes()


def test_ctrl_c_while_resuming_repeats_no_option(run: Run) -> None:
    words = ("audit", "nets.py:Stops", "toy.npz", "linf:0.01", "--attack", "PGD:steps=20", "--batch-size", 8)
    ended = run(*words, "--out", "a", "--resume")
    assert ended.code == 130
    assert ended.err.endswith("--out a --resume\n")
    assert ended.err.count("--resume") == ended.err.count("--out") == 1


# Examples that are there already, and several seeds


def test_examples_of_another_program(run: Run) -> None:
    assert run("attack", "FGSM", *TOY[1:], "--out", "theirs.npz").code == 0
    ended = run(*TOY, "--examples-from", "theirs.npz", "--effort", "none", "--out", "a")
    assert (ended.code, ended.err) == (0, "")
    assert "no attacks, seed 0: examples from theirs.npz." in ended.out
    standing = int((margins(arrays("toy.npz")["x"]) > 8 * 0.05).sum())
    assert brinell.load_audit("a").robust_accuracy.hits == standing
    assert run("verify", "a").code == 0
    both = run(*TOY, "--examples-from", "theirs.npz", "--attack", "FGSM", "--out", "b")
    assert "examples from theirs.npz, then FGSM; each on the rows that still stand" in both.out
    assert run("audit", "nets.py:Linear", "toy.npz", "linf:0.02", "--examples-from", "theirs.npz", "--effort", "none",
               "--out", "c").code == 0  # fmt: skip
    assert brinell.load_audit("c").record.stages[0].refused == N


def test_refused_examples_are_told_of(run: Run) -> None:
    assert run("attack", "FGSM", *TOY[1:], "--out", "theirs.npz").code == 0
    words = ("audit", "nets.py:Linear", "toy.npz", "linf:0.02", "--examples-from", "theirs.npz", "--effort", "none")
    ended = run(*words)
    assert f"and so no success: candidates {N} of examples from theirs.npz." in ended.out


def test_how_far_the_effort_went_is_told(run: Run) -> None:
    ended = run(*TOY, "--effort", "quick")
    assert "The second half of the gradients broke none of 120 rows" in ended.out


def test_the_spread_over_seeds(run: Run) -> None:
    ended = run(*TOY, "--attack", "PGD:steps=2", "--seeds", 3, "--out", "a", "--json")
    assert ended.code == 0
    facts = json.loads(ended.out)
    assert facts["spread"]["seeds"] == [0, 1, 2]
    assert facts["spread"]["rates"][0]["value"] == facts["robust_accuracy"]["value"]
    assert facts["spread"]["union"]["value"] <= facts["spread"]["low"]
    assert "Robust accuracy over 3 seeds: mean " in ended.err
    assert "spread" not in json.loads(run(*TOY, "--attack", "FGSM", "--out", "b", "--json").out)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--effort", "none"], "add --examples-from FILE"),
        (["--examples-from", "nowhere.npz"], "there is no file nowhere.npz"),
        (["--examples-from", "toy.npz"], "has no array x_adv; it has: x, y"),
    ],
)
def test_wrong_use_of_examples(run: Run, workshop: Path, more: list[str], says: str) -> None:
    ended = run(*TOY, *more)
    assert ended.code == 2
    assert says in ended.err
    assert not (workshop / "runs").exists()


def test_the_verdict_is_said_and_can_be_demanded(run: Run) -> None:
    fine = run(*QUICK, "--require", "sound", "--out", "fine")
    assert (fine.code, fine.err) == (0, "")
    assert re.search(r"Verdict: sound: by \d+ checks on", fine.out)
    masked = ("audit", "nets.py:Rounds", "toy.npz", "linf:0.05", "--effort", "quick")
    missed = run(*masked, "--require", "sound", "--out", "masked", "--json")
    assert missed.code == 3
    assert "error: sound is missed: the verdict is unsound (" in missed.err
    assert "the margin has a slope: failed" in missed.err
    assert json.loads(missed.out)["verdict"] == "unsound"
    again = run(*masked, "--require", "doubtful", "--out", "masked", "--resume")
    assert again.code == 3
    assert re.search(r"Verdict: unsound: by \d+ checks", again.out)
    assert "- failed: the margin has a slope: zero" in again.out
    assert run(*masked, "--out", "other").code == 0


def test_no_diagnosis_where_it_is_not_wanted(run: Run) -> None:
    without = run(*QUICK, "--no-diagnose", "--out", "a")
    assert without.code == 0
    assert "Verdict" not in without.out
    both = run(*QUICK, "--no-diagnose", "--require", "sound")
    assert (both.code, "leave --no-diagnose (diagnose=False) out" in both.err) == (2, True)
    other = run(*QUICK, "--require", "solid")
    assert (other.code, "the demand is 'solid'" in other.err, "sound or doubtful" in other.err) == (2, True, True)


# Demands


def test_several_demands_are_answered_by_the_pessimistic_end(run: Run) -> None:
    eps = 0.02
    words = ("audit", "nets.py:Linear", "toy.npz", f"linf:{eps}", "--attack", "FGSM", "--no-diagnose", "--out", "a")
    demands = ["robust_accuracy>=0.3", "clean_accuracy>=99%", "worst_group:sex>=0.2", "gap:sex<=0.001"]
    given = [word for demand in demands for word in ("--require", demand)]
    ended = run(*words, *given, "--json")
    audit = brinell.load_audit("a")
    assert ended.code == 3
    answers = json.loads(ended.out)["demands"]
    assert [answer["demand"] for answer in answers] == [*demands[:1], "clean_accuracy>=0.99", *demands[2:]]
    assert [answer["met"] for answer in answers] == [True, False, True, False]
    assert answers[0]["bound"] == audit.robust_accuracy.low
    assert answers[1]["value"] == 1.0  # which so few rows cannot show
    assert "Warning: clean_accuracy>=0.99 cannot be met by 120 rows" in ended.err
    assert "robust_accuracy>=0.3 is met: the robust accuracy is" in ended.err
    errors = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert [line.split(" is missed")[0] for line in errors] == ["error: clean_accuracy>=0.99", "error: gap:sex<=0.001"]
    assert (
        f"100.0% of 120 rows (exact 95% interval {audit.clean_accuracy.low:.1%} to 100.0%): its lower end" in errors[0]
    )
    assert "the value alone would do, and so would about " in errors[0]
    met = run(*words[:-1], "b", *given[:2], *given[4:6])
    assert (met.code, met.err) == (0, "")


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("robust>=0.5", "write robust_accuracy>=0.6, clean_accuracy>=0.9, certified_accuracy>=0.5, "),
        ("robust_accuracy>0.5", "write robust_accuracy>=0.5."),
        ("gap>=0.1", "write gap<=0.1."),
        ("robust_accuracy>=60", "compared with 60.0; give a share in 0..1, as 0.6 or 60%."),
        ("", "the demand is '', which is not understood"),
    ],
)
def test_a_demand_that_makes_no_sense_is_refused_with_a_remedy(text: str, remedy: str, run: Run) -> None:
    ended = run(*TOY, "--require", text)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: ")
    assert remedy in ended.err


# What is seen on the way


def test_a_log_tells_stage_rows_standing_rate_and_time_left(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LOG_EVERY", 0.0)
    ended = run(*TOY, "--attack", "FGSM", "--attack", "PGD:steps=5", "--batch-size", 10, "--out", "a")
    assert ended.code == 0
    assert ended.err.replace("\n", "").isprintable()
    lines = ended.err.splitlines()
    seen = [re.match(r"attacking: (.*), (\d+) of (\d+) standing: (\d+) of 120", line) for line in lines]
    told = [(match[1], *map(int, match.groups()[1:])) for match in seen if match]
    assert {label for label, *_ in told} == {"FGSM", "PGD(steps=5)"}
    assert {of for _, _, of, _ in told} == {40, 80, 120}  # block by block
    standing = int((margins(arrays("toy.npz")["x"]) > 8 * 0.05).sum())
    assert told[-1][1] == standing
    assert any(re.search(r"rows/s, \d:\d\d:\d\d left$", line) for line in lines)
    assert re.match(r"diagnosing: \d+ of \d+, [\d,.]+ checks/s", lines[-1])
