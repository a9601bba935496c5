"""What may be demanded of an audit, such as ``robust_accuracy>=0.6``, and whether the audit shows it.

The pessimistic end of the interval decides: what the rows leave open counts against the model. Small groups count like
the others, so that nobody meets a demand for want of rows."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from brinell.errors import InputError, nearest
from brinell.evaluation.audit import Audit
from brinell.evaluation.findings import VERDICTS
from brinell.statistics import LEVEL, Rate, simultaneous

RATES, GROUPED = ("clean_accuracy", "robust_accuracy"), ("worst_group", "gap")
GRAMMAR = (
    "Write clean_accuracy>=X, robust_accuracy>=X, worst_group>=X, worst_group:NAME>=X, gap<=X or gap:NAME<=X, where X "
    "is a number between 0 and 1 such as 0.6, or 60%; or sound; or doubtful, which lets only unsound models fail."
)
_FORM = re.compile(r"(?P<measure>\w+)\s*(?::(?P<groups>[^<>=]+))?(?P<sign>[<>=~!]+)(?P<limit>[^<>=]*)")
_MOST = 1 << 24  # rows, more than which nobody will look for


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a demand is met, in words. value: what was measured, and end: the pessimistic end of its interval, which
    decides; both None where there is nothing to measure."""

    demand: str
    met: bool
    words: str
    value: float | None = None
    end: float | None = None

    def __str__(self) -> str:
        return f"{self.demand} is {'met' if self.met else 'missed'}: {self.words}"

    def facts(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"demand": self.demand, "met": self.met, "value": self.value, "end": self.end, "words": self.words}


@dataclass(frozen=True, slots=True)
class Demand:
    """Something demanded: see ``read_demand``. groups: the attributes whose groups it is about; empty: each that the
    data have. limit: a share, or a verdict."""

    measure: str
    limit: float | str
    groups: tuple[str, ...] = ()

    def __str__(self) -> str:
        if isinstance(self.limit, str):
            return self.limit
        name = ":".join([self.measure, *([",".join(self.groups)] if self.groups else [])])
        return f"{name}{'<=' if self.measure == 'gap' else '>='}{self.limit:g}"

    def check(self, groups: Iterable[str], diagnose: bool) -> None:
        """Raise InputError where an audit of data with these groups, diagnosed or not, cannot answer."""
        known = list(groups)
        if unknown := [name for name in self.groups if name not in known]:
            raise InputError(
                f"{self} is demanded, but there is no group {unknown[0]!r}; there are: {', '.join(known)}."
            )
        if self.measure == "verdict" and not diagnose:
            raise InputError(
                f"{self} is demanded, which needs the diagnosis; leave --no-diagnose (diagnose=False) out."
            )

    def out_of_reach(self, n: int) -> str:
        """Why so few rows cannot meet the demand, however good the model is; empty where they can."""
        if self.measure not in (*RATES, "worst_group") or isinstance(self.limit, str) or Rate(n, n).low >= self.limit:
            return ""
        least = math.ceil(math.log((1 - LEVEL) / 2) / math.log(self.limit))
        return (
            f"{self} cannot be met by {n:,} rows: if all of them stood, the interval would still begin at "
            f"{Rate(n, n).low:.1%}. It takes at least {least:,}."
        )

    def answer(self, audit: Audit) -> Answer:
        """Whether the audit shows what is demanded."""
        if self.measure == "verdict":
            return _of_verdict(self, audit)
        if self.measure in RATES:
            return _of_rate(self, getattr(audit, self.measure), "")
        attributes = [self.groups] if self.groups else [(name,) for name in audit.record.settings.data.groups]
        of_groups = _of_gap if self.measure == "gap" else _of_worst
        answers = [of_groups(self, audit, names) for names in attributes]
        return min(answers, key=lambda each: (each.met, _badness(self, each)))


def read_demand(text: str) -> Demand:
    """A demand from its text: ``GRAMMAR`` says how it is written. Raises InputError on anything else."""
    text = text.strip()
    if text in VERDICTS[:2]:
        return Demand("verdict", text)
    form = _FORM.fullmatch(text)
    if form is None:
        raise _refused(text, nearest(text, VERDICTS[:2], ""))
    measure, groups = form["measure"], tuple(part.strip() for part in (form["groups"] or "").split(",") if part.strip())
    if measure not in (*RATES, *GROUPED):
        raise _refused(text, f"there is no measure {measure!r}{nearest(measure, (*RATES, *GROUPED), '')}")
    if form["groups"] is not None and (measure in RATES or not groups):
        raise _refused(text, f"{measure} is of all rows; worst_group and gap are of the groups of an attribute")
    wanted = "<=" if measure == "gap" else ">="
    if form["sign"] != wanted:
        raise _refused(text, f"{measure} takes {wanted}, not {form['sign']}")
    return Demand(measure, _limit(text, measure, form["limit"].strip()), groups)


