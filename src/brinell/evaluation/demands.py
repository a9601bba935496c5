"""What is demanded of an audit, such as ``robust_accuracy>=0.6``: the interval's pessimistic end decides."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

from brinell.errors import InputError
from brinell.statistics import LEVEL, Rate, gap, simultaneous

if TYPE_CHECKING:
    from brinell.evaluation import Audit, GroupRow

Metric: TypeAlias = Literal[
    "clean_accuracy", "robust_accuracy", "certified_accuracy", "worst_group", "certified_worst_group", "gap", "verdict"
]
Comparison: TypeAlias = Literal[">=", "<="]

EXAMPLES = (
    "robust_accuracy>=0.6, clean_accuracy>=0.9, certified_accuracy>=0.5, worst_group:sex>=0.5, "
    "certified_worst_group:sex>=0.4, gap:sex<=0.1, sound or doubtful"
)
_TEXT = re.compile(r"(?P<metric>\w+)\s*(?::(?P<groups>.+?))?\s*(?P<comparison>[<>]=?|==?)\s*(?P<limit>[^<>=]+)")
_OF_GROUPS: dict[str, str] = {  # the rate of each group that is looked at
    "worst_group": "robust_accuracy", "certified_worst_group": "certified_accuracy", "gap": "robust_accuracy"
}  # fmt: skip
_UNSOUND = "; but the verdict is unsound: the number is not to be believed"
_MOST = 1 << 24  # rows, more than which nobody will look for
_VERDICTS = ("sound", "doubtful")  # the best first; an unsound audit meets no demand


class Answer(NamedTuple):
    """Whether an audit meets a demand, and why, in words with numbers.

    value: what was measured. bound: the end of its interval that decided. Both NaN for a verdict."""

    demand: "Demand"
    met: bool
    words: str
    value: float = math.nan
    bound: float = math.nan

    def facts(self) -> dict[str, Any]:
        """Plain values for JSON; NaN is None."""
        value, bound = (None if math.isnan(number) else number for number in (self.value, self.bound))
        return {"demand": str(self.demand), "met": self.met, "value": value, "bound": bound, "words": self.words}

    def __str__(self) -> str:
        return f"{self.demand} is {'met' if self.met else 'missed'}: {self.words}"


@dataclass(frozen=True, slots=True)
class Demand:
    """A demand on an audit: the pessimistic end of the interval decides.

    With groups all are looked at together, and the one whose lower end is lowest decides. Groups of fewer than 30 rows
    are passed over, unless these few are enough to tell that the demand is missed.
    Of certified accuracy too the lower end decides; a verdict does not touch it, since it is proved.
    limit: a share in 0..1, or "sound" or "doubtful" for the metric "verdict". groups: whose worst group or gap is
    meant, several names for the intersection; none means every attribute of the audit, one after the other.
    Raises InputError on a limit that nothing can be compared with, and on groups where there are none to name."""

    metric: Metric
    limit: float | str
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.metric not in get_args(Metric):
            raise InputError(f"there is no metric {self.metric!r} to require; write {EXAMPLES}.")
        if self.groups and self.metric not in _OF_GROUPS:
            worst = "certified_worst_group" if self.metric == "certified_accuracy" else "worst_group"
            raise InputError(f"{self.metric} has no groups; write {worst}:{self.groups[0]}>=0.5 or gap:...<=0.1.")
        if self.metric == "verdict":
            if self.limit not in _VERDICTS:
                raise InputError(f"the verdict required is {self.limit!r}; choose one of {', '.join(_VERDICTS)}.")
        elif isinstance(self.limit, str | bool) or not 0 <= self.limit <= 1:
            raise InputError(f"{self.metric} is compared with {self.limit!r}; give a share in 0..1, as 0.6 or 60%.")
        elif self.limit == (0 if self.metric == "gap" else 1):
            raise InputError(
                f"no number of rows shows {self}, since an interval always leaves some room; give a limit "
                f"{'above 0' if self.metric == 'gap' else 'below 1'}."
            )

    @classmethod
    def read(cls, text: str) -> "Demand":
        """The demand that a text such as ``"worst_group:sex>=0.5"`` or ``"sound"`` names. Raises InputError."""
        if text.strip() in _VERDICTS:
            return cls("verdict", text.strip())
        found = _TEXT.fullmatch(text.strip())
        if found is None or found["metric"] not in get_args(Metric) or found["metric"] == "verdict":
            raise InputError(f"the demand is {text!r}, which is not understood; write {EXAMPLES}.")
        names = tuple(name.strip() for name in (found["groups"] or "").split(",") if name.strip())
        wanted = cls(found["metric"], _share(found["limit"], text), names)  # type: ignore[arg-type]  # checked above
        if found["comparison"] != wanted.comparison:
            raise InputError(f"the demand is {text!r}, which compares the wrong way; write {wanted}.")
        return wanted

    @property
    def rate(self) -> str:
        """The rate that it is about, as audits and their groups name it; empty for a verdict."""
        return "" if self.metric == "verdict" else _OF_GROUPS.get(self.metric, self.metric)

    @property
    def comparison(self) -> Comparison:
        """How the measured value has to stand to the limit."""
        return "<=" if self.metric == "gap" else ">="

    def __str__(self) -> str:
        if isinstance(self.limit, str):
            return self.limit
        names = f":{','.join(self.groups)}" if self.groups else ""
        return f"{self.metric}{names}{self.comparison}{self.limit:g}"

    def check_possible(self, groups: Iterable[str] | None, *, diagnose: bool, certified: bool) -> None:
        """Raise InputError where an audit with these groups ("class" is always there) cannot answer: before any work.

        groups: None where they are not known yet. diagnose, certified: whether the audit makes a diagnosis, and proves
        which rows stand."""
        known = [*dict.fromkeys(["class", *(groups or ())])]
        for name in self.groups:
            if groups is not None and name not in known:
                raise InputError(f"{self} is demanded, but there is no group {name!r}; there are: {', '.join(known)}.")
        if self.metric == "verdict" and not diagnose:
            raise InputError(f"{self} needs the diagnosis; leave --no-diagnose (diagnose=False) out.")
        if self.rate == "certified_accuracy" and not certified:
            raise InputError(
                f"{self} needs a certificate, and this audit has none; audit with --certify ibp "
                "(certificate=IntervalBounds())."
            )

    def out_of_reach(self, n: int) -> str:
        """Why ``n`` rows cannot meet this however good the model is, in words; empty where they can."""
        if self.comparison == "<=" or isinstance(self.limit, str) or Rate(n, n).low >= self.limit:
            return ""
        least = math.ceil(math.log((1 - LEVEL) / 2) / math.log(self.limit))  # the lower end of n of n is tail^(1/n)
        return (
            f"{self} cannot be met by {n:,} rows: if all of them stood, the interval would still begin at "
            f"{Rate(n, n).low:.1%}; it takes at least {least:,}"
        )

    def check(self, audit: "Audit") -> Answer:
        """Whether ``audit`` meets this. Raises InputError where it cannot tell: no such group, no diagnosis, no
        certificate."""
        self.check_possible(
            audit.record.settings.data.groups, diagnose=audit.diagnosis is not None,
            certified=audit.certified_accuracy is not None,
        )  # fmt: skip
        if self.metric == "verdict":
            return self._of_verdict(audit)
        if self.metric not in _OF_GROUPS:
            return self._of_rate(audit)
        every = [self.groups] if self.groups else [(name,) for name in audit.record.settings.data.groups]
        answer = self._of_gap if self.metric == "gap" else self._of_worst
        answers = [answer(audit, names) for names in every]
        told = [each for each in answers if not math.isnan(each.bound)] or answers
        sign = -1 if self.comparison == "<=" else 1
        return min(told, key=lambda each: (each.met, sign * each.bound))

    def _of_verdict(self, audit: "Audit") -> Answer:
        assert audit.diagnosis is not None
        found = "; ".join(f"{finding.name}: {finding.outcome}" for finding in audit.diagnosis.concerns)
        met = audit.diagnosis.verdict in _VERDICTS[: _VERDICTS.index(str(self.limit)) + 1]
        return Answer(self, met, f"the verdict is {audit.diagnosis.verdict}" + (f" ({found})" if found else ""))

    def _of_rate(self, audit: "Audit") -> Answer:
        rate = getattr(audit, self.rate)
        return self._at_least(f"the {self._name} is {_rate(rate)}", rate, audit)

    @property
    def _name(self) -> str:
        """The rate in words."""
        return self.rate.replace("_", " ")

    def _of_worst(self, audit: "Audit", names: tuple[str, ...]) -> Answer:
        every = audit.by_group(*names)
        told = [  # few rows, and enough to tell
            (rate, row) for row, rate in zip(every, self._together(every), strict=True)
            if row.small and rate.high < float(self.limit)
        ]  # fmt: skip
        if told:
            rate, row = min(told, key=lambda pair: (pair[0].high, pair[0].value))
            words = f"the {self._name} of {_name(names, row.group)} is {_rate(rate)}: even its upper end is below"
            return Answer(self, False, f"{words} {float(self.limit):.1%}", rate.value, rate.high)
        rows = _speaking(every)
        rate, row = min(zip(self._together(rows), rows, strict=True), key=lambda pair: (pair[0].low, pair[0].value))
        words = f"the {self._name} of {_name(names, row.group)} is {_rate(rate)}{_sight(rows, every)}"
        return self._at_least(words, rate, audit)

    def _of_gap(self, audit: "Audit", names: tuple[str, ...]) -> Answer:
        every = audit.by_group(*names)
        rows, found, of_all = _speaking(every), audit.gap(*names), gap(self._together(every))
        if of_all.low > float(self.limit):  # the small groups have few rows, and enough to tell
            found = found._replace(value=of_all.value, low=of_all.low, high=of_all.high, best=every[of_all.best].group,
                                   worst=every[of_all.worst].group)  # fmt: skip
            rows = every
        if found.best is None:
            return Answer(self, False, f"{' and '.join(names)} has fewer than two groups of rows enough, and so no gap")
        between = f"the gap between {_name(names, found.best)} and {_name(names, found.worst)}"
        words = (
            f"{between} is {found.value:.1%} (simultaneous {LEVEL:.0%} interval {found.low:.1%} to {found.high:.1%})"
            f"{_sight(rows, every)}"
        )
        met = found.high <= float(self.limit)
        more = "" if met or found.value > float(self.limit) else "; the value alone would do, so more rows may"
        return self._told(words, "upper", found.value, found.high, met, more, audit)

    def _together(self, rows: "list[GroupRow]") -> list[Rate]:
        return simultaneous([getattr(row, self.rate) for row in rows])

    def _at_least(self, words: str, rate: Rate, audit: "Audit") -> Answer:
        """Compare a rate's lower end with the limit."""
        limit = float(self.limit)
        met = bool(rate.n) and rate.low >= limit
        more = "" if met or not rate.value >= limit else _rows_that_would_do(rate, limit)
        return self._told(words, "lower", rate.value, rate.low, met, more, audit)

    def _told(
        self, words: str, end: str, value: float, bound: float, met: bool, more: str, audit: "Audit"
    ) -> Answer:  # fmt: skip
        limit = float(self.limit)
        shown, demanded = _apart(bound, limit)
        relation = "at" if bound == limit else "above" if bound > limit else "below"
        doubt = "" if self.rate != "robust_accuracy" or audit.verdict != "unsound" else _UNSOUND
        return Answer(
            self, met, f"{words}: its {end} end, {shown}, is {relation} {demanded}{more}{doubt}", value, bound
        )


