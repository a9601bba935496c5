"""`brinell attacks`."""

import json

from workshop import Run

from brinell import ATTACKS, THREATS


def test_lists_every_attack_with_its_source_and_parameters(run: Run) -> None:
    ended = run("attacks")
    assert (ended.code, ended.err) == (0, "")
    for name, kind in ATTACKS.items():
        (row,) = (line for line in ended.out.splitlines() if line.startswith(f" {name} "))
        assert kind.source in row
        assert kind.access in row
    assert "steps=40, rel_step=None, schedule=constant, restarts=1, objective=cross_entropy, start=uniform" in ended.out
    assert all(f"{name}:EPS" in ended.out for name in THREATS)


def test_json(run: Run) -> None:
    facts = {fact.pop("name"): fact for fact in json.loads(run("attacks", "--json").out)}
    assert list(facts) == list(ATTACKS)
    assert facts["FGSM"] == {
        "access": "gradients",
        "goals": "away, toward",
        "threats": "any",
        "source": "arXiv:1412.6572",
        "parameters": {"objective": "cross_entropy"},
    }
