"""Advice: the rules applied to a situation, with commands that run and costs that were counted or measured."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from brinell.api import training_cost
from brinell.api.reading import read_for
from brinell.choosing import rules
from brinell.choosing.rules import Rule, speaking
from brinell.choosing.situation import Situation
from brinell.choosing.words import in_words
from brinell.data import Source, labels
from brinell.defenses import RECIPES, Recipe, Standard, TrainingCost
from brinell.errors import InputError
from brinell.models import Classifier
from brinell.progress import Progress, silent
from brinell.statistics import Interval
from brinell.threats import Ball, Linf
from brinell.threats import threat as read_threat

_WIDTH = {"image": 1.0, "table": 1.0, "waveform": 2.0}  # of the bounds for which the sizes in the rules are meant
_SHORTEST = 3  # a training may be cut to so many parts of its epochs, and still be worth the time


class Counsel(NamedTuple):
    """Something to do, or not to do: ``what`` (for an audit the command), why, and who found it out (arXiv numbers)."""

    what: str
    why: str
    sources: tuple[str, ...] = ()


class Names(NamedTuple):
    """What stands in commands for the model, the rows to train on and those to test on; ``more``: further words."""

    model: str = "MODEL"
    train: str = "TRAIN_DATA"
    test: str = "TEST_DATA"
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A recipe to try.

    work: operations for a row, as a multiple of a standard step's; counted on a small network, or on the model given.
    seconds: for the whole training, from the quickest and the slowest step measured, or from the time of an epoch of
    ordinary training; None where neither is known. fits: whether that is within the time; ``epochs`` are fewer than the
    recipe's own (``usual``) where only so many fit. cost: what was measured on the model given, else None."""

    recipe: str
    why: str
    sources: tuple[str, ...]
    command: str
    epochs: int
    usual: int
    work: float
    seconds: Interval | None = None
    fits: bool | None = None
    cost: TrainingCost | None = None

    @property
    def standard_epochs(self) -> float:
        """The same work in epochs of standard training."""
        return self.epochs * self.work

    def facts(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "recipe": self.recipe, "why": self.why, "sources": list(self.sources), "command": self.command,
            "epochs": self.epochs, "usual_epochs": self.usual, "work": self.work,
            "standard_epochs": self.standard_epochs, "seconds": None if self.seconds is None else list(self.seconds),
            "fits": self.fits, "cost": None if self.cost is None else self.cost.facts(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about an attacker: the threat set to count with, how to audit, recipes in order, and what to leave.

    threat, also: threat sets, as text, the first to begin with. audits: commands, the main one first. recipes: those
    that fit into the time first, by preference. not_these: what only looks like a defense here. notes: to keep in mind.
    ``str`` of it is the whole in plain words."""

    situation: Situation
    threat: Counsel
    also: tuple[Counsel, ...]
    audits: tuple[Counsel, ...]
    recipes: tuple[Proposal, ...]
    not_these: tuple[Counsel, ...]
    notes: tuple[Counsel, ...]

    @property
    def commands(self) -> tuple[str, ...]:
        """Every command that it names."""
        return (*(each.what for each in self.audits), *(each.command for each in self.recipes))

    def facts(self) -> dict[str, Any]:
        """Plain values for JSON."""
        told = {
            name: [each._asdict() for each in getattr(self, name)] for name in ("also", "audits", "not_these", "notes")
        }
        return {
            "kind": "advice", "situation": self.situation.facts(), "threat": self.threat._asdict(), **told,
            "recipes": [each.facts() for each in self.recipes],
        }  # fmt: skip

    def __str__(self) -> str:
        return in_words(self)


def advise(
    situation: Situation | None = None, *, model: Classifier | None = None, data: Any = None,
    threat: Ball | None = None, seed: int = 0, names: Names | None = None, progress: Progress = silent,
) -> Advice:  # fmt: skip
    """Say which attacker to count with, how to audit, and which recipes to try, with reasons and sources.

    situation: what is known; the defaults of ``Situation`` where it is left out. data: as for ``harden``; their shape,
    rows, classes and groups then take the place of the situation's. model: with data, every recipe is tried for a few
    steps by a copy of it, so that its cost is measured. threat: the set to use, if that is decided. names: what stands
    for model and data in the commands. Raises InputError, InputTypeError."""
    situation = situation or Situation()
    source = None if data is None else read_for(model, data, None, progress)
    if source is not None:
        situation = _seen(situation, source)
    traits, names, filled = situation.traits(), names or Names(), partial(_filled, situation, model)
    chosen = Counsel(str(threat), "As you decided.") if threat else filled(next(speaking(rules.THREATS, traits)))
    traits["set"] = chosen.what.partition(":")[0]
    costs, refused = _costs(model, source, chosen.what, traits, seed, progress)
    proposals = [_proposal(rule, situation, chosen.what, costs.get(rule.then), names)
                 for rule in _recipes(traits) if rule.then not in refused]  # fmt: skip
    if costs:
        standard = costs["Standard"].flops
        proposals = [replace(each, work=each.cost.flops / standard) if each.cost else each for each in proposals]
    not_these = [filled(rule) for rule in speaking(rules.NOT_THESE, traits) if rule.then in RECIPES]
    not_these += [Counsel(name, why) for name, why in refused.items()]
    return Advice(
        situation, chosen, tuple(map(filled, speaking(rules.ALSO, traits))) if threat is None else (),
        tuple(_audits(traits, chosen.what, names)), tuple(sorted(proposals, key=_place)),
        tuple(not_these), (*_blanks(names), *map(filled, speaking(rules.NOTES, traits))),
    )  # fmt: skip


def _blanks(names: Names) -> Iterator[Counsel]:
    """What is still to be put into the commands."""
    blanks = [blank for blank, name in zip(Names()[:3], names, strict=False) if name == blank]
    if blanks:
        yield Counsel(
            f"In place of {', '.join(blanks)}",
            "Put yours into the commands. Rows to test on must not be among those to train on: a network does better "
            "on what it has seen, and its attackers bring something new.",
        )


def _filled(situation: Situation, model: Classifier | None, rule: Rule) -> Counsel:
    """A rule as counsel, with the figures of the situation in it; a threat set in the unit of the model's inputs."""
    values = situation.values
    figures = {"few": max(1, round(values / 10)), "values": values, "group": next(iter(situation.groups), "")}
    then, why = rule.then.format(**figures), rule.why.format(**figures)
    if model is None or rule not in (*rules.THREATS, *rules.ALSO):
        return Counsel(then, why, rule.sources)
    return Counsel(_in_units(then, model, situation), why, rule.sources)


def _in_units(text: str, model: Classifier, situation: Situation) -> str:
    """The set that the rules mean, for inputs of another range; bounds by column are left to who knows the columns."""
    width = model.bounds.width
    if isinstance(width, Tensor) or text.startswith("l0:") or width == _WIDTH[situation.what]:
        return text
    return str(read_threat(text).scaled(width / _WIDTH[situation.what]))


def _seen(situation: Situation, source: Source) -> Situation:
    """The situation with what the data tell."""
    x, _ = source.block(slice(0, 1))
    classes = int(labels(source).max()) + 1
    return replace(
        situation, shape=tuple(x.shape[1:]), rows=len(source), classes=max(2, classes), groups=tuple(source.groups)
    )


def _audits(traits: Mapping[str, Any], chosen: str, names: Names) -> Iterator[Counsel]:
    """The main command with all its words, then the others."""
    begin = ["brinell", "audit", names.model, names.test, chosen, *names.more]
    said = list(speaking(rules.AUDIT, traits))
    words = [word for rule in said for word in rule.then.split()]
    sources = dict.fromkeys(source for rule in said for source in rule.sources)
    yield Counsel(shlex.join([*begin, *words]), " ".join(rule.why for rule in said), tuple(sources))
    for rule in speaking(rules.AUDITS, traits):
        yield Counsel(shlex.join([*begin, *rule.then.split()]), rule.why, rule.sources)


def _recipes(traits: Mapping[str, Any]) -> list[Rule]:
    """The first row that speaks for each recipe that there is."""
    first = {rule.then: rule for rule in reversed(list(speaking(rules.RECIPES, traits)))}
    return [rule for rule in speaking(rules.RECIPES, traits) if rule.then in RECIPES and first[rule.then] is rule]


def _proposal(rule: Rule, situation: Situation, chosen: str, cost: TrainingCost | None, names: Names) -> Proposal:
    recipe = RECIPES[rule.then]()
    work = work_of(recipe)
    epoch = cost.epoch_seconds if cost else None
    if epoch is None and situation.epoch_seconds is not None:
        epoch = Interval(work * situation.epoch_seconds, work * situation.epoch_seconds)
    epochs, fits = recipe.epochs, None
    if epoch is not None:
        able = int(situation.seconds // epoch.high)
        fits = able >= max(1, epochs // _SHORTEST)
        epochs = min(epochs, able) if fits else epochs
    words = ["brinell", "harden", names.model, names.train, chosen, *names.more, "--recipe", rule.then]
    words += ["--epochs", str(epochs)] if epochs < recipe.epochs else []
    return Proposal(
        rule.then, rule.why, rule.sources, shlex.join([*words, "--out", f"hard/{rule.then}"]), epochs, recipe.epochs,
        work, None if epoch is None else Interval(epochs * epoch.low, epochs * epoch.high), fits, cost,
    )  # fmt: skip


def _place(proposal: Proposal) -> tuple[bool, float]:
    """Those that fit stay in order of preference; behind them the others, the cheapest first."""
    misfit = proposal.fits is False
    return misfit, proposal.seconds.high if misfit and proposal.seconds else 0.0


def _costs(
    model: Classifier | None,
    source: Source | None,
    chosen: str,
    traits: Mapping[str, Any],
    seed: int,
    progress: Progress,
) -> tuple[dict[str, TrainingCost], dict[str, str]]:
    """What each recipe costs on the model, where there is one; and why some do not work with it."""
    if model is None or source is None:
        return {}, {}
    costs: dict[str, TrainingCost] = {}
    refused: dict[str, str] = {}
    for name in ["Standard", *(rule.then for rule in _recipes(traits))]:
        try:
            costs[name] = training_cost(
                model, source, read_threat(chosen), recipe=RECIPES[name](), seed=seed, steps=3, progress=progress
            )
        except InputError as problem:
            if name == "Standard":
                raise
            refused[name] = str(problem)
    return costs, refused


@cache
def work_of(recipe: Recipe) -> float:
    """Operations of a recipe for a row, as a multiple of standard training's: counted on a small network."""
    return _operations(recipe) / _operations(Standard())


@cache
def _operations(recipe: Recipe) -> float:
    rows = torch.linspace(0, 1, 24 * 144).reshape(24, 1, 12, 12), torch.arange(24) % 2
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(128, 2)
    )
    with torch.random.fork_rng(devices=[]):
        model = Classifier(net, bounds=(0.0, 1.0))
    return training_cost(model, rows, Linf(0.1), recipe=recipe, batch_size=8, steps=1).flops
