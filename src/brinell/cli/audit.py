"""``brinell audit``: the main job."""

import shlex
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeAlias

import typer

from brinell.cli import options
from brinell.cli.exits import MissedError, if_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from brinell.attacks import Attack
    from brinell.evaluation import Audit, Diagnosis

_Effort: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="quick|standard|thorough",
        help="How hard to try: standard unless given; none, with --examples-from, to judge only those.",
        show_default=False,
    ),
]
_Budget: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="30s|5m|100",
        help="In place of an effort: time for all attacks, or gradients a row on average.",
        show_default=False,
    ),
]
_Attack: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ATTACK",
        help="An attack to use instead of the effort's, such as PGD:steps=100,restarts=2; may be given several "
        "times, in the order in which they are to run.",
        show_default=False,
    ),
]
_Group: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="The groups to show, all unless given; a,b is the intersection of two; may be given several times.",
        show_default=False,
    ),
]
_Alone: TypeAlias = Annotated[
    bool, typer.Option("--alone", help="Also tell what each attack leaves standing on its own; takes longer.")
]
_Out: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="The run folder: a new one in runs/ unless given.", show_default=False),
]
_Resume: TypeAlias = Annotated[
    bool, typer.Option("--resume", help="Go on with the unfinished audit in the folder --out.")
]
_Examples: TypeAlias = Annotated[
    str, typer.Option(metavar="all|none", help="Whether the adversarial inputs are kept in the folder.")
]
_ExamplesFrom: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Somebody else's adversarial examples, row for row with the data: an .npz with x_adv. Judged before the "
        "attacks, or, with --effort none, instead of them.",
        show_default=False,
    ),
]
_Seeds: TypeAlias = Annotated[
    int,
    typer.Option(
        metavar="COUNT", min=1, help="Audit with so many seeds, and tell the spread; the folder holds the first."
    ),
]
_NoDiagnose: TypeAlias = Annotated[
    bool, typer.Option("--no-diagnose", help="Do not check whether the model hides its gradients.")
]
_Require: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="sound|doubtful",
        help="End with exit code 3 where the verdict of the diagnosis is worse.",
        show_default=False,
    ),
]
_Report: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Also write a report, one HTML file.", show_default=False),
]


