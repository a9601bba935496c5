"""What ``brinell audit`` is asked to do, checked before anything is measured."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import typer

from brinell import ATTACKS, METHODS
from brinell.attacks import Attack
from brinell.certificates import Method
from brinell.cli import tables, values
from brinell.cli.loading import Loaded
from brinell.cli.places import about, overridden
from brinell.errors import InputError, InputMissingError, nearest
from brinell.evaluation import EFFORTS, Demand, choose, read_budget, read_demands, read_given, through, within
from brinell.facts import holds_something
from brinell.goals import Toward


@dataclass(frozen=True)
class Asked:
    """The options by themselves. given: as the command line and the file have them, by name."""

    given: Mapping[str, Any]
    attacks: tuple[Attack, ...]
    demands: tuple[Demand, ...]
    folder: Path
    certificate: Method | None


class Plan(NamedTuple):
    """With what is attacked: what ``brinell.audit`` is told, what it will use, and what it is called; what the
    attacker wants; and which groups are to be shown."""

    effort: str
    cascade: tuple[Attack, ...] | None
    attacks: tuple[Attack, ...]
    protocol: str
    goal: Toward | None
    shown: list[tuple[str, ...]]


def read(ctx: typer.Context) -> Asked:
    """The options, checked each for itself and with each other. Raises InputError."""
    given = ctx.params | dict.fromkeys(overridden(ctx, ("effort", "budget", "attack")))
    _check_together(given)
    _check_effort(given["effort"], given["budget"])
    with about("attack"):
        attacks = tuple(values.named(ATTACKS, "attack", text) for text in given["attack"] or ())
    with about("require"):
        demands = read_demands(given["require"] or ())
    with about("certify"):
        certificate = None if given["certify"] is None else values.named(METHODS, "certificate", given["certify"])
    _check_files(given)
    return Asked(given, attacks, demands, given["out"] or _new_folder(), certificate)


def settle(asked: Asked, loaded: Loaded) -> Plan:
    """What the options mean for this model and these data. Raises InputError where they do not go together."""
    given, there = asked.given, loaded.source.groups
    with about("attack"):
        values.check_fit(asked.attacks, loaded.threat)
    with about("group"):
        shown = tables.which_groups(given["group"], there)
    with about("require"):
        for demand in asked.demands:
            demand.check_possible(there, diagnose=given["diagnose"], certified=asked.certificate is not None)
    with about("target"):
        goal = values.read_goal(given["target"], loaded.classes)
    if given["examples_from"] is not None:
        with about("examples_from"):
            read_given(given["examples_from"], loaded.source, loaded.model.bounds)
    effort, cascade, attacks, protocol = _cascade(given, asked.attacks, loaded)
    return Plan(effort, cascade, through(loaded.model, attacks), f"{protocol}, seed {given['seed']}", goal, shown)


def _cascade(
    given: Mapping[str, Any], own: tuple[Attack, ...], loaded: Loaded
) -> tuple[str, tuple[Attack, ...] | None, tuple[Attack, ...], str]:
    if given["effort"] == "none":
        return "standard", (), (), "no attacks"
    if own:
        return "standard", own, own, "chosen attacks"
    if given["budget"] is not None:
        limit = read_budget(given["budget"])
        return "standard", None, within(limit, loaded.threat), f"as far as {limit} go"
    effort = given["effort"] or "standard"
    return effort, None, choose(None, effort, loaded.threat), effort


def _check_together(given: Mapping[str, Any]) -> None:
    effort, budget, attack = given["effort"], given["budget"], given["attack"]
    if effort is not None and attack:
        raise InputError(f"--effort {effort} and --attack {attack[0]} exclude each other; leave one of them out.")
    if budget is not None and effort is not None:
        raise InputError(f"--budget {budget} and --effort {effort} exclude each other; leave one of them out.")
    if budget is not None and given["alone"]:
        raise InputError(f"--budget {budget} and --alone exclude each other; leave one of them out.")
    if effort == "none" and given["examples_from"] is None:
        raise InputError("--effort none judges examples that are there already: add --examples-from FILE.")
    if given["resume"] and given["out"] is None:
        raise InputError("--resume needs the folder of the unfinished audit: add --out FOLDER.")


def _check_effort(effort: str | None, budget: str | None) -> None:
    with about("effort"):
        if effort not in (None, "none", *EFFORTS):
            raise InputError(f"effort is {effort!r}; choose one of {', '.join(EFFORTS)}{nearest(str(effort), EFFORTS)}")
    with about("budget"):
        if budget is not None:
            read_budget(budget)


def _check_files(given: Mapping[str, Any]) -> None:
    out, report, examples_from = (given[name] for name in ("out", "report", "examples_from"))
    with about("examples"):
        if given["examples"] not in ("all", "none"):
            raise InputError(f"examples is {given['examples']!r}; choose all or none.")
    with about("examples_from"):
        if examples_from is not None and not examples_from.is_file():
            raise InputMissingError(f"there is no file {examples_from}; check the spelling and the folder.")
    with about("out"):
        if out is not None:
            holds_something(out, given["resume"])
    with about("report"):
        if report is not None and report.is_dir():
            raise InputError(f"--report {report} is a folder; name a file, such as {report / 'report.html'}.")


def _new_folder() -> Path:
    """One that does not exist, named after the time."""
    name = time.strftime("audit-%Y%m%d-%H%M%S")
    folder, again = Path("runs", name), 1
    while folder.exists():
        folder, again = Path("runs", f"{name}-{again}"), again + 1
    return folder
