"""A small audit in four blocks that the tests of this folder share, and a program that is killed in the middle of it.

Run as a program (``python trials.py FOLDER``) it forks one audit for each of ``MOMENTS``, each killed by SIGKILL at
its moment, in ``FOLDER/MOMENT``.
"""

import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow.parquet as pq
import torch

import brinell as br
from brinell.api import audit as loaded_audit  # before the forks, each of which would load it
from brinell.evaluation.folder import RunFolder
from brinell.evaluation.harvest import pick_gallery
from brinell.facts import write_json

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers import IMAGE, Problem, problem

N, BATCH, BLOCK = 56, 4, 16
THREAT = br.Linf(0.08)
CASCADE = (br.FGSM(), br.PGD(steps=2), br.PGD(steps=6, objective="margin", start="structured", restarts=2))


def subject(seed: int = 3, n: int = N) -> Problem:
    """A float64 model, so that rounding decides nothing, and rows of which all but one are right."""
    return problem(IMAGE, n=n, dtype=torch.float64, seed=seed)


def audit(trial: Problem | None = None, **options: Any) -> br.Audit:
    """The small audit; ``options`` go to ``br.audit``. In batches this small a diagnosis takes ten times as long as all
    the rest: who asks about that has ``diagnosed``."""
    trial = trial or subject()
    filled: dict[str, Any] = {
        "cascade": CASCADE,
        "batch_size": BATCH,
        "groups": {"third": [i % 3 for i in range(len(trial.x))]},
        "diagnose": False,
    } | options
    threat = filled.pop("threat", THREAT)
    data = filled.pop("data", (trial.x, trial.y))
    return loaded_audit(trial.model, data, threat, **filled)


def die(*_: Any, **__: Any) -> None:
    """The hardest end of a process: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


def at(wanted: str, rows: int) -> Callable[[str, int, int | None], None]:
    """A progress callback that ends the process once ``rows`` rows are done of what matches ``wanted``."""
    return lambda label, done, _: die() if (re.match(wanted, label) and done >= rows) else None


def after(original: Callable[..., Any]) -> Callable[..., Any]:
    """``original``, and then the end."""

    def dying(*arguments: Any, **options: Any) -> None:
        original(*arguments, **options)
        die()

    return dying


def half(table: Any, path: Path) -> None:
    """Write only the beginning of a file, and end."""
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
    path.write_bytes(path.read_bytes()[:100])
    die()


def record_only(original: Callable[..., Any], ending: Callable[..., Any]) -> Callable[..., Any]:
    """``write_json`` that ends the process at ``run.json``."""
    return lambda model, path: ending(model, path) if path.name == "run.json" else original(model, path)


def kill_at(moment: str, folder: Path) -> None:
    """Run the small audit into ``folder`` until ``moment``."""
    wanted, _, number = moment.partition("-")
    label = {"block": r"attacking$", "middle": "attacking: PGD"}.get(wanted, "never")
    patches = {
        "half": mock.patch("pyarrow.parquet.write_table", half),
        "rows": mock.patch.object(RunFolder, "write_rows", after(RunFolder.write_rows)),
        "merged": mock.patch.object(RunFolder, "merge", after(RunFolder.merge)),
        "gallery": mock.patch("brinell.evaluation.run.pick_gallery", after(pick_gallery)),
        "before": mock.patch("brinell.evaluation.run.write_json", record_only(write_json, die)),
        "after": mock.patch("brinell.evaluation.run.write_json", record_only(write_json, after(write_json))),
        "clean": mock.patch.object(RunFolder, "clean_up", die),
    }
    with patches.get(wanted, mock.patch("brinell.progress.silent")):
        audit(out=folder, progress=at(label, int(number or 0)))


MOMENTS = (
    *(f"block-{rows}" for rows in (16, 32, 48, N)),
    *(f"middle-{rows}" for rows in (1, 20, 50)),
    "half", "rows", "merged", "gallery", "before", "after", "clean",
)  # fmt: skip


def main(folder: Path) -> str | None:
    """Fork an audit for each moment; says which were not killed."""
    torch.set_num_threads(1)
    alive = []
    for moment in MOMENTS:
        child = os.fork()
        if not child:
            kill_at(moment, folder / moment)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            alive.append(moment)
    return " ".join(alive) or None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
