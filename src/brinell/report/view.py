"""What the page says about one audit, worked out before the template lays it out."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from brinell.evaluation.curve import read_curve
from brinell.evaluation.files import CLOCK
from brinell.evaluation.record import read_clock
from brinell.report import charts, replay
from brinell.report.answers import Answer, answers, first_to_break, headline
from brinell.report.gallery import Gallery, gallery_of
from brinell.report.words import attacker, course, evidence, plain, protocol, spent

if TYPE_CHECKING:
    from brinell.evaluation import Audit, AuditRecord, GroupGap, GroupRow
    from brinell.evaluation.curve import CurveFacts
    from brinell.evaluation.record import Clock
    from brinell.statistics import Rate

_MOST = 200  # groups of one attribute that the page lists; the table of examples has them all
_DRAWN = 60  # groups in a chart


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
    first: str
    all_small: bool


class SettingsTable(NamedTuple):
    """Settings that belong together, as text."""

    title: str
    rows: tuple[tuple[str, str], ...]


class View(NamedTuple):
    """One audit, ready for the page. ``data``: what its charts are drawn from."""

    name: str
    audit: "Audit"
    headline: tuple[str, str, str]
    answers: tuple[Answer, ...]
    attacker: str
    protocol: str
    curve: "CurveFacts | None"
    attacks: tuple[AttackRow, ...]
    fates: charts.Fates
    groups: tuple[GroupView, ...]
    confusion: charts.Confusion
    gallery: Gallery
    evidence: tuple[str, ...]
    course: str
    spent: str
    clock: "Clock | None"
    settings: tuple[SettingsTable, ...]
    replay: replay.Replay
    verify: str
    over_eps: str
    data: dict[str, Any]


def view_of(name: str, audit: "Audit", share: int = 1) -> View:
    """Work out what the page says. share: among how many audits the page is shared out.

    Raises InputError where the run folder is damaged."""
    record = audit.record
    names = charts.class_names(audit.table, record.settings.data.classes)
    groups = tuple(_group(audit, group) for group in record.settings.data.groups)
    curve = read_curve(audit.folder, record)
    clock = audit.folder / CLOCK
    fates, confusion = charts.fates(audit, names, _MOST), charts.confusion(audit.table, names)
    return View(
        name, audit, headline(record), answers(audit), attacker(record), protocol(record), curve,
        tuple(_attacks(record)), fates, groups, confusion, gallery_of(audit, share), evidence(record), course(record),
        spent(record), read_clock(clock) if clock.is_file() else None, tuple(_settings(record)),
        replay.replay(record), replay.check(record), replay.over_eps(record),
        _data(audit, curve, groups, fates, confusion),
    )  # fmt: skip


def _data(
    audit: "Audit", curve: "CurveFacts | None", groups: tuple[GroupView, ...], fates: charts.Fates,
    confusion: charts.Confusion,
) -> dict[str, Any]:  # fmt: skip
    """The charts' data, by chart."""
    record = audit.record
    shown = set(confusion.classes)
    return {
        "rates": [
            {"name": name, **charts.span(rate)}
            for name, rate in (
                ("Clean", audit.clean_accuracy), ("Static", audit.static_accuracy), ("Robust", audit.robust_accuracy),
            )
            if rate is not None
        ],
        "curve": curve and _curve(curve, record),
        "course": charts.course(audit)._asdict(),
        "attacks": charts.attacks(record),
        "fates": {
            "outcomes": fates.outcomes, "classes": fates.classes[:_DRAWN], "counts": fates.counts[:_DRAWN],
        },
        "groups": [[_bar(row) for row in group.rows[:_DRAWN]] for group in groups],
        "confusion": {
            "classes": confusion.classes,
            "pairs": [pair for pair in confusion.pairs if shown.issuperset(pair[:2])],
        },
    }  # fmt: skip


def _curve(curve: "CurveFacts", record: "AuditRecord") -> dict[str, Any]:
    points = [{"eps": 0.0, **charts.span(curve.clean.rate, wilson=True)}]
    points += [{"eps": point.eps, **charts.span(point.robust.rate, wilson=True)} for point in curve.points]
    try:
        own = float(record.settings.threat.partition(":")[2])
    except ValueError:  # a set that is not told by one number
        return {"points": points, "audit": None}
    return {"points": points, "audit": {"eps": own, "value": record.robust.rate.value}}


def _bar(row: "GroupRow") -> dict[str, Any]:
    clean, robust = (charts.span(rate, wilson=True) for rate in (row.clean_accuracy, row.robust_accuracy))
    return {"group": str(row.group), "n": row.n, "small": row.small, "clean": clean, "robust": robust}


def _attacks(record: "AuditRecord") -> Iterator[AttackRow]:
    for stage in record.stages:
        rows = record.clean.hits if record.settings.alone else stage.before
        alone = stage.alone.rate if stage.alone else None
        yield AttackRow(
            stage.label, stage.before, stage.after, alone, rows, stage.gradients, stage.forwards, stage.unit,
            stage.curve,
        )  # fmt: skip


def _group(audit: "Audit", name: str) -> GroupView:
    rows = sorted(audit.by_group(name), key=lambda row: (row.small, row.robust_accuracy.value))
    worst, gap = audit.worst_group(name), audit.gap(name)
    return GroupView(
        name, tuple(islice(rows, _MOST)), max(0, len(rows) - _MOST), worst, gap, first_to_break(name, audit),
        all(row.small for row in rows),
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
    yield _table("Files, by sha256", record.files | {"this record": record.sha256})


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
