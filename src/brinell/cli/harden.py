"""``brinell harden``: train a harder model."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from brinell.cli import harden_options as own
from brinell.cli import names, options, screen
from brinell.cli.exits import if_interrupted
from brinell.errors import InputError

if TYPE_CHECKING:
    from brinell.cli.loading import Loaded, Wanted
    from brinell.cli.progress import Display
    from brinell.data import Source
    from brinell.defenses import TrainingLog
    from brinell.models import Classifier


def harden(
    ctx: typer.Context,
    model: options.Model,
    data: options.Data,
    threat: options.Threat,
    recipe: own.Recipe = None,
    out: own.Out = None,
    parameter: options.Parameters = None,
    training: own.Training = None,
    epochs: own.Epochs = None,
    lr: own.Lr = None,
    resume: own.Resume = False,
    dry_run: own.DryRun = False,
    save_memory: own.SaveMemory = False,
    audit: own.Audit = None,
    audit_data: own.AuditData = None,
    weights: options.Weights = None,
    bounds: options.BoundsText = None,
    n: options.Rows = None,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = None,
    device: options.Device = "auto",
) -> None:
    """Train a model to resist an attacker.

    A recipe that watches held-out rows keeps its best epoch. DATA are the rows to train on: audit the result on
    others. --weights are those to start from. What was stopped goes on with --resume; torchrun starts it on several
    GPUs.

    \b
    Example:
      brinell harden brinell.models:SmallCNN digits:train linf:0.3 \\
        --recipe FastFGSM --epochs 40 --out hard
    """
    from brinell.cli.progress import showing

    judged_on = _audit_data(audit, audit_data, data)
    _check_given(dry_run, recipe, out)
    with showing() as display:
        display("loading PyTorch", 0, None)
        import brinell
        from brinell.cli import costs, loading, output, tables, values
        from brinell.defenses import TrainingFolder

        leads = _leads(device)
        wanted = loading.Wanted(model, data, threat, weights, bounds, n, seed, device=device)
        choices = values.read_training(training or ())
        if recipe is None or out is None or dry_run:
            costs.say_costs(
                wanted, (recipe, parameter or ()), display, save_memory, options=choices, epochs=epochs,
                batch_size=batch_size,
            )  # fmt: skip
            return
        chosen = values.named(brinell.RECIPES, "recipe", recipe, parameter or ())
        _check_course(out, resume, lr)
        loaded = loading.load(wanted, display)
        held = loading.read_for(loaded.model, judged_on, display) if judged_on else None
        output.say_pairs([("Recipe", f"{chosen}, seed {seed}"), *tables.scene(loaded)])
        choices = costs.lean(loaded, chosen, choices, batch_size, seed) if save_memory else choices
        with if_interrupted(lambda: _what_is_kept(out, ctx.obj)):
            hard = brinell.harden(
                loaded.model, loaded.source, loaded.threat, recipe=chosen, epochs=epochs, seed=seed,
                batch_size=batch_size, lr=lr, options=choices, out=out, resume=resume, progress=display,
            )  # fmt: skip
            _say_training(hard.training_log)
            files = TrainingFolder(out)
            output.say(f"Kept: {files.weights}, {files.log}")
            if held is None:
                output.say(f"Now measure it: {_audit_command(wanted, files.weights)}")
            elif leads and audit:
                _audit(hard, held, loaded, audit, out / "audit", display)


def _leads(device: str) -> bool:
    """Whether this process speaks: of several that a launcher started, one does. Where they work is settled first."""
    from brinell.cli import devices
    from brinell.defenses.workers import Workers

    devices.settle_training(device)
    leads = Workers().leads
    if not leads:
        screen.ask(quiet=True, no_color=True)
    return leads


def _check_given(dry_run: bool, *needed: object) -> None:
    if not dry_run and None in needed:
        raise InputError("give --recipe and --out; or --dry-run, to see first what each recipe would cost.")


def _check_course(out: Path, resume: bool, lr: float | None) -> None:
    """Raise InputError where the folder or the rate will not do."""
    from brinell.facts import holds_something

    holds_something(out, resume)
    if lr is not None and not lr > 0:
        raise InputError(f"--lr is {lr}; give a rate above 0, such as 0.001.")


def _audit_data(audit: str | None, audit_data: str | None, data: str) -> str | None:
    """What the result is to be judged on, if at all."""
    if audit is None:
        if audit_data is not None:
            raise InputError(f"--audit-data is {audit_data}, but nothing is to be audited; add --audit standard.")
        return None
    if audit not in names.EFFORTS:
        raise InputError(f"--audit is {audit!r}; choose one of {', '.join(names.EFFORTS)}.")
    judged_on = audit_data or names.untrained(data)
    if judged_on is None:
        raise InputError("--audit needs rows that were not trained on; name them with --audit-data.")
    return judged_on


def _audit(
    hard: "Classifier", held: "Source", loaded: "Loaded", effort: str, out: Path, display: "Display"
) -> None:  # fmt: skip
    """Judge the result on rows that it has not seen."""
    import brinell
    from brinell.cli import output, tables

    resume = out.is_dir()
    done = brinell.audit(hard, held, loaded.threat, effort=effort, out=out, resume=resume, progress=display)
    tables.say_audit(done, [("class",)])
    output.say(f"Audit: {out}")


def _what_is_kept(out: Path, words: list[str]) -> str:
    """What Ctrl-C leaves, and how to go on."""
    from brinell.defenses import TrainingFolder

    folder = TrainingFolder(out)
    if not folder.started:
        return "no epoch was finished, so nothing is kept."
    command = shlex.join(["brinell", *words, *(["--resume"] if "--resume" not in words else [])])
    log = folder.read_log()
    if not log.epochs:
        return f"a part of the first epoch is kept in {folder.checkpoint}. Go on with: {command}"
    return (
        f"{len(log.epochs)} of {log.planned_epochs} epochs are done; the best, epoch {log.best_epoch}, is kept in "
        f"{folder.weights}. Go on with: {command}"
    )


def _say_training(log: "TrainingLog") -> None:
    from brinell.cli import output

    best = log.best
    if best is not None and best.clean is not None and best.fgsm is not None and best.pgd is not None:
        worst = [(f"Its worst group, {best.worst_group}", str(best.worst))] if best.worst else []
        output.say(f"On {log.held_out} rows of these data that were held out, after epoch {log.best_epoch}, the best:")
        output.say_pairs([
            ("Clean accuracy", str(best.clean)),
            ("Under FGSM", str(best.fgsm)),
            ("Under a short PGD", f"{best.pgd}, an upper bound of the robust accuracy"),
            *worst,
        ])  # fmt: skip
    else:
        output.say("No rows were held out, so nobody knows yet how accurate or robust it is.")
    for note in log.notes:
        output.say(f"Note: {note}", "yellow")


def _audit_command(wanted: "Wanted", weights: Path) -> str:
    """What to type next: for a data set with a test part, on that."""
    data = names.untrained(wanted.data) or "OTHER_DATA"
    bounds = [] if wanted.bounds is None else ["--bounds", wanted.bounds]
    words = [wanted.model, data, wanted.threat, "--weights", str(weights), *bounds]
    return shlex.join(["brinell", "audit", *words])
