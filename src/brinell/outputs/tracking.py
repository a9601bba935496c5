"""An audit in MLflow: parameters, metrics with their intervals, and the record, a summary and the report as files."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from brinell.errors import needing
from brinell.outputs.forms import render
from brinell.report import write_html

if TYPE_CHECKING:
    from brinell.evaluation import Audit, GroupGap
    from brinell.statistics import Rate

_LONGEST = 500  # characters of a parameter, which older servers allow


def log_mlflow(audit: "Audit", *, name: str = "brinell") -> str:
    """Log ``audit`` to the active MLflow run, or to a new one, where MLflow is set to log. Returns the run's id.

    name: what all names in the run begin with; give another where a run holds several audits.
    Parameters are the settings (brinell.threat, .effort, .seed, .model.sha256, ...); metrics brinell.clean_accuracy and
    .robust_accuracy, .worst_group.NAME and .gap.NAME, each with ``.low`` and ``.high``; undefined ones are left out.
    Tags say the verdict and that robust accuracy is an upper bound. Artifacts: run.json, summary.md and report.html in
    the folder brinell. Raises InputMissingError without MLflow (brinell[mlflow])."""
    with needing("mlflow"):
        import mlflow
    active = mlflow.active_run()
    if active is None:
        with mlflow.start_run(run_name="brinell audit") as started:
            _log(audit, name, mlflow)
            return str(started.info.run_id)
    _log(audit, name, mlflow)
    return str(active.info.run_id)


def _log(audit: "Audit", name: str, mlflow: Any) -> None:
    facts = {"verdict": audit.verdict or "no diagnosis", "bound": "robust accuracy is an upper bound"}
    settings = audit.record.settings.model_dump(mode="json")
    mlflow.log_params({f"{name}.{key}": value for key, value in _parameters(settings)})
    mlflow.log_metrics({f"{name}.{key}": value for key, value in _metrics(audit)})
    mlflow.set_tags({f"{name}.{key}": value for key, value in facts.items()})
    with TemporaryDirectory(prefix="brinell-") as folder:
        (Path(folder) / "run.json").write_text(render(audit, "json"), encoding="utf-8")
        (Path(folder) / "summary.md").write_text(render(audit, "markdown"), encoding="utf-8")
        write_html(audit, Path(folder) / "report.html")
        mlflow.log_artifacts(folder, name)


def _parameters(facts: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """The settings by dotted names, but for the attacks' own parameters, which stand in run.json."""
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from _parameters(value, f"{above}{name}.")
        elif name == "cascade":
            yield name, ", ".join(attack["label"] for attack in value)[:_LONGEST]
        elif value is not None:
            yield f"{above}{name}", str(value)[:_LONGEST]


def _metrics(audit: "Audit") -> Iterator[tuple[str, float]]:
    for name, number in _numbers(audit):
        if not math.isnan(number.value):
            yield from ((name, number.value), (f"{name}.low", number.low), (f"{name}.high", number.high))


def _numbers(audit: "Audit") -> "Iterator[tuple[str, Rate | GroupGap]]":
    yield "clean_accuracy", audit.clean_accuracy
    yield "robust_accuracy", audit.robust_accuracy
    if audit.certified_accuracy is not None:
        yield "certified_accuracy", audit.certified_accuracy
    for name in audit.record.settings.data.groups:
        shown = re.sub(r"[^\w. -]", "_", name)  # what MLflow allows
        yield f"worst_group.{shown}", audit.worst_group(name).robust_accuracy
        yield f"gap.{shown}", audit.gap(name)
