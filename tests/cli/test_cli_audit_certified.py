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
