"""Advice in plain words."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brinell.choosing.advice import Advice, Counsel, Proposal
    from brinell.choosing.situation import Situation

_SEES = {
    "gradients": "sees the weights", "scores": "sees the scores of all classes", "labels": "sees the labels alone",
    "nothing": "sees nothing of the model",
}  # fmt: skip
_WANTS = {"any": "any wrong answer", "class": "one class", "undetected": "a wrong answer that no detector notices"}
_OF = {"image": "pictures of {}", "table": "rows of {} columns", "waveform": "waveforms of {} samples"}
_MEGA, _MINUTE, _HOUR = 1e6, 60.0, 3600.0


def in_words(advice: "Advice") -> str:
    """All of it, a paragraph or a command a line."""
    return "\n".join(_lines(advice))


def _lines(advice: "Advice") -> Iterator[str]:
    yield from _scene(advice.situation)
    yield from ("", f"The attacker to count with: {advice.threat.what}", *_because(advice.threat))
    for each in advice.also:
        yield f"  And {each.what}. {_told(each)}"
    yield from ("", "How to audit, before and after (then with --weights hard/RECIPE/weights.safetensors)")
    for each in advice.audits:
        yield from (f"  {each.what}", *_because(each, "    "))
    yield from (
        "",
        f"Recipes, in this order ({_basis(advice)})" if advice.recipes else "No recipe here fits this attacker.",
    )
    for number, proposal in enumerate(advice.recipes, 1):
        yield from _proposal(number, proposal)
    yield from _list("Not these", advice.not_these)
    yield from _list("Keep in mind", advice.notes)


def _basis(advice: "Advice") -> str:
    """Where the costs come from."""
    if all(each.cost for each in advice.recipes):
        return "costs measured by a few steps of each on your model"
    return "costs counted on a small network; brinell advise MODEL DATA measures them on yours"


def _scene(situation: "Situation") -> Iterator[str]:
    size = "x".join(map(str, situation.shape))
    groups = f"; groups: {', '.join(situation.groups)}" if situation.groups else ""
    yield f"The attacker {_SEES[situation.knows]} and wants {_WANTS[situation.wants]}."
    inputs = _OF[situation.what].format(size)
    yield f"The data: {situation.rows:,} {inputs}, {situation.classes} classes{groups}."
    machine = "a GPU" if situation.gpu else f"{situation.cores} CPU cores"
    yield f"The means: {machine}, {duration(situation.seconds)} of training."


def _proposal(number: int, proposal: "Proposal") -> Iterator[str]:
    cut = f" of its usual {proposal.usual}" if proposal.epochs < proposal.usual else ""
    yield f"  {number}. {proposal.recipe}, {proposal.epochs}{cut} epochs: {cost_in_words(proposal)}"
    why = f"{proposal.why}{_papers(proposal.sources)}"
    yield from (f"     {why}", f"     {proposal.command}")


def cost_in_words(proposal: "Proposal") -> str:
    """Time and memory as far as they are known, and the work in epochs of standard training."""
    parts = []
    if proposal.seconds is not None:
        low, high = map(duration, proposal.seconds)
        parts.append(low if low == high else f"{low} to {high}")
        parts[-1] += "" if proposal.fits else ", more than there is time for"
    if proposal.cost is not None:
        parts.append(f"{megabytes(proposal.cost.peak)} at the peak of a step")
    parts.append(f"the work of {proposal.standard_epochs:,.0f} epochs of standard training")
    return "; ".join(parts)


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.3g} s"
    return f"{seconds / _MINUTE:.3g} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.3g} h"


def megabytes(count: float) -> str:
    """Bytes in MB."""
    return f"{count / _MEGA:,.{0 if count >= 100 * _MEGA else 1}f} MB"


def _list(title: str, counsels: Iterable["Counsel"]) -> Iterator[str]:
    lines = [f"  {each.what}: {_told(each)}" for each in counsels]
    yield from ["", title, *lines] if lines else []


def _because(counsel: "Counsel", indent: str = "  ") -> Iterator[str]:
    if counsel.why:
        yield f"{indent}{_told(counsel)}"


def _told(counsel: "Counsel") -> str:
    return f"{counsel.why}{_papers(counsel.sources)}"


def _papers(sources: Iterable[str]) -> str:
    return f" ({', '.join(sources)})" if sources else ""
