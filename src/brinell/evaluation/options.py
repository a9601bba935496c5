"""How an audit runs, beside what it attacks."""

from typing import Literal, NamedTuple

from brinell.certificates import Method
from brinell.evaluation.budget import Budget
from brinell.evaluation.record import Origin
from brinell.progress import Progress


class Options(NamedTuple):
    """How to run, beside what to attack."""

    effort: str
    alone: bool
    seed: int
    batch: int | None
    examples: Literal["all", "none"]
    origin: str | Origin | None
    progress: Progress
    diagnose: bool = True
    budget: Budget | None = None
    certificate: Method | None = None
