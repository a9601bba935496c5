"""`brinell audit --certify`."""

import numpy as np
from workshop import Run, arrays, margins

import brinell as br


def test_an_audit_with_both_bounds(run: Run) -> None:
    stands = margins(arrays("toy.npz")["x"]) > 0.4 + 1e-4
    proved = int(stands.sum())
    words = ("audit", "nets.py:Linear", "toy.npz", "linf:0.05", "--attack", "FGSM")
    ended = run(*words, "--certify", "ibp", "--out", "a", "--no-diagnose")
    assert ended.code == 0
    assert "The truth lies between." in ended.out
    audit = br.load_audit("a")
    assert audit.certified_accuracy == br.Rate(proved, 120)
    assert f"{proved / 120:.1%}" in ended.out.partition("Clean accuracy")[2]
    assert run("verify", "a").code == 0
    wrong = run(*words, "--certify", "smoothing", "--out", "b")
    assert wrong.code == 2
    assert "certifies the smoothed model" in wrong.err
    np.testing.assert_array_equal(audit.table["certified"].to_numpy(), stands)


def test_what_is_proved_can_be_demanded(run: Run) -> None:
    words = ("audit", "nets.py:Linear", "toy.npz", "linf:0.05", "--attack", "FGSM", "--no-diagnose")
    proved = br.Rate(int((margins(arrays("toy.npz")["x"]) > 0.4 + 1e-4).sum()), 120)
    easy, hard = (f"certified_accuracy>={proved.low + more:.3f}" for more in (-0.01, 0.01))
    met = run(
        *words, "--certify", "ibp", "--require", easy, "--require", "certified_worst_group:sex>=0.01", "--out", "a"
    )
    assert met.code == 0, met.err
    assert f"{easy} is met: the certified accuracy is {proved.value:.1%} of 120 rows" in met.out
    assert "certified_worst_group:sex>=0.01 is met: the certified accuracy of sex" in met.out
    missed = run(*words, "--certify", "ibp", "--require", hard, "--out", "b")
    assert missed.code == 3
    assert f"{hard} is missed" in missed.err
    without = run(*words, "--require", easy, "--out", "c")
    assert without.code == 2
    assert f"{easy} needs a certificate, and this audit has none; audit with --certify ibp" in without.err
    assert run("export", "a", "--as", "junit", "--require", easy).code == 0
