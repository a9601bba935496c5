"""`brinell compare`."""

import json
from pathlib import Path

import pytest
from workshop import N, Run, arrays, margins

import brinell

TOY = ("nets.py:Linear", "toy.npz", "linf:0.05", "--no-diagnose")


@pytest.fixture
def two(run: Run) -> None:
    """The same rows under a strong attack and under a weak one."""
    assert run("audit", *TOY, "--attack", "FGSM", "--out", "strong").code == 0
    assert run("audit", *TOY, "--attack", "PGD:steps=1,start=center,rel_step=0.2", "--out", "weak").code == 0


def test_two_runs_compared(run: Run, two: None) -> None:
    ended = run("compare", "weak", "strong")
    assert (ended.code, ended.err) == (0, "")
    x = arrays("toy.npz")["x"]
    only = int(((margins(x) > 8 * 0.01) & (margins(x) <= 8 * 0.05)).sum())
    assert f"weak is more robust than strong, by {100 * only / N:.1f} points" in ended.out
    assert "The cascades differ" in ended.out
    assert all(f"{name}: robust" in ended.out for name in ("class", "site", "sex"))


def test_json_has_every_number(run: Run, two: None) -> None:
    facts = json.loads(run("compare", "weak", "strong", "--json").out)
    found = brinell.compare(brinell.load_audit("weak"), brinell.load_audit("strong"), names=("weak", "strong"))
    assert facts["robust"]["p"] == found.robust.p
    assert facts["robust"]["first"]["value"] == found.robust.first.value
    assert (facts["kind"], facts["names"], facts["words"]) == ("comparison", ["weak", "strong"], list(found.words))
    assert {name: len(groups) for name, groups in facts["groups"].items()} == {"class": 2, "site": 3, "sex": 2}


def test_folders_of_one_name_are_a_and_b(run: Run, two: None) -> None:
    Path("x").mkdir()
    Path("weak").rename("x/strong")
    assert "A is more robust than B" in run("compare", "x/strong", "strong").out


def test_other_rows_cannot_be_compared(run: Run, two: None) -> None:
    assert run("audit", *TOY, "--attack", "FGSM", "--n", 50, "--out", "few").code == 0
    ended = run("compare", "strong", "few")
    assert ended.code == 2
    assert "the data of strong" in ended.err
    assert run("compare", "strong", "nowhere").code == 2


def test_two_audits_on_one_page(run: Run, two: None) -> None:
    ended = run("compare", "weak", "strong", "--html", "both.html")
    assert (ended.code, ended.err) == (0, "")
    assert "Report: both.html" in ended.out
    page = Path("both.html").read_text()
    found = brinell.compare(brinell.load_audit("weak"), brinell.load_audit("strong"), names=("weak", "strong"))
    assert all(sentence in page for sentence in found.words)
    assert f"<td>{found.robust.difference.first}</td><td>{found.robust.difference.second}</td>" in page
    assert page.index("McNemar") < page.index('id="audit-1"') < page.index('id="audit-2"')
    assert "weak against strong" in page