def _refused(text: str, why: str) -> InputError:
    return InputError(f"the demand is {text!r}{': ' if why[:1].isalpha() else ''}{why.rstrip('?')}. {GRAMMAR}")


def _limit(text: str, measure: str, limit: str) -> float:
    try:
        share = float(limit.removesuffix("%")) / (100 if limit.endswith("%") else 1)
    except ValueError:
        raise _refused(text, f"{limit!r} is no number") from None
    if not 0 <= share <= 1:
        raise _refused(text, f"{limit} is not between 0 and 1")
    if share == (0 if measure == "gap" else 1):
        raise _refused(text, f"no number of rows can show {limit}, since an interval always leaves some room")
    return share


def _badness(demand: Demand, answer: Answer) -> float:
    """The smaller, the worse."""
    if answer.end is None:
        return -math.inf
    return -answer.end if demand.measure == "gap" else answer.end


def _of_verdict(demand: Demand, audit: Audit) -> Answer:
    found = audit.diagnosis
    if found is None:
        return Answer(str(demand), False, "the audit was run without the diagnosis.")
    met = VERDICTS.index(found.verdict) <= [str(verdict) for verdict in VERDICTS].index(str(demand.limit))
    concerns = "; ".join(f"{finding.name}: {finding.outcome}" for finding in found.concerns)
    return Answer(str(demand), met, f"the verdict is {found.verdict}{f' ({concerns})' if concerns else ''}.")


def _of_rate(demand: Demand, rate: Rate, who: str) -> Answer:
    """who: of whose rows, if not of all."""
    limit = float(demand.limit)
    if not rate.n:
        return Answer(str(demand), False, f"there are no rows{who}, so nothing is known.")
    met = rate.low >= limit
    few = " rows only" if rate.n < 30 else " rows"
    value, end = _percent(rate.value, limit), _percent(rate.low, limit)
    words = (
        f"measured {value} of {rate.n:,}{few}{who}, and {end} at the pessimistic end of the interval, which decides."
    )
    return Answer(str(demand), met, words if met else f"{words} {_could_rows_help(rate, limit)}", rate.value, rate.low)


def _could_rows_help(rate: Rate, limit: float) -> str:
    if rate.high < limit:
        return f"More rows would hardly help: even the optimistic end is {_percent(rate.high, limit)}."
    if rate.value < limit:
        return "What was measured is below the demand itself; more rows could only help if these were unlucky ones."
    if n := _rows_needed(rate, limit):
        return f"More rows could settle it: about {n:,} with the same share would."
    return "That is too close to the demand for any number of rows to settle it."


def _rows_needed(rate: Rate, limit: float) -> int | None:
    """How many rows of the same share meet the limit, to two digits; None where it takes too many."""
    n = rate.n
    while n < _MOST:
        n = max(n + 1, math.ceil(n * 1.05))
        if rate._replace(hits=math.floor(rate.value * n), n=n).low >= limit:
            unit = int(10 ** max(0, len(str(n)) - 2))
            return math.ceil(n / unit) * unit
    return None


def _of_worst(demand: Demand, audit: Audit, names: tuple[str, ...]) -> Answer:
    """The group whose pessimistic end is the lowest, at the level that holds for all groups at once."""
    rows = audit.by_group(*names)
    rates = simultaneous([row.robust_accuracy for row in rows])
    rate, row = min(zip(rates, rows, strict=True), key=lambda pair: pair[0].low)
    return _of_rate(demand, rate, f" of the group {_called(names, row.group)}")


def _of_gap(demand: Demand, audit: Audit, names: tuple[str, ...]) -> Answer:
    """All groups, the small ones too: by the simultaneous intervals of their rates."""
    attribute, limit = " and ".join(names), float(demand.limit)
    rows = audit.by_group(*names)
    rates = simultaneous([row.robust_accuracy for row in rows])
    if len(rates) < 2:
        return Answer(str(demand), False, f"there is but one group of {attribute}, so there is no gap to measure.")
    values, smallest = [rate.value for rate in rates], min(rows, key=lambda row: row.n)
    value, end = max(values) - min(values), max(rate.high for rate in rates) - min(rate.low for rate in rates)
    met = end <= limit
    words = (
        f"measured {_percent(value, limit)} between the best and the worst group of {attribute}, and "
        f"{_percent(end, limit)} at the pessimistic end of the interval, which decides."
    )
    if not met:
        few = f" The smallest group, {_called(names, smallest.group)}, has {smallest.n:,}."
        more = "More rows could settle it." if value <= limit else "What was measured is above the demand itself."
        words = f"{words} {more}{few}"
    return Answer(str(demand), met, words, value, end)


def _called(names: tuple[str, ...], group: Any) -> str:
    values = group if isinstance(group, tuple) else (group,)
    return ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))


def _percent(share: float, limit: float) -> str:
    """With as many digits as show on which side of the limit it lies."""
    places = next((places for places in (1, 2, 3) if f"{share:.{places}%}" != f"{limit:.{places}%}"), 1)
    return f"{share:.{places}%}"
