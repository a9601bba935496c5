"""``brinell audit``: the main job."""

import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from brinell.cli import audit_options as own
from brinell.cli import options
from brinell.cli.exits import MissedError, if_interrupted

if TYPE_CHECKING:
    from brinell.evaluation import Answer, Audit


def audit(
    ctx: typer.Context,
    model: options.Model,
    data: options.Data,
    threat: options.Threat,
    config: own.Config = None,
    weights: options.Weights = None,
    bounds: options.BoundsText = None,
    sanitise: options.Sanitise = None,
    detect: options.Detect = None,
    detect_data: own.DetectData = None,
    detect_threshold: options.DetectThreshold = None,
    false_alarms: own.FalseAlarms = None,
    effort: own.Effort = None,
    budget: own.Budget = None,
    attack: own.Attack = None,
    target: options.Target = None,
    group: own.Group = None,
    alone: own.Alone = False,
    n: options.Rows = None,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = None,
    device: options.Device = "auto",
    out: own.Out = None,
    resume: own.Resume = False,
    examples: own.Examples = "all",
    examples_from: own.ExamplesFrom = None,
    seeds: own.Seeds = 1,
    diagnose: own.Diagnose = True,
    certify: own.Certify = None,
    require: own.Require = None,
    report: own.Report = None,
    as_json: own.Json = False,
) -> None:
    """Measure how robust a model is, and for whom it breaks first.

    Attacks from cheap to expensive, each on the rows that still stand; judged; by group; in a folder that an
    interrupted audit goes on from. Settings can stand in a file: see --config.

    \b
    Example:
      brinell audit brinell.models:SmallCNN digits linf:0.3 \\
        --weights hard/weights.safetensors --out runs/hard
    """
    from brinell.cli import output
    from brinell.cli.progress import showing

    with output.for_machines(as_json), showing() as display:
        display("loading PyTorch", 0, None)
        import brinell
        from brinell.cli import audit_plan, loading, tables

        asked = audit_plan.read(ctx)
        loaded = loading.load(loading.Wanted.by(ctx.params), display)
        plan = audit_plan.settle(asked, loaded)
        tables.say_plan(loaded, target, plan.attacks, plan.protocol, examples_from)
        tables.say_demands(asked.demands, len(loaded.source))
        audit_with = partial(
            brinell.audit, loaded.model, loaded.source, loaded.threat, effort=plan.effort, cascade=plan.cascade,
            goal=plan.goal, batch_size=batch_size, examples_from=examples_from, budget=asked.given["budget"],
            progress=display,
        )  # fmt: skip
        with if_interrupted(lambda: _what_is_kept(asked.folder, ctx.obj, out is None)):
            done = audit_with(
                seed=seed, alone=alone, out=asked.folder, resume=resume, examples=examples, origin=loaded.origin,  # type: ignore[arg-type]
                diagnose=diagnose, certificate=asked.certificate,
            )  # fmt: skip
            tables.say_audit(done, plan.shown)
            facts = _facts(done, report, as_json) | _spread(done, range(seed, seed + seeds), audit_with)
        answers = tables.say_answers([demand.check(done) for demand in asked.demands])
    _end(answers, facts if as_json else None)


def _facts(done: "Audit", report: Path | None, wanted: bool) -> dict[str, Any]:
    """What JSON is to hold, where it is wanted; the report is written on the way."""
    from brinell.cli import output
    from brinell.evaluation import summary
    from brinell.report import write_html

    if report is not None:
        output.say(f"Report: {write_html(done, report)}")
    return summary(done) if wanted else {}


def _spread(done: "Audit", seeds: range, audit_with: "Callable[..., Audit]") -> dict[str, Any]:
    """Audit with the seeds after the first as well, if there are any, and say how much they differ."""
    if len(seeds) == 1:
        return {}
    from brinell.cli import output
    from brinell.evaluation import spread_of

    more = (audit_with(seed=seed, examples="none", diagnose=False) for seed in seeds[1:])
    found = spread_of(seeds, (done, *more))
    output.say(str(found))
    return {"spread": found.facts()}


def _end(answers: "list[Answer]", facts: dict[str, Any] | None) -> None:
    """Print the facts as JSON, where that is wanted. Raises MissedError where a demand is missed."""
    from brinell.cli import output

    if facts is not None:
        output.print_json(facts | ({"demands": [answer.facts() for answer in answers]} if answers else {}))
    if missed := [answer for answer in answers if not answer.met]:
        raise MissedError("\n".join(map(str, missed)))


def _what_is_kept(folder: Path, words: list[str], unnamed: bool) -> str:
    from brinell.evaluation import RunFolder

    more = [*(["--out", str(folder)] if unnamed else []), *(["--resume"] if "--resume" not in words else [])]
    command = shlex.join(["brinell", *words, *more])
    return f"{RunFolder(folder).rows_done:,} rows are done and kept in {folder}. Go on with: {command}"
