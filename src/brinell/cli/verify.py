"""``brinell verify``: whether a run folder holds what was measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brinell.cli import options
from brinell.cli.exits import FAILED

if TYPE_CHECKING:
    from brinell.cli.detecting import Detect
    from brinell.cli.loading import Wanted
    from brinell.cli.progress import Display
    from brinell.evaluation import AuditRecord, Verification

_NAMED = "As in brinell audit; by default what the record says."


def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder of an audit.", show_default=False)],
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help=_NAMED, show_default=False)] = None,
    data: Annotated[str | None, typer.Argument(metavar="[DATA]", help=_NAMED, show_default=False)] = None,
    weights: options.Weights = None,
    bounds: options.BoundsText = None,
    sanitise: options.Sanitise = None,
    detect: options.Detect = None,
    detect_threshold: options.DetectThreshold = None,
    n: options.Rows = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Check that a run folder holds what was measured.

    Compares the sha256 of files, weights and data with the record, judges every saved example again, and makes every
    number anew. Says what differs, and ends with 1 if anything does.

    \b
    Example:
      brinell verify runs/hard
    """
    from brinell.cli import output
    from brinell.cli.progress import showing

    with output.for_machines(as_json), showing() as display:
        display("loading PyTorch", 0, None)
        given = {
            "model": model, "data": data, "weights": weights, "bounds": bounds, "n": n, "sanitise": sanitise or None,
            "detect": detect or None, "detect_threshold": detect_threshold, "device": device,
        }  # fmt: skip
        found = _verified(run, given, display)
        for finding in found.findings:
            output.say(f"Differs: {finding}", "red")
        if found.fine:
            output.say(str(found))
        else:
            for note in found.notes:
                output.say(note)
    if as_json:
        findings = [finding._asdict() for finding in found.findings]
        output.print_json({"kind": "verification", "run": str(run), "fine": found.fine, "findings": findings,
                           "examples": found.examples, "notes": list(found.notes)})  # fmt: skip
    if not found.fine:
        raise typer.Exit(FAILED)


def _verified(run: Path, given: dict[str, Any], display: "Display") -> "Verification":
    """The verification; where not even the record can be read, that it cannot."""
    from brinell.cli import loading
    from brinell.errors import InputError, InputMissingError
    from brinell.evaluation import Discrepancy, Verification, read_record, verify_run

    path = run / "run.json"
    if not path.is_file():
        raise InputMissingError(f"there is no finished audit in {run}.")
    try:
        record = read_record(path)
    except InputError as problem:
        return Verification((Discrepancy(path.name, str(problem)),))
    loaded = loading.load(_wanted(run, record, given), display)
    return verify_run(run, loaded.model, loaded.source, progress=display)


def _wanted(run: Path, record: "AuditRecord", given: dict[str, Any]) -> "Wanted":
    """What to load: what the command line says, and else what the record says."""
    from brinell.cli.loading import Wanted
    from brinell.errors import InputError

    known = record.settings.origin.model_dump() if record.settings.origin else {}
    named = known | {name: value for name, value in given.items() if value is not None}
    if given["model"] is not None and given["weights"] is None and given["model"] != known.get("model"):
        named["weights"] = None  # those of the record are of another network
    if missing := [name.upper() for name in ("model", "data") if name not in named]:
        raise InputError(
            f"the record does not say where {' and '.join(missing)} came from, since the audit was not started by the "
            "command line: brinell verify RUN MODEL DATA."
        )
    facts = record.settings
    weights = None if named.get("weights") is None else Path(named["weights"])
    if weights is not None and given["weights"] is None and (run / weights).is_file():
        weights = run / weights  # brinell demo keeps them there
    return Wanted(
        named["model"], named["data"], facts.threat, weights, named.get("bounds"), named.get("n"), facts.seed,
        tuple(named.get("sanitise", ())), _detect(given, known.get("detector") or {}),
        given["device"],
    )  # fmt: skip


def _detect(given: dict[str, Any], known: dict[str, Any]) -> "Detect":
    """The detector, with the threshold that the audit chose."""
    from brinell.cli.detecting import Detect

    threshold = given["detect_threshold"]
    return Detect(given["detect"] or known.get("squeezers", ()),
                  known.get("threshold") if threshold is None else threshold)  # fmt: skip
