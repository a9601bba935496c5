"""``brinell certify``: what can be proved of a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brinell.cli import audit_options as own
from brinell.cli import names, options
from brinell.cli.exits import MissedError
from brinell.cli.names import among

if TYPE_CHECKING:
    from brinell.evaluation import Certificate


def certify(
    model: options.Model,
    data: options.Data,
    threat: options.Threat,
    weights: options.Weights = None,
    bounds: options.BoundsText = None,
    method: Annotated[
        str,
        typer.Option(
            metavar="ibp|smoothing",
            help="How to prove it: interval bounds of the model as it is, or the vote under Gaussian noise, such as "
            "smoothing:sigma=0.25,n=1000.",
            autocompletion=among(names.METHODS),
        ),
    ] = "ibp",
    parameter: options.Parameters = None,
    group: own.Group = None,
    n: options.Rows = None,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = None,
    device: options.Device = "auto",
    at_least: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="End with exit code 3 where the lower end of certified accuracy's exact interval is below.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Save the certificate, row by row.", show_default=False)
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Prove on how many rows nothing in the threat set changes the answer.

    A lower bound of robust accuracy, whatever the attack; a row that is not proved need not be broken. brinell audit
    --certify ibp sets it beside what attacks leave.

    \b
    Example:
      brinell certify brinell.models:SmallCNN digits linf:0.1 \\
        --weights hard/weights.safetensors
    """
    from brinell.cli import output
    from brinell.cli.progress import showing

    with output.for_machines(as_json), showing() as display:
        display("loading PyTorch", 0, None)
        import brinell
        from brinell.cli import loading, tables, values
        from brinell.cli.places import about

        with about("method"):
            chosen = values.named(brinell.METHODS, "method", method, parameter or ())
        with about("out"):
            if out is not None and out.exists():
                raise brinell.InputError(f"{out} exists; name another folder.")
        loaded = loading.load(loading.Wanted(model, data, threat, weights, bounds, n, seed, device=device), display)
        with about("group"):
            shown = tables.which_groups(group, loaded.source.groups)
        output.say_pairs([*tables.scene(loaded), ("Method", f"{method}, seed {seed}: {tables.first_sentence(chosen)}")])
        found = brinell.certify(
            loaded.model, loaded.source, loaded.threat, method=chosen, seed=seed, batch_size=batch_size,
            origin=loaded.origin, progress=display,
        )  # fmt: skip
        tables.say_certificate(found, shown)
        if out is not None:
            output.say(f"Saved: {found.save(out)}")
    if as_json:
        output.print_json(found.facts())
    _check(found, at_least)


def _check(found: "Certificate", at_least: float | None) -> None:
    """Raise MissedError where less is proved than demanded."""
    rate = found.certified_accuracy
    if at_least is not None and rate.low < at_least:
        raise MissedError(
            f"certified accuracy is {rate.value:.1%}: the lower end of its exact 95 % interval, {rate.low:.1%}, is "
            f"below {at_least:.1%}"
        )
