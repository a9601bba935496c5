"""What goes to MLflow: on a stand-in that keeps what it is told, and on MLflow itself where it is installed."""

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from samples import small_audit

import brinell
from brinell.evaluation import Audit
from brinell.threats import L2


class StandIn:
    """The part of MLflow's interface that is used, with its limits on names and values."""

    def __init__(self) -> None:
        self.params: dict[str, str] = {}
        self.metrics: dict[str, float] = {}
        self.tags: dict[str, str] = {}
        self.artifacts: dict[str, str] = {}
        self.active: Any = None

    def active_run(self) -> Any:
        return self.active

    @contextmanager
    def start_run(self, run_name: str) -> Iterator[Any]:
        self.active = SimpleNamespace(info=SimpleNamespace(run_id="new"))
        yield self.active
        self.active = None

    def log_params(self, params: dict[str, Any]) -> None:
        assert all(len(value) <= 500 for value in params.values())
        self.params |= params

    def log_metrics(self, metrics: dict[str, float]) -> None:
        assert all(set(name) <= {*"/-_. "} | {c for c in name if c.isalnum()} for name in metrics)
        self.metrics |= metrics

    def set_tags(self, tags: dict[str, str]) -> None:
        self.tags |= tags

    def log_artifacts(self, folder: str, artifact_path: str) -> None:
        self.artifacts |= {f"{artifact_path}/{path.name}": path.read_text("utf-8") for path in Path(folder).iterdir()}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    found = StandIn()
    monkeypatch.setitem(sys.modules, "mlflow", found)  # type: ignore[arg-type]
    return found


def check(audit: Audit, *logged: dict[str, Any], name: str = "brinell") -> None:
    """logged: parameters, metrics and tags."""
    assert all(key.startswith(f"{name}.") for each in logged for key in each if not key.startswith("mlflow."))
    params, metrics, tags = ({key.removeprefix(f"{name}."): value for key, value in each.items()} for each in logged)
    assert (params["threat"], params["seed"], params["cascade"]) == (
        str(audit.record.settings.threat),
        "0",
        "FGSM, PGD(steps=3)",
    )
    assert params["model.sha256"] == audit.record.settings.model.sha256
    for name, rate in (("clean_accuracy", audit.clean_accuracy), ("robust_accuracy", audit.robust_accuracy)):
        assert (metrics[name], metrics[f"{name}.low"], metrics[f"{name}.high"]) == (rate.value, rate.low, rate.high)
    worst, gap = audit.worst_group("class").robust_accuracy, audit.gap("class")
    assert (metrics["worst_group.class"], metrics["gap.class.high"]) == (worst.value, gap.high)
    assert tags["verdict"] == (audit.verdict or "no diagnosis")
    assert "upper bound" in tags["bound"]


def test_a_run_of_its_own(evil: Audit, table: Audit, stand_in: StandIn) -> None:
    for audit in (evil, table):
        assert brinell.log_mlflow(audit) == "new"
        assert stand_in.active is None
        check(audit, stand_in.params, stand_in.metrics, stand_in.tags)
        assert json.loads(stand_in.artifacts["brinell/run.json"]) == audit.record.model_dump(mode="json")
        assert stand_in.artifacts["brinell/summary.md"] == brinell.render(audit, "markdown")
        assert stand_in.artifacts["brinell/report.html"].startswith("<!doctype html>")
    assert "brinell.worst_group._b_evil__b___name_" in stand_in.metrics


def test_the_run_that_is_active(table: Audit, stand_in: StandIn) -> None:
    stand_in.active = SimpleNamespace(info=SimpleNamespace(run_id="mine"))
    assert brinell.log_mlflow(table, name="after training") == "mine"
    assert stand_in.active.info.run_id == "mine"
    check(table, stand_in.params, stand_in.metrics, stand_in.tags, name="after training")
    assert "after training/report.html" in stand_in.artifacts


def test_what_is_undefined_is_left_out(stand_in: StandIn) -> None:
    brinell.log_mlflow(small_audit((5,), L2(0.3), groups={"all": [1] * 150}))
    assert "brinell.worst_group.all" in stand_in.metrics
    assert "brinell.gap.all" not in stand_in.metrics
    assert not any(math.isnan(value) for value in stand_in.metrics.values())


@pytest.mark.mlflow
@pytest.mark.filterwarnings("default")  # those of MLflow's own imports
def test_mlflow_itself(evil: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow = pytest.importorskip("mlflow")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri((tmp_path / "store").as_uri())
    try:
        run = mlflow.get_run(brinell.log_mlflow(evil))
        check(evil, run.data.params, run.data.metrics, run.data.tags)
        stored = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="brinell"))
        assert {path.name for path in stored.iterdir()} == {"run.json", "summary.md", "report.html"}
    finally:
        mlflow.set_tracking_uri(before)
