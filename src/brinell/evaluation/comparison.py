"""Two audits of the same rows, compared row by row: who is more robust, for whom, and whether that can be said."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from brinell.errors import InputError, InputTypeError
from brinell.evaluation.audit import Audit
from brinell.evaluation.groups import group_values
from brinell.statistics import LEVEL, Paired, Rate, holm

_Mask = np.ndarray[Any, Any]


class Contrast(NamedTuple):
    """One set of rows under both audits: ``first`` and ``second`` are rates, ``difference`` the first less the second,
    ``p`` its exact p-value, adjusted (Holm) where several groups are looked at together."""

    group: Any
    first: Rate
    second: Rate
    difference: Paired
    p: float

    @property
    def says(self) -> bool:
        """Whether the difference is more than chance at 5 %."""
        return self.p < 1 - LEVEL

    def facts(self) -> dict[str, Any]:
        """Plain values for JSON."""
        pair = self.difference
        return {
            "group": self.group, "n": pair.n, "first": self.first.facts(), "second": self.second.facts(),
            "first_alone": pair.first, "second_alone": pair.second, "difference": pair.value, "low": pair.low,
            "high": pair.high, "level": pair.level, "p": self.p,
        }  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """The first audit against the second, paired by row. ``groups`` has a contrast of robust accuracy for each group
    of every attribute, whose intervals hold at once (Bonferroni). ``notes``: what the two do not share."""

    names: tuple[str, str]
    clean: Contrast
    robust: Contrast
    groups: dict[str, tuple[Contrast, ...]]
    notes: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """Who is more robust, for whom, and where it is too early to say."""
        return (
            _sentence("robust", self.robust, self.names),
            _sentence("accurate without an attack", self.clean, self.names),
            *(_for_whom(name, contrasts, self.names) for name, contrasts in self.groups.items()),
            *self.notes,
        )

    def __str__(self) -> str:
        return "\n".join(self.words)


def compare(first: Audit, second: Audit, *, names: tuple[str, str] = ("A", "B")) -> Comparison:
    """Compare two audits of the same rows against the same attacker: models, defenses, seeds or cascades.

    Only rows that stand in one audit and not in the other tell anything: exact McNemar test, and Tango's score interval
    of the difference; by group with Holm's correction. names: what the words call the two.
    Raises InputError where data, threat set, bounds or goal differ."""
    for audit in (first, second):
        if not isinstance(audit, Audit):
            raise InputTypeError(f"{audit!r:.80} is no audit; pass what audit or load_audit returned.")
    _require_same(first, second, names)
    stands = [pc.is_null(audit.table["broken_by"]).to_numpy() for audit in (first, second)]
    right = [pc.equal(audit.table["clean_prediction"], audit.table["label"]).to_numpy() for audit in (first, second)]
    groups = {name: _by_group(first, name, stands) for name in first.record.settings.data.groups}
    every = np.ones(len(stands[0]), dtype=bool)
    return Comparison(
        names, _contrast("all rows", right, every), _contrast("all rows", stands, every), groups,
        tuple(_notes(first, second, names)),
    )  # fmt: skip


def _require_same(first: Audit, second: Audit, names: tuple[str, str]) -> None:
    one, other = first.record.settings, second.record.settings
    pairs = {
        "data": (f"{one.data.name} (sha256 {one.data.sha256})", f"{other.data.name} (sha256 {other.data.sha256})"),
        "threat set": (one.threat, other.threat),
        "bounds": (one.model.bounds, other.model.bounds),
        "goal": (one.goal, other.goal),
    }
    for what, (left, right) in pairs.items():
        same = one.data.sha256 == other.data.sha256 if what == "data" else left == right
        if not same:
            drawn = what == "data" and one.seed != other.seed and (one.origin or other.origin)
            hint = " With --n, the seed decides which rows they are." if drawn else ""
            raise InputError(
                f"the two audits cannot be paired row by row: the {what} of {names[0]} is {left}, that of {names[1]} "
                f"{right}. Audit both on the same rows, groups included, and against the same attacker.{hint}"
            )


def _notes(first: Audit, second: Audit, names: tuple[str, str]) -> list[str]:
    one, other = first.record.settings, second.record.settings
    attacks = [[attack.label for attack in facts.cascade] for facts in (one, other)]
    notes = []
    if attacks[0] != attacks[1]:
        lists = "; ".join(f"{name}: {', '.join(labels)}" for name, labels in zip(names, attacks, strict=True))
        notes.append(f"The cascades differ, so this compares attacks as well as models ({lists}).")
    if one.model.sha256 == other.model.sha256:
        notes.append("Both audits are of the same weights: what differs is the attack.")
    return notes


def _by_group(audit: Audit, name: str, stands: list[_Mask]) -> tuple[Contrast, ...]:
    """A contrast for each group of one attribute, p-values by Holm, intervals by Bonferroni."""
    values = group_values(audit.table, name, audit.record.settings.data.classes)
    contrasts = [_contrast(group, stands, rows) for group, rows in values.items()]
    level = 1 - (1 - LEVEL) / max(1, len(contrasts))
    adjusted = holm([contrast.p for contrast in contrasts])
    return tuple(
        contrast._replace(p=p, difference=contrast.difference.at_level(level))
        for contrast, p in zip(contrasts, adjusted, strict=True)
    )


def _contrast(group: Any, yes: list[_Mask], rows: _Mask) -> Contrast:
    one, other = (mask[rows] for mask in yes)
    n = len(one)
    paired = Paired(int((one & ~other).sum()), int((~one & other).sum()), n)
    return Contrast(group, Rate(int(one.sum()), n), Rate(int(other.sum()), n), paired, paired.p)


def _sentence(trait: str, contrast: Contrast, names: tuple[str, str]) -> str:
    pair, n = contrast.difference, contrast.difference.n
    if not pair.first + pair.second:
        return f"Neither is more {trait}: the two agree on each of {n:,} rows."
    better, worse = names if pair.value >= 0 else names[::-1]
    low, high = (pair.low, pair.high) if pair.value >= 0 else (-pair.high, -pair.low)
    points = (
        f"{100 * abs(pair.value):.1f} points ({100 * low:.1f} to {100 * high:.1f}, n = {n:,}, p = {contrast.p:.2g})"
    )
    if contrast.says:
        return f"{better} is more {trait} than {worse}, by {points}."
    alone = f"{names[0]} alone holds {pair.first:,}, {names[1]} alone {pair.second:,}"
    return f"Too few rows differ to say who is more {trait}: {alone}; {points}, in favour of {better}."


def _for_whom(name: str, contrasts: tuple[Contrast, ...], names: tuple[str, str]) -> str:
    parts = []
    for better, sign in ((names[0], 1), (names[1], -1)):
        found = [each for each in contrasts if each.says and each.difference.value * sign > 0]
        if found:
            parts.append(f"{better} is more robust for {', '.join(str(each.group) for each in found)}")
    if not parts:
        return f"By {name}: for no group can it be said who is more robust."
    rest = sum(not each.says for each in contrasts)
    return f"By {name}: {'; '.join(parts)}" + (f"; for the other {rest} it cannot be said." if rest else ".")
