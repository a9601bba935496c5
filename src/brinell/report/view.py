"""What the page says about one audit, worked out before the template lays it out."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from brinell.report.gallery import Gallery, gallery_of
from brinell.report.words import attacker, course, evidence, plain, protocol, spent

if TYPE_CHECKING:
    from brinell.evaluation import Audit, AuditRecord, GroupGap, GroupRow
    from brinell.statistics import Rate

_MOST = 200  # groups of one attribute that the page lists; the table of examples has them all


class AttackRow(NamedTuple):
    """One attack: standing before and after it in the cascade, what it leaves alone, and its cost.

    ``rows`` is how many it worked on: those standing, or all that were right if it also ran alone."""

    label: str
    before: int
    after: int
    alone: "Rate | None"
    rows: int
    gradients: int
    forwards: int
    unit: str
    curve: tuple[tuple[int, int], ...]


class GroupView(NamedTuple):
    """One attribute: its groups, the most vulnerable first and small ones last, and what they amount to."""

    name: str
    rows: "tuple[GroupRow, ...]"
    left_out: int
    worst: "GroupRow"
    gap: "GroupGap"


class SettingsTable(NamedTuple):
    """Settings that belong together, as text."""

    title: str
    rows: tuple[tuple[str, str], ...]


class View(NamedTuple):
    """One audit, ready for the page."""

    name: str
    audit: "Audit"
    attacker: str
    protocol: str
    attacks: tuple[AttackRow, ...]
    groups: tuple[GroupView, ...]
    gallery: Gallery
    evidence: tuple[str, ...]
    course: str
    spent: str
    settings: tuple[SettingsTable, ...]


def view_of(name: str, audit: "Audit") -> View:
    """Work out what the page says. Raises InputError where the run folder is damaged."""
    record = audit.record
    groups = tuple(_group(audit, group) for group in record.settings.data.groups)
    return View(
        name, audit, attacker(record), protocol(record), tuple(_attacks(record)), groups, gallery_of(audit),
        evidence(record), course(record), spent(record), tuple(_settings(record)),
    )  # fmt: skip


def _attacks(record: "AuditRecord") -> Iterator[AttackRow]:
    for stage in record.stages:
        rows = record.clean.hits if record.settings.alone else stage.before
        alone = stage.alone.rate if stage.alone else None
        yield AttackRow(
            stage.label,
            stage.before,
            stage.after,
            alone,
            rows,
            stage.gradients,
            stage.forwards,
            stage.unit,
            stage.curve,
        )


def _group(audit: "Audit", name: str) -> GroupView:
    rows = sorted(audit.by_group(name), key=lambda row: (row.small, row.robust_accuracy.value))
    return GroupView(
        name, tuple(islice(rows, _MOST)), max(0, len(rows) - _MOST), audit.worst_group(name), audit.gap(name)
    )  # fmt: skip


def _settings(record: "AuditRecord") -> Iterator[SettingsTable]:
    """All settings: those of the run, then a table for each part of them, then the attacks."""
    facts = record.settings.model_dump(mode="json")
    cascade = facts.pop("cascade")
    parts = {name: facts.pop(name) for name in [*facts] if isinstance(facts[name], dict)}
    yield _table("Run", facts)
    for name, part in parts.items():
        yield _table(name.capitalize(), part)
    for position, attack in enumerate(cascade, 1):
        yield _table(f"Attack {position}: {attack['label']}", {"kind": attack["kind"]} | attack["parameters"])


def _table(title: str, facts: dict[str, Any]) -> SettingsTable:
    return SettingsTable(title, tuple((name.replace("_", " "), plain(value)) for name, value in facts.items()))


def differences(views: tuple[View, ...]) -> tuple[str, ...]:
    """What the audits do not share, of what decides whether they can be compared."""
    facts = [each.audit.record.settings for each in views]
    kinds: dict[str, list[Any]] = {
        "data": [(fact.data.sha256, fact.data.n) for fact in facts],
        "threat set": [fact.threat for fact in facts],
        "bounds": [fact.model.bounds for fact in facts],
        "goal": [fact.goal for fact in facts],
        "cascade": [[attack.model_dump() for attack in fact.cascade] for fact in facts],
        "seed": [fact.seed for fact in facts],
    }
    return tuple(name for name, values in kinds.items() if any(value != values[0] for value in values))


def alone_columns(views: tuple[View, ...]) -> tuple[str, ...]:
    """Labels of the attacks that ran alone in any of the audits, in the order in which they come up."""
    return tuple(dict.fromkeys(row.label for each in views for row in each.attacks if row.alone is not None))