def read_demands(texts: Iterable["str | Demand"]) -> tuple[Demand, ...]:
    """The demands that texts name; those that are read already stay. Raises InputError."""
    return tuple(text if isinstance(text, Demand) else Demand.read(text) for text in texts)


def _share(text: str, whole: str) -> float:
    """The number of ``0.6``, ``60%`` or ``3/5``."""
    digits, percent, _ = text.strip().partition("%")
    top, _, bottom = digits.partition("/")
    try:
        return float(top) / float(bottom or 1) / (100 if percent else 1)
    except (ValueError, ZeroDivisionError) as problem:
        raise InputError(f"the demand {whole!r} compares with {text!r}; give a share, as 0.6 or 60%.") from problem


def _speaking(rows: "list[GroupRow]") -> "list[GroupRow]":
    """The groups that have rows enough to speak of, or all where none has."""
    return [row for row in rows if not row.small] or rows


def _sight(rows: "list[GroupRow]", every: "list[GroupRow]") -> str:
    """How many groups were looked at together."""
    left_out = len(every) - len(rows)
    small = f", {left_out} of too few rows passed over" if left_out else ""
    return f", with {len(rows)} groups looked at together{small}" if len(rows) > 1 else small


def _rows_that_would_do(rate: Rate, limit: float) -> str:
    """How many rows of the same share would meet the limit, to two digits."""
    n = rate.n
    while n < _MOST:
        n = math.ceil(1.05 * n) + 1
        if rate._replace(hits=math.floor(rate.value * n), n=n).low >= limit:
            unit = 10 ** max(0, len(str(n)) - 2)
            return f"; the value alone would do, and so would about {math.ceil(n / unit) * unit:,} rows of its kind"
    return "; the value is too close to it for any number of rows to tell"


def _name(names: tuple[str, ...], value: Any) -> str:
    values = value if isinstance(value, tuple) else (value,)
    return ", ".join(f"{name} {each}" for name, each in zip(names, values, strict=True))


def _rate(rate: Rate) -> str:
    if not rate.n:
        return "undefined, since there are no rows"
    kind = "exact" if rate.level == LEVEL else "simultaneous"  # the level holds for all groups at once
    return f"{rate.value:.1%} of {rate.n:,} rows ({kind} {LEVEL:.0%} interval {rate.low:.1%} to {rate.high:.1%})"


def _apart(bound: float, limit: float) -> tuple[str, str]:
    """Both as percentages, with as many digits as it takes to tell them apart."""
    for digits in range(1, 6):
        texts = f"{bound:.{digits}%}", f"{limit:.{digits}%}"
        if texts[0] != texts[1]:
            break
    return texts
