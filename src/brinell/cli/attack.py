"""``brinell attack``: one attack, judged."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brinell.cli import options

if TYPE_CHECKING:
    from brinell.api import AttackResult
    from brinell.cli.loading import Loaded


def attack(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ATTACK",
            help="What to run: see brinell attacks. PGD:steps=100,restarts=2 sets parameters, as -p does.",
            show_default=False,
        ),
    ],
    model: options.Model,
    data: options.Data,
    threat: options.Threat,
    parameter: options.Parameters = None,
    weights: options.Weights = None,
    bounds: options.BoundsText = None,
    target: options.Target = None,
    n: options.Rows = None,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write x_adv, success, distance and y to this .npz.", show_default=False),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Run one attack on a model and judge it.

    The rows are held in memory. For data sets, groups and several attacks at once: brinell audit.

    \b
    Example:
      brinell attack PGD brinell.models:SmallCNN digits linf:0.3 \\
        --weights hard/weights.safetensors -p steps=40 -p objective=margin
    """
    from brinell.cli.progress import showing

    with showing() as display:
        display("loading PyTorch", 0, None)
        import brinell
        from brinell.cli import loading, output, values

        chosen = values.named(brinell.ATTACKS, "attack", name, parameter or ())
        if out is not None:
            _check_out(out)
        with output.for_machines(as_json):
            loaded = loading.load(loading.Wanted(model, data, threat, weights, bounds, n, seed), display)
            x, y = loaded.source.block(slice(0, len(loaded.source)))
            result = brinell.attack(
                chosen, loaded.model, x, y, loaded.threat, goal=values.read_goal(target), seed=seed,
                batch_size=batch_size, progress=display,
            )  # fmt: skip
    facts = _facts(chosen, loaded, result, target, seed)
    if out is not None:
        _write(out, result, y)
    if as_json:
        output.print_json(facts)
    else:
        _show(facts, loaded, result, out)


def _facts(attack: Any, loaded: "Loaded", result: "AttackResult", target: int | None, seed: int) -> dict[str, Any]:
    """What ``--json`` prints."""
    from brinell.cli import output
    from brinell.evaluation.cascades import describe

    broken = result.distance[result.success & (result.distance > 0)]
    n = len(result.distance)
    return {
        "kind": "attack",
        "attack": describe((attack,))[0].model_dump(mode="json"),
        "model": loaded.origin,
        "data": loaded.source.name,
        "threat": str(loaded.threat),
        "goal": "away" if target is None else f"toward {target}",
        "seed": seed,
        "n": n,
        "clean_accuracy": output.rate_facts(result.clean_accuracy),
        "robust_accuracy": output.rate_facts(result.robust_accuracy),
        "broken": len(broken),
        "median_distance": float(broken.quantile(0.5)) if len(broken) else None,
        "gradients_per_row": int(result.gradients.sum()) / n,
        "forwards_per_row": int(result.forwards.sum()) / n,
    }
