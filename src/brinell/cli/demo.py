"""``brinell demo``: the whole way once. Train, attack, judge, harden, audit, report."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from brinell.cli import options
from brinell.cli.exits import if_interrupted
from brinell.cli.names import among

if TYPE_CHECKING:
    from brinell.cli.progress import Display
    from brinell.data import Source
    from brinell.defenses import Recipe
    from brinell.evaluation import Audit, Origin
    from brinell.models import Classifier

_Data: TypeAlias = Annotated[
    str,
    typer.Option(
        "--data", metavar="digits|mnist", help="5,000 digits that need no download, or all of MNIST.",
        autocompletion=among(("digits", "mnist")),
    ),
]  # fmt: skip
_Out: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FOLDER", help="Where to write: a new folder in runs/ by default.", show_default=False
    ),
]
_Quick: TypeAlias = Annotated[
    bool,
    typer.Option("--quick", help="A taste in seconds: less training, fewer digits, no conclusions worth keeping."),
]

THREAT = "linf:0.3"
EFFORT = "quick"  # three networks, each attack also alone, within three minutes: `brinell audit` tries harder
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Plan:
    """What is trained on what, for how long. ``recipes`` are (name in tables, recipe, epochs)."""

    train: str
    test: str
    n: int
    recipes: "tuple[tuple[str, Recipe, int], ...]"


def demo(
    data: _Data = "digits",
    out: _Out = None,
    seed: options.Seed = 0,
    quick: _Quick = False,
) -> None:
    """Break a network, harden it, and see what holds.

    All with numbers that were measured as you watch, digit by digit.

    Trains the usual tutorial's network, breaks it with FGSM at eps 0.3, hardens it as the tutorial does, hardens one
    that works, and audits all three, digit by digit. Writes run folders and report.html.

    \b
    Example:
      brinell demo --out runs/first
    """
    from brinell.cli import output
    from brinell.cli.progress import showing

    folder = _new_folder(out)
    with showing() as display:
        display("loading PyTorch", 0, None)
        plan = plan_for(data, quick)
        kept = lambda: f"what is finished is in {folder}." if folder.exists() else "nothing was finished."  # noqa: E731
        with if_interrupted(kept):
            audits = walk(plan, folder, seed, display)
        story = conclusions(audits)
        from brinell.report import write_html

        page = write_html(audits, folder / "report.html", title="brinell demo: one attack is not an audit", story=story)
    _say_tables(audits)
    output.say(f"Run folders, weights and the report: {page}")
    output.say()
    for sentence in story:
        output.say(sentence)
    output.say()
    output.say(f"The report, for any browser: {page.resolve().as_uri()}")


def plan_for(data: str, quick: bool) -> Plan:
    """The plan for ``digits`` or ``mnist``. Raises InputError on another name."""
    from brinell import FastFGSM, PGDTraining, Standard, Tutorial
    from brinell.errors import InputError

    if data == "digits":
        works: tuple[str, Recipe, int] = ("PGD training", PGDTraining(), 4 if quick else 15)
        epochs = (2, 2) if quick else (6, 12)
    elif data == "mnist":
        works, epochs = ("FastFGSM", FastFGSM(), 1 if quick else 10), (1, 1) if quick else (3, 5)
    else:
        raise InputError(f"--data is {data!r}; choose digits (no download) or mnist.")
    recipes = (("standard", Standard(), epochs[0]), ("tutorial recipe", Tutorial(), epochs[1]), works)
    return Plan(f"{data}:train", data, 200 if quick else 1000, recipes)


def walk(plan: Plan, folder: Path, seed: int, display: "Display") -> "dict[str, Audit]":
    """Train, attack and audit the three networks of the plan; an audit for each, by name."""
    # Networks this small gain little from a second thread, and lose a lot where another program wants its core.
    with _threads(1):
        return _walk(plan, folder, seed, display)


def _walk(plan: Plan, folder: Path, seed: int, display: "Display") -> "dict[str, Audit]":
    import brinell
    from brinell.data import read, stratified

    rows = read(plan.train, progress=display)
    held = read(plan.test, progress=display)
    judged = stratified(held, min(plan.n, len(held)), seed)
    audits: dict[str, Audit] = {}
    for name, recipe, epochs in plan.recipes:
        where = folder / name.replace(" ", "-")
        with _step(f"train: {name}, {epochs} epochs on {len(rows):,} digits"):
            model = _train(rows, recipe, epochs, seed, display)
        if not audits:
            _one_attack(model, judged, display)
        with _step(f"audit: {name}, {len(judged):,} digits it has never seen"):
            audits[name] = brinell.audit(
                model, judged, brinell.threat(THREAT), effort=EFFORT, alone=True, seed=seed, out=where,
                origin=_origin(name, recipe, plan), progress=display,
            )  # fmt: skip
        brinell.save_weights(model, where / WEIGHTS)
    return audits


def _train(rows: "Source", recipe: "Recipe", epochs: int, seed: int, display: "Display") -> "Classifier":
    """The tutorial's recipes train the tutorial's network; the recipe that works has one of its own."""
    import brinell
    from brinell.models import same_random_state

    with same_random_state(seed):
        works = recipe.guarded
        model = brinell.Classifier(brinell.SmallCNN(), (0.0, 1.0)) if works else brinell.tutorial_classifier()
    return brinell.harden(
        model, rows, brinell.threat(THREAT), recipe=recipe, epochs=epochs, seed=seed, progress=display
    )  # fmt: skip


def _origin(name: str, recipe: "Recipe", plan: Plan) -> "Origin":
    """What ``brinell verify`` has to load; the weights lie in the run folder."""
    from brinell.evaluation import Origin

    known: dict[str, Any] = {"data": plan.test, "n": plan.n, "weights": WEIGHTS, "name": f"brinell demo, {name}"}
    if recipe.guarded:
        return Origin(model="brinell.models:SmallCNN", bounds="0:1", **known)
    return Origin(model="brinell.models:tutorial_classifier", **known)


def _one_attack(model: "Classifier", judged: "Source", display: "Display") -> None:
    """The tutorial's attack, in pixels."""
    import brinell
    from brinell.cli import output

    x, y = judged.block(slice(0, len(judged)))
    hit = brinell.attack(brinell.FGSM(), model, x, y, brinell.threat(THREAT), progress=display)
    output.say(
        f"  attack: FGSM at eps 0.3 in pixel space takes it from {hit.clean_accuracy.value:.1%} to "
        f"{hit.robust_accuracy.value:.1%} of {len(judged):,}"
    )


