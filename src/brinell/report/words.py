"""Records put into words, and numbers into text."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from brinell.evaluation.labels import labels_of
from brinell.shapes import image_like

if TYPE_CHECKING:  # the rooms below import torch; the report needs only what their objects hold
    from brinell.evaluation import AuditRecord
    from brinell.evaluation.record import AttackFacts
    from brinell.statistics import Rate

_REACH = {
    "linf": "may change every {part} by at most {eps}",
    "l2": "may change the whole input by a Euclidean length of at most {eps}",
    "l1": "may make changes that sum to at most {eps} over the whole input",
    "l0": "may change at most {eps} values of the input, each as far as the bounds allow",
}
_UNITS = {
    "gradients": "gradients",
    "forwards": "queries",
    "passes": "passes (a gradient is two, forward and backward)",
}

_LISTED = 50  # items of a setting, such as the names of classes: run.json has them all
_SIGHT = ("gradients", "scores", "labels")  # the most first


def percent(value: float) -> str:
    """A share such as ``91.5%``."""
    return "undefined" if math.isnan(value) else f"{value:.1%}"


def points(value: float) -> str:
    """A difference of shares such as ``12.3 points``."""
    return "undefined" if math.isnan(value) else f"{100 * value:.1f} points"


def exact(rate: "Rate") -> str:
    """The exact (Clopper-Pearson) interval."""
    return f"{rate.low:.1%} to {rate.high:.1%}" if rate.n else "undefined"


def wilson(rate: "Rate") -> str:
    """The Wilson interval."""
    return "{:.1%} to {:.1%}".format(*rate.wilson) if rate.n else "undefined"


def count(value: int) -> str:
    """A whole number such as ``10,000``."""
    return f"{value:,}"


def each(total: int, rows: int) -> str:
    """What was spent per row: ``19.1``."""
    return f"{total / rows:,.1f}" if rows else "none"


def plain(value: Any) -> str:
    """A setting as text."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        more = f" and {len(value) - _LISTED:,} more" if len(value) > _LISTED else ""
        return ", ".join(map(plain, value[:_LISTED])) + more or "none"
    return str(value)


def attacker(record: "AuditRecord") -> str:
    """The threat model: what the attacker sees, may do, and wants."""
    facts = record.settings
    may = reach(facts.threat, facts.data.shape)
    wanted = wish(facts.goal, facts.data.classes) + (", and not to be turned away" if facts.model.rejects else "")
    return f"{sight(facts.cascade)}, {may}, {within(facts.model.bounds)}, and {wanted}."


def reach(threat: str, shape: tuple[int, ...]) -> str:
    """What the attacker may do to an input of this shape."""
    name, _, size = threat.partition(":")
    eps, _, bits = size.partition("@")
    if name not in _REACH:
        return f"may move to any point of the set {threat}"
    may = _REACH[name].format(part=_part(shape), eps=_fraction(eps) if image_like(shape) else eps)
    return f"{may}, has to hand in {bits.removesuffix('bit')}-bit values" if bits else may


def within(bounds: str) -> str:
    """The bounds that an input stays in."""
    return f"stays within the bounds {bounds}"


def sight(cascade: Iterable["AttackFacts"]) -> str:
    """What the attack sees that sees most: who has gradients has scores, who has scores has labels."""
    seen = {attack.access for attack in cascade}
    most = next((access for access in _SIGHT if access in seen), None)
    return f"sees the model's {most}" if most else "sees nothing of the model"


def _part(shape: tuple[int, ...]) -> str:
    if not image_like(shape):
        return "value"
    return "channel of every pixel" if len(shape) == 3 and shape[0] == 3 else "pixel"


def _fraction(eps: str) -> str:
    """``0.0313725 (8/255)``: long decimals of images are meant as steps of 8-bit pixels."""
    steps = float(eps) * 255
    if len(eps) > len("0.1234") and round(steps) and abs(steps - round(steps)) < 1e-3:
        return f"{float(eps):.6g} ({round(steps)}/255)"
    return eps


def wish(goal: str, classes: Sequence[str] | None = None) -> str:
    """What the attacker is after. classes: the names of the labels."""
    kind, _, rest = goal.partition(" ")
    if kind == "away":
        return "wants any wrong label"
    if rest.startswith("labels"):
        return f"wants a chosen wrong label for each row ({rest})"
    wanted = labels_of(classes).get(int(rest), rest) if rest.isdecimal() else rest
    return f"wants the wrong label {wanted}" if kind == "toward" else f"wants: {goal}"


