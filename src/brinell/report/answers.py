"""The five questions of a reader who knows nothing of the field, answered from the record."""

import math
from typing import TYPE_CHECKING, NamedTuple

from brinell.report.words import converged, count, each, exact, percent, points, reach, sight, wish, within
from brinell.statistics import LEVEL

if TYPE_CHECKING:
    from brinell.evaluation import Audit, AuditRecord, GroupGap

_CREDIT = {
    "sound": "No check found the model hiding its gradients, so these attacks can be taken at their word.",
    "doubtful": "Some checks warn that the attacks may have been misled: the number may be too high.",
    "unsound": "Checks failed: the attacks were misled by the model, and the number is not to be believed.",
    None: "Whether the model hides its gradients was not checked.",
}


class Answer(NamedTuple):
    """A question, its answer in short, and what there is to add."""

    question: str
    short: str
    more: tuple[str, ...]


def headline(record: "AuditRecord") -> tuple[str, str, str]:
    """The whole report in one sentence, cut so that its middle can stand out."""
    share = f"at most {percent(record.robust.rate.value)}" if record.robust.hits else "none"
    return "Under attack, ", share, " of the inputs keep their right answer."


def answers(audit: "Audit") -> tuple[Answer, ...]:
    """What attacker, how strong, how many break, who breaks first, how sure: in this order."""
    record = audit.record
    return (_who(record), _how_strong(record), _how_many(record), _first(audit), _how_sure(record))


def _who(record: "AuditRecord") -> Answer:
    facts = record.settings
    seen = sight(facts.cascade)
    short = f"Someone who {seen} and {wish(facts.goal, facts.data.classes)}."
    return Answer("What attacker?", short, (f"Whatever it makes {within(facts.model.bounds)}.",))


def _how_strong(record: "AuditRecord") -> Answer:
    n = record.settings.data.n
    may = reach(record.settings.threat, record.settings.data.shape)
    stages = len(record.stages)
    spent = sum(stage.gradients for stage in record.stages)
    tries = sum(stage.forwards for stage in record.stages)
    tried = "1 attack" if stages == 1 else f"{stages} attacks, one after the other"
    more = f"Tried: {tried}, with {each(spent, n)} gradients and {each(tries, n)} further passes per input on average."
    return Answer("How strong?", f"It {may}.", (more,))


def _how_many(record: "AuditRecord") -> Answer:
    right, stand, n = record.clean.hits, record.robust.hits, record.settings.data.n
    if not right:
        return Answer("How many break?", "None can: no input is right to begin with.", ())
    broken = right - stand
    short = f"{count(broken)} of the {count(right)} inputs that are right without an attack: {percent(broken / right)}."
    more = f"{count(stand)} of all {count(n)} inputs stand: {percent(stand / n)}, at most."
    return Answer("How many break?", short, (more,))


def _first(audit: "Audit") -> Answer:
    names = audit.record.settings.data.groups
    found = [first_to_break(name, audit) for name in names]
    clear = sorted(names, key=lambda name: -_clearness(audit.gap(name)))
    best = found[names.index(clear[0])]
    return Answer("Who breaks first?", best, tuple(text for text in found if text != best))


def _clearness(gap: "GroupGap") -> float:
    """How surely the best and the worst group differ; a gap that is undefined comes last."""
    return -1.0 if math.isnan(gap.value) else gap.low + 1e-3 * gap.value


def first_to_break(name: str, audit: "Audit") -> str:
    """Who breaks first by one attribute, in a sentence."""
    worst, gap = audit.worst_group(name), audit.gap(name)
    rate = worst.robust_accuracy
    if gap.best is None:
        return f"By {name}: {worst.group} is the only group to speak of, {percent(rate.value)} robust."
    if gap.value == 0:
        return f"By {name}: none before the others, all groups stand at {percent(rate.value)}."
    spread = f"{100 * gap.low:.1f} to {points(gap.high)}"
    alike = [
        row for row in audit.by_group(name) if row.small == worst.small and row.robust_accuracy.value == rate.value
    ]
    others = f" together with {count(len(alike) - 1)} more" if len(alike) > 1 else ""
    chance = "" if gap.low > 0 else "; the interval reaches 0, so chance alone could make it"
    return (
        f"By {name}: {worst.group} breaks first{others}, {percent(rate.value)} robust ({exact(rate)}, "
        f"n = {count(worst.n)}), {points(gap.value)} below the best, {gap.best} ({spread}{chance})."
    )


def _how_sure(record: "AuditRecord") -> Answer:
    robust = record.robust.rate
    bound = f"{percent(robust.value)} is an upper bound: a stronger attack may break more."
    bound = bound if robust.hits else "Nothing stands, so no stronger attack could break more."
    if record.certified is not None:
        bound += (
            f" {percent(record.certified.rate.value)} is a lower bound: of these rows it is proved that nothing in the "
            "threat set changes them. The truth lies between."
        )
    verdict = record.diagnosis.verdict if record.diagnosis else None
    short = (
        f"{bound} For other rows of the same kind the number lies between {percent(robust.low)} and "
        f"{percent(robust.high)} ({LEVEL:.0%} sure)."
    )
    return Answer("How sure is it?", short, (_CREDIT[verdict], converged(record)))