def audit(
    ctx: typer.Context,
    model: options.Model,
    data: options.Data,
    threat: options.Threat,
    weights: options.Weights = None,
    bounds: options.BoundsText = None,
    effort: _Effort = None,
    budget: _Budget = None,
    attack: _Attack = None,
    target: options.Target = None,
    group: _Group = None,
    alone: _Alone = False,
    n: options.Rows = None,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = None,
    out: _Out = None,
    resume: _Resume = False,
    examples: _Examples = "all",
    examples_from: _ExamplesFrom = None,
    seeds: _Seeds = 1,
    no_diagnose: _NoDiagnose = False,
    require: _Require = None,
    report: _Report = None,
    as_json: options.Json = False,
) -> None:
    """Measure how robust a model is, and for whom it breaks first.

    Attacks from cheap to expensive, each on the rows that still stand; judged; by group; in a folder that an
    interrupted audit goes on from.

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
        from brinell.cli import loading, tables, values
        from brinell.evaluation import summary
        from brinell.report import write_html

        _check(ctx.params)
        own = _own(attack)  # before the data are read, which takes longer than to see a slip
        loaded = loading.load(loading.Wanted(model, data, threat, weights, bounds, n, seed), display)
        chosen = _chosen(effort, budget, own, loaded.threat)
        shown = tables.which_groups(group, loaded.source.groups)
        folder = out or _new_folder()
        tables.say_plan(loaded, target, chosen.attacks, f"{chosen.protocol}, seed {seed}", examples_from)
        audit_with = partial(
            brinell.audit, loaded.model, loaded.source, loaded.threat, effort=chosen.effort, cascade=chosen.cascade,
            goal=values.read_goal(target), batch_size=batch_size, examples_from=examples_from, budget=budget,
            progress=display,
        )  # fmt: skip
        with if_interrupted(lambda: _what_is_kept(folder, ctx.obj, out is None)):
            done = audit_with(
                seed=seed, alone=alone, out=folder, resume=resume, examples=examples, origin=loaded.origin,  # type: ignore[arg-type]
                diagnose=not no_diagnose,
            )  # fmt: skip
            tables.say_audit(done, shown)
            if report is not None:
                output.say(f"Report: {write_html(done, report)}")
            facts = summary(done) if as_json else {}
            if seeds > 1:
                facts["spread"] = _spread(done, range(seed, seed + seeds), audit_with)
    if as_json:
        output.print_json(facts)
    _demand(require, done.diagnosis)


class _Chosen(NamedTuple):
    """What to attack with: what ``brinell.audit`` is told, what it will use, and what it is called."""

    effort: str
    cascade: "tuple[Attack, ...] | None"
    attacks: "tuple[Attack, ...]"
    protocol: str


def _own(texts: list[str] | None) -> tuple[Any, ...]:
    from brinell import ATTACKS
    from brinell.cli.values import named

    return tuple(named(ATTACKS, "attack", text) for text in texts or ())


def _chosen(effort: str | None, budget: str | None, own: tuple[Any, ...], threat: Any) -> _Chosen:
    from brinell.evaluation import choose, read_budget, within

    if effort == "none":
        return _Chosen("standard", (), (), "no attacks")
    if own:
        return _Chosen("standard", own, own, "chosen attacks")
    if budget is not None:
        limit = read_budget(budget)
        return _Chosen("standard", None, within(limit, threat), f"as far as {limit} go")
    effort = effort or "standard"
    return _Chosen(effort, None, choose(None, effort, threat), effort)


def _spread(done: "Audit", seeds: range, audit_with: "Callable[..., Audit]") -> dict[str, Any]:
    """Audit with the seeds after the first as well, and say how much they differ."""
    from brinell.cli import output
    from brinell.evaluation import spread_of

    more = (audit_with(seed=seed, examples="none", diagnose=False) for seed in seeds[1:])
    found = spread_of(seeds, (done, *more))
    output.say(str(found))
    return found.facts()


def _check(given: dict[str, Any]) -> None:
    """Raise InputError on options that do not go together, before any work is done."""
    from brinell.errors import InputError

    effort, attack, out, report = (given[name] for name in ("effort", "attack", "out", "report"))
    _check_budget(given["budget"], effort)
    _check_demand(given["require"], not given["no_diagnose"])
    if effort is not None and attack:
        raise InputError(f"--effort {effort} and --attack {attack[0]} exclude each other; leave one of them out.")
    if effort == "none" and given["examples_from"] is None:
        raise InputError("--effort none judges examples that are there already: add --examples-from FILE.")
    if given["resume"] and out is None:
        raise InputError("--resume needs the folder of the unfinished audit: add --out FOLDER.")
    if report is not None and report.is_dir():
        raise InputError(f"--report {report} is a folder; name a file, such as {report / 'report.html'}.")


def _check_budget(budget: str | None, effort: str | None) -> None:
    from brinell.errors import InputError

    if budget is not None and effort is not None:
        raise InputError(f"--budget {budget} and --effort {effort} exclude each other; leave one of them out.")


def _check_demand(require: str | None, diagnose: bool) -> None:
    """Raise InputError on a demand that cannot be met."""
    from brinell.errors import InputError

    if require not in (None, "sound", "doubtful"):
        raise InputError(f"--require is {require}; choose sound, or doubtful to let only unsound ones fail.")
    if require is not None and not diagnose:
        raise InputError(f"--require {require} needs the diagnosis; leave --no-diagnose out.")


def _demand(require: str | None, diagnosis: "Diagnosis | None") -> None:
    """Raise MissedError where the verdict is worse than demanded."""
    from brinell.evaluation import VERDICTS

    verdicts: list[str] = [*VERDICTS]
    if require is None or diagnosis is None or verdicts.index(diagnosis.verdict) <= verdicts.index(require):
        return
    found = "; ".join(f"{finding.name}: {finding.outcome}" for finding in diagnosis.concerns)
    raise MissedError(f"the verdict is {diagnosis.verdict}, and --require {require} was given ({found}).")


def _new_folder() -> Path:
    """One that does not exist, named after the time."""
    name = time.strftime("audit-%Y%m%d-%H%M%S")
    folder, again = Path("runs", name), 1
    while folder.exists():
        folder, again = Path("runs", f"{name}-{again}"), again + 1
    return folder


def _what_is_kept(folder: Path, words: list[str], unnamed: bool) -> str:
    from brinell.evaluation import RunFolder

    more = [*(["--out", str(folder)] if unnamed else []), *(["--resume"] if "--resume" not in words else [])]
    command = shlex.join(["brinell", *words, *more])
    return f"{RunFolder(folder).rows_done:,} rows are done and kept in {folder}. Go on with: {command}"
