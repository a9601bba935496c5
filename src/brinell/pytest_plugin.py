"""The pytest plug-in: a fixture that fails a test where a model is not as robust as demanded.

pytest loads this file wherever brinell is installed, so it imports nothing but pytest; the rest waits for the first
call of the fixture."""

import re
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import pytest

if TYPE_CHECKING:
    from brinell.evaluation import Audit
    from brinell.evaluation.demands import Answer, Demand

AssertRobust: TypeAlias = "Callable[..., Audit]"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let people say where reports of failures go."""
    parser.getgroup("brinell").addoption(
        "--brinell-reports", metavar="FOLDER", default=None,
        help="write a report and the run folder of every audit that fails assert_robust into FOLDER",
    )  # fmt: skip


@pytest.fixture
def assert_robust(request: pytest.FixtureRequest) -> AssertRobust:
    """Audit a model, and fail the test where a demand is missed; returns the audit.

    ``assert_robust(model, data, "linf:0.1", robust_accuracy=0.6, worst_group=0.5)``: the first three arguments are
    those of ``brinell.audit``; the threat set may be text. Demands, one at least: ``clean_accuracy``,
    ``robust_accuracy`` and ``worst_group`` (at least), ``gap`` (at most), ``verdict`` ("sound" or "doubtful"), with
    ``certificate=IntervalBounds()`` also ``certified_accuracy`` and ``certified_worst_group`` (at least), and
    ``require``, texts such as "worst_group:sex>=0.5". The pessimistic end of the interval decides, not the value.
    Where all are met but the verdict is unsound, a warning says so; ``verdict="doubtful"`` makes it a failure.
    ``reports``: a folder for a report of a failure, unless ``--brinell-reports`` names one. All else (``groups``,
    ``effort``, ``seed``, ``budget``, ``cascade``, ``diagnose``, ...) goes to ``brinell.audit``."""
    folder = request.config.getoption("--brinell-reports")

    def check(
        model: Any, data: Any, threat: Any, *, require: Iterable["str | Demand"] = (),
        reports: str | Path | None = None, **options: Any,
    ) -> "Audit":  # fmt: skip
        __tracebackhide__ = True
        import brinell
        from brinell.evaluation.demands import Metric

        demands = _demands(require, {name: options.pop(name, None) for name in get_args(Metric)})
        for demand in demands:
            demand.check_possible(
                _groups(data, options.get("groups")), diagnose=options.get("diagnose", True),
                certified=options.get("certificate") is not None,
            )  # fmt: skip
        threat = brinell.threat(threat) if isinstance(threat, str) else threat
        audit = brinell.audit(model, data, threat, **options)
        answers = [demand.check(audit) for demand in demands]
        if not all(answer.met for answer in answers):
            where = reports or folder
            place = None if where is None else _write(audit, Path(where), request.node.name)
            raise AssertionError(_message(audit, answers, place))
        if audit.verdict == "unsound" and audit.diagnosis is not None:
            warnings.warn(f"assert_robust: {audit.diagnosis.summary}", stacklevel=2)
        return audit

    return check


def _groups(data: Any, groups: Any) -> list[str] | None:
    """The names of the groups that the audit will have; None where only reading the data can tell."""
    own = {} if isinstance(data, tuple) else getattr(data, "groups", None)
    return None if own is None else [*own, *(groups or {})]


def _demands(texts: Iterable["str | Demand"], limits: dict[str, Any]) -> "tuple[Demand, ...]":
    from brinell.errors import InputError
    from brinell.evaluation.demands import EXAMPLES, Demand, read_demands

    given = {metric: limit for metric, limit in limits.items() if limit is not None}
    named = tuple(Demand(metric, limit) for metric, limit in given.items())  # type: ignore[arg-type]
    if not (demands := (*read_demands([texts] if isinstance(texts, str) else texts), *named)):
        raise InputError(
            f"nothing is demanded; pass robust_accuracy=0.6 or another limit, or require=... with {EXAMPLES}."
        )
    return demands


def _message(audit: "Audit", answers: "list[Answer]", place: Path | None) -> str:
    """What was missed, with numbers; what was met; and what the numbers mean."""
    missed = [str(answer) for answer in answers if not answer.met]
    met = [str(answer) for answer in answers if answer.met]
    facts = audit.record.settings
    return "\n".join([
        f"{facts.model.network} on {facts.data.n:,} rows of {facts.data.name} is not as robust as demanded, against "
        f"{facts.threat}:",
        *missed, *met,
        "The pessimistic end of the interval decides; a stronger attack may break more.",
        *([f"verdict: {audit.diagnosis.summary}"] if audit.diagnosis else []),
        *([f"report: {place}"] if place else ["a report of a failure: pytest --brinell-reports FOLDER"]),
    ])  # fmt: skip


def _write(audit: "Audit", folder: Path, test: str) -> Path:
    """Keep the run and its report in a folder of this test's own."""
    from brinell.report import write_html

    name = re.sub(r"[^\w.-]+", "-", test).strip("-.") or "test"
    place, again = folder / name, 1
    while place.exists():
        place, again = folder / f"{name}-{again}", again + 1
    folder.mkdir(parents=True, exist_ok=True)
    audit.save(place)
    return write_html(audit, place / "report.html")