def conclusions(audits: "dict[str, Audit]") -> tuple[str, ...]:
    """What happened, in words, from the measured numbers."""
    from brinell.cli.output import share

    (_, plain), (_, taught), (name, hard) = audits.items()
    fgsm = taught.record.stages[0].alone
    looks = share(fgsm.rate) if fgsm else "nobody knows how much"
    worst, gap = hard.worst_group("class"), hard.gap("class")
    return (
        f"Without a defense, {share(plain.clean_accuracy)} of the digits are read rightly, and "
        f"{share(plain.robust_accuracy)} under attack.",
        f"To FGSM, the attack that trained it, the tutorial's recipe leaves {looks}. The cascade leaves "
        f"{share(taught.robust_accuracy)}. A defense is not tested by the attack that trained it.",
        f"{name[0].upper()}{name[1:]} leaves {share(hard.robust_accuracy)} under the same cascade: an upper bound, "
        "since a stronger attack may break more.",
        f"It breaks first for the digit {worst.group}: {worst.robust_accuracy.value:.1%} of {worst.n} hold. The gap to "
        f"the best digit ({gap.best}) is {100 * gap.value:.0f} points, between {100 * gap.low:.0f} and "
        f"{100 * gap.high:.0f} with 95 % confidence over all digits at once.",
    )


def _say_tables(audits: "dict[str, Audit]") -> None:
    """What every attack leaves alone, what the cascade leaves, and that by digit."""
    from brinell.cli.output import cell, say, say_table

    say()
    say(f"Right answers at {THREAT}: clean, under each attack alone, and under all")
    say_table(["", *audits], _left(audits))
    digits = zip(*(audit.by_group("class") for audit in audits.values()), strict=True)
    say("Left by the cascade, digit by digit (95 % intervals)")
    say_table(
        ["digit", "n", *audits],
        [[str(row[0].group), str(row[0].n), *(cell(group.robust_accuracy) for group in row)] for row in digits],
    )


def _left(audits: "dict[str, Audit]") -> list[list[str]]:
    """A row for each attack, a column for each network."""
    from brinell.cli.output import span

    each = list(audits.values())
    stages = zip(*(audit.record.stages for audit in each), strict=True)
    interval = "  95 % interval"
    return [
        ["clean", *(f"{audit.clean_accuracy.value:.1%}" for audit in each)],
        [interval, *(span(audit.clean_accuracy) for audit in each)],
        *([stage[0].label, *(_alone(own.alone) for own in stage)] for stage in stages),
        ["all of them: the cascade", *(f"{audit.robust_accuracy.value:.1%}" for audit in each)],
        [interval, *(span(audit.robust_accuracy) for audit in each)],
    ]


def _alone(count: Any) -> str:
    return f"{count.rate.value:.1%}" if count is not None else ""


@contextmanager
def _threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _step(text: str) -> Iterator[None]:
    """Say what has been done, and how long it took."""
    from brinell.cli import output

    began = time.monotonic()
    yield
    output.say(f"  {text}: {time.monotonic() - began:.0f} s")


def _new_folder(out: Path | None) -> Path:
    """``out``, which must be empty or not there; or the next free ``runs/demo``, ``runs/demo-2``, ..."""
    from brinell.errors import OutputExistsError

    if out is None:
        numbers = iter(range(2, 1_000_000))
        out = Path("runs", "demo")
        while out.exists():
            out = Path("runs", f"demo-{next(numbers)}")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputExistsError(f"the folder {out} exists and is not empty; name another with --out.")
    return out