def protocol(record: "AuditRecord") -> str:
    """What was done: the cascade, and how a success is confirmed."""
    facts = record.settings
    names = ", then ".join(attack.label for attack in facts.cascade)
    if len(facts.cascade) == 1:
        order = "on every row that the model gets right"
    elif facts.alone:
        order = (
            "each on every row that the model gets right, to tell what it leaves standing on its own; in the "
            "cascade a row counts for the first attack that broke it"
        )
    else:
        order = "each only on the rows that still stand"
    return (
        f"{names}; {order}. Every success is judged again in a fresh {facts.precision} forward pass, and "
        "once more in another batch layout."
    )


def converged(record: "AuditRecord") -> str:
    """What the second half of the effort broke: whether more of it would break more."""
    found, n = record.doubling, record.settings.data.n
    if found is None:
        if not record.robust.hits:
            return "No row stands, so there is nothing left for more effort to break."
        return "No gradients and no queries were spent, so nothing can be said of more effort."
    unit = _UNITS[found.unit]
    lead = f"The second half of the {unit} broke {count(found.broken) if found.broken else 'none'} of {count(n)} rows"
    if found.broken:
        return f"{lead}: the search has not converged, and more of them may break more."
    return f"{lead}: more of the same attacks would hardly break more; others still may."


def at_8_bits(record: "AuditRecord") -> str | None:
    """What is left of the broken rows in 8 bits; None where the inputs are no pictures, or no row is broken."""
    kept = record.eight_bits
    if kept is None or not kept.n:
        return None
    return (
        f"After rounding to 8 bits, each value toward the clean one, {count(kept.hits)} of the {count(kept.n)} broken "
        "rows stay broken."
    )


def refused(record: "AuditRecord") -> str | None:
    """Candidates that did not count, whatever the model says of them; None where there are none."""
    parts = [f"{count(stage.refused)} of {stage.label}" for stage in record.stages if stage.refused]
    if not parts:
        return None
    return f"Outside the threat set or the bounds, or not finite, and so no success: candidates {', '.join(parts)}."


def guarded(record: "AuditRecord") -> str | None:
    """What stands before the model, and what it keeps of an attacker who knows of it; None where nothing does."""
    guards, static = record.settings.model.guards, record.static
    if not guards or static is None:
        return None
    names = ", then ".join(guard.label for guard in guards)
    ways = "; ".join(dict.fromkeys(guard.adaptive for guard in guards))
    return (
        f"Before the model: {names}. Static: examples made for the bare model leave {percent(static.rate.value)} of "
        f"all rows standing. Adaptive: attacked through it as well ({ways}), {percent(record.robust.rate.value)} do. "
        "The first number says nothing of an attacker who knows what stands there; the second is the robust accuracy."
    )


def redrawn(record: "AuditRecord") -> str | None:
    """What is left of the broken rows with other random draws; None where none are drawn, or no row is broken."""
    kept = record.redrawn
    if kept is None or not kept.n:
        return None
    return f"With other random draws, {count(kept.hits)} of the {count(kept.n)} broken rows stay broken."


def turned_away(record: "AuditRecord") -> str | None:
    """What a detector costs; None where there is none."""
    alarms = record.false_alarms
    if alarms is None:
        return None
    detector = record.settings.origin and record.settings.origin.detector
    chosen = ""
    if detector and detector.data and detector.false_alarms is not None:
        chosen = (
            f" Its threshold was chosen from {count(detector.n or 0)} clean rows of {detector.data}, for "
            f"{percent(detector.false_alarms)} of false alarms at most on average."
        )
    return (
        f"The detector turns {percent(alarms.rate.value)} of the clean rows away ({exact(alarms.rate)}): false alarms, "
        f"which count as wrong. Under attack a row that is turned away stands.{chosen}"
    )


def evidence(record: "AuditRecord") -> tuple[str, ...]:
    """How far the robust accuracy can be trusted, in sentences."""
    said = (guarded, turned_away, converged, at_8_bits, redrawn, refused)
    return tuple(text for say in said if (text := say(record)))


def course(record: "AuditRecord") -> str:
    """Which units the curves of the attacks are in."""
    return " or ".join(dict.fromkeys(_UNITS[stage.unit] for stage in record.stages))


def spent(record: "AuditRecord") -> str:
    """The cost, and how many rows are too close to call."""
    n = record.settings.data.n
    gradients = sum(stage.gradients for stage in record.stages)
    forwards = sum(stage.forwards for stage in record.stages)
    return (
        f"The attacks spent {each(gradients, n)} gradients and {each(forwards, n)} further forward passes "
        f"per row of the data. Unstable rows, which rounding alone decides: {count(record.unstable)} of {count(n)}."
    )
