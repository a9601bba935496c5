"""``brinell curve``: robust accuracy over eps."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brinell.cli import names, options
from brinell.cli.names import among

if TYPE_CHECKING:
    from brinell.cli.loading import Loaded
    from brinell.evaluation import RobustnessCurve


def curve(
    ctx: typer.Context,
    model: options.Model,
    data: options.Data,
    threat: options.Threat,
    weights: options.Weights = None,
    bounds: options.BoundsText = None,
    sanitise: options.Sanitise = None,
    detect: options.Detect = None,
    detect_threshold: options.DetectThreshold = None,
    effort: Annotated[
        str,
        typer.Option(
            metavar="quick|standard|thorough", help="How hard to try, at each eps.", autocompletion=among(names.EFFORTS)
        ),
    ] = "standard",
    shares: Annotated[
        str, typer.Option(metavar="SHARE,...", help="Which shares of the threat set's eps to try.")
    ] = "0.25,0.5,0.75,1",
    target: options.Target = None,
    n: options.Rows = None,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = None,
    device: options.Device = "auto",
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Save the curve in the run folder of an audit of the same, for its report.",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show how robust accuracy falls as eps grows.

    From the smallest eps to the largest; a row that broke stays broken, and is not attacked again.

    \b
    Example:
      brinell curve brinell.models:SmallCNN digits linf:0.3 \\
        --weights hard/weights.safetensors --shares 0.25,0.5,1
    """
    from brinell.cli import output
    from brinell.cli.progress import showing

    with output.for_machines(as_json), showing() as display:
        display("loading PyTorch", 0, None)
        import brinell
        from brinell.cli import loading, tables, values
        from brinell.evaluation import choose, through

        chosen = values.read_numbers("shares", shares)
        loaded = loading.load(loading.Wanted.by(ctx.params), display)
        cascade = through(loaded.model, choose(None, effort, loaded.threat))
        goal = values.read_goal(target, loaded.classes)
        sizes = ", ".join(f"{share * loaded.threat.eps:g}" for share in sorted(chosen))
        tables.say_plan(loaded, target, cascade, f"{effort}, seed {seed}, at eps {sizes}")
        found = brinell.robustness_curve(
            loaded.model, loaded.source, loaded.threat, shares=chosen, effort=effort, goal=goal,
            seed=seed, batch_size=batch_size, progress=display,
        )  # fmt: skip
        rows = [["0 (clean)", output.cell(found.clean_accuracy)]]
        rows += [[f"{point.eps:g}", output.cell(point.robust_accuracy)] for point in found.points]
        output.say_table(["eps", f"left standing, n = {found.clean_accuracy.n:,}"], rows)
        output.say(tables.CAVEAT)
        if into is not None:
            output.say(f"Saved: {found.save(into)}; brinell report {into} shows it.")
    if as_json:
        output.print_json(_facts(loaded, found) | {"effort": effort, "seed": seed})


def _facts(loaded: "Loaded", found: "RobustnessCurve") -> dict[str, Any]:
    points = [{"eps": point.eps, "robust_accuracy": point.robust_accuracy.facts()} for point in found.points]
    return {
        "kind": "curve", "model": str(loaded.origin), "data": loaded.source.name, "threat": str(loaded.threat),
        "clean_accuracy": found.clean_accuracy.facts(), "points": points, "unstable": found.unstable,
    }  # fmt: skip
