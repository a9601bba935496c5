"""The tables of rules: whole, consistent with what there is, and every row of use."""

import itertools
import re
from functools import cache
from typing import Any

import pytest
from sorts import situations

import brinell as br
from brinell.choosing import rules
from brinell.choosing.rules import Rule, speaking

TABLES = {
    name: getattr(rules, name) for name in ("THREATS", "ALSO", "AUDIT", "AUDITS", "RECIPES", "NOT_THESE", "NOTES")
}  # fmt: skip
SETS = ("linf", "l2", "l1", "l0")
every_rule = pytest.mark.parametrize(
    "rule", [rule for table in TABLES.values() for rule in table], ids=lambda rule: rule.then
)


@cache
def every_traits() -> tuple[dict[str, Any], ...]:
    return tuple(situation.traits() | {"set": name} for situation, name in itertools.product(situations(), SETS))


def test_every_recipe_has_its_place() -> None:
    placed = {rule.then for rule in (*rules.RECIPES, *rules.NOT_THESE)}
    assert set(br.RECIPES) <= placed


@every_rule
def test_a_rule_asks_for_traits_that_there_are_and_speaks_somewhere(rule: Rule) -> None:
    every = every_traits()
    assert set(rule.when) <= set(every[0])
    assert any(rule.speaks(traits) for traits in every)


@every_rule
def test_a_rule_has_a_reason_and_proper_sources(rule: Rule) -> None:
    assert rule.why.endswith(".")
    assert all(re.fullmatch(r"arXiv:\d{4}\.\d{5}|arXiv:1[0-4]\d\d\.\d{4}", source) for source in rule.sources)


def test_threat_sets_can_be_read() -> None:
    for rule in (*rules.THREATS, *rules.ALSO):
        assert br.threat(rule.then.format(few=3, values=30))


def test_there_is_a_threat_set_for_every_situation() -> None:
    for situation in situations():
        assert next(speaking(rules.THREATS, situation.traits()))


def test_who_wants_a_proof_gets_the_recipes_that_prove_first() -> None:
    traits = br.Situation(proof=True).traits()
    for name, first in {"linf": "IBP", "l2": "Gaussian"}.items():
        assert next(speaking(rules.RECIPES, traits | {"set": name})).then == first
