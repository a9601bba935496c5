"""``brinell attack``: one attack, judged."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brinell.cli import names, options
from brinell.cli.names import among

if TYPE_CHECKING:
    from torch import Tensor

    from brinell.api import AttackResult


def attack(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="ATTACK",
            help="What to run: see brinell attacks. PGD:steps=100,restarts=2 sets parameters, as -p does.",
            show_default=False,
            autocompletion=among(names.attacks),
        ),
    ],
    model: options.Model,
    data: options.Data,
    threat: options.Threat,
    parameter: options.Parameters = None,
    weights: options.Weights = None,
    bounds: options.BoundsText = None,
    sanitise: options.Sanitise = None,
    detect: options.Detect = None,
    detect_threshold: options.DetectThreshold = None,
    target: options.Target = None,
    n: options.Rows = None,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = None,
    device: options.Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write x_adv, success, distance and y to this .npz.", show_default=False),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Run one attack on a model and judge it.

    The rows are held in memory. For many rows, groups and several attacks at once there is brinell audit.

    \b
    Example:
      brinell attack PGD brinell.models:SmallCNN digits linf:0.3 \\
        --weights hard/weights.safetensors -p steps=40 -p objective=margin
    """
    from brinell.cli import output
    from brinell.cli.progress import showing

    with output.for_machines(as_json), showing() as display:
        display("loading PyTorch", 0, None)
        import brinell
        from brinell.cli import loading, tables, values
        from brinell.evaluation.cascades import describe

        chosen = values.named(brinell.ATTACKS, "attack", name, parameter or ())
        _check_free(out)
        loaded = loading.load(loading.Wanted.by(ctx.params), display)
        goal = values.read_goal(target, loaded.classes)
        values.check_fit([chosen], loaded.threat)
        tables.say_plan(loaded, target, (chosen,), f"one attack, seed {seed}")
        x, y = loaded.source.block(slice(0, len(loaded.source)))
        result = brinell.attack(
            chosen, loaded.model, x, y, loaded.threat, goal=goal, seed=seed,
            batch_size=batch_size, progress=display,
        )  # fmt: skip
        facts = {
            "kind": "attack", "attack": describe((chosen,))[0].model_dump(mode="json"), "model": str(loaded.origin),
            "data": loaded.source.name, "threat": str(loaded.threat), "target": target, "seed": seed,
            **_measured(result),
        }  # fmt: skip
        _show(result, facts)
        if out is not None:
            _write(out, result, y)
            output.say(f"Written: {out}")
    if as_json:
        output.print_json(facts)


def _measured(result: "AttackResult") -> dict[str, Any]:
    """The numbers, as plain values; what is undefined is None."""
    moved = result.distance[result.success & (result.distance > 0)]
    n = len(result.distance)
    return {
        "n": n,
        "clean_accuracy": result.clean_accuracy.facts(),
        "robust_accuracy": result.robust_accuracy.facts(),
        "median_distance": float(moved.quantile(0.5)) if len(moved) else None,
        "gradients_per_row": int(result.gradients.sum()) / n,
        "forwards_per_row": int(result.forwards.sum()) / n,
    }


def _show(result: "AttackResult", facts: dict[str, Any]) -> None:
    from brinell.cli import output
    from brinell.cli.tables import CAVEAT

    median = facts["median_distance"]
    output.say_pairs([
        ("Clean accuracy", str(result.clean_accuracy)),
        ("Robust accuracy", str(result.robust_accuracy)),
        ("Median distance", "no row was broken" if median is None else f"{median:.4g}, of the rows that it broke"),
        ("Cost per row", f"{facts['gradients_per_row']:.1f} gradients, {facts['forwards_per_row']:.1f} forward passes"),
    ])  # fmt: skip
    output.say(CAVEAT)


def _check_free(out: Path | None) -> None:
    """Raise where the file cannot be written without loss, before the work is done."""
    from brinell.errors import InputMissingError, OutputExistsError

    if out is None:
        return
    if out.exists():
        raise OutputExistsError(f"{out} exists; name another file, or remove it.")
    if not out.parent.is_dir():
        raise InputMissingError(f"there is no folder {out.parent} to write {out.name} into; make it first.")


def _write(out: Path, result: "AttackResult", y: "Tensor") -> None:
    """All at once or not at all."""
    import numpy as np

    from brinell.facts import whole

    with whole(out) as partial, partial.open("wb") as file:
        np.savez(
            file, x_adv=result.x_adv.cpu().numpy(), success=result.success.cpu().numpy(),
            distance=result.distance.cpu().numpy(), y=y.numpy(),
        )  # fmt: skip
