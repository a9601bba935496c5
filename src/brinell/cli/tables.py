"""What is measured and what came out, as people read it."""

import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path

from brinell.attacks import Attack
from brinell.cli.loading import Loaded
from brinell.cli.output import cell, say, say_pairs, say_table
from brinell.data import classes_of
from brinell.errors import InputError
from brinell.evaluation import Answer, Audit, Certificate, CertifiedRow, Demand, Diagnosis, GroupGap, GroupRow
from brinell.evaluation.cascades import describe
from brinell.evaluation.labels import labels_of
from brinell.evaluation.record import StageResult
from brinell.outputs.escaping import visible
from brinell.report.words import evidence, sight
from brinell.threats import Ball

CAVEAT = (
    "Robust accuracy is an upper bound: a stronger attack may break more. The intervals (95 %, Wilson) speak of "
    "sampling only."
)
BETWEEN = (
    "Certified accuracy is a lower bound: these rows are proved to stand, whatever the attack. The truth lies between."
)
_LONGEST = 30  # groups in a table


def scene(loaded: Loaded) -> list[tuple[str, str]]:
    """Threat set, model and data, in words."""
    model, source = loaded.model, loaded.source
    parameters = sum(parameter.numel() for parameter in model.parameters())
    groups = f"; groups: {', '.join(source.groups)}" if source.groups else ""
    guards = [("Before it", "; ".join(f"{each.label} (attacked by {each.adaptive})" for each in model.guards))]
    return [
        ("Threat", f"{_meaning(loaded.threat)} Inputs stay within {model.bounds}."),
        ("Model", f"{type(model.bare.net).__name__}, {parameters:,} parameters, from {loaded.origin}"),
        *(guards if model.guards else []),
        ("Data", f"{len(source):,} rows of {source.name}{groups}"),
    ]


def say_plan(
    loaded: Loaded, target: int | None, cascade: Sequence[Attack], protocol: str, given: Path | None = None
) -> None:  # fmt: skip
    """What is about to be measured, in words, before any number. given: a file of examples, judged first."""
    names = labels_of(classes_of(loaded.source) or loaded.model.classes)
    wants = "any label but the true one" if target is None else f"the label {visible(str(names.get(target, target)))}"
    attacks = describe(tuple(cascade))
    labels = [*([f"examples from {given.name}"] if given else []), *(each.label for each in attacks)]
    steps = ", then ".join(labels)
    leaves = "; each on the rows that still stand" if len(labels) > 1 else ""
    say_pairs([
        *scene(loaded),
        ("Attacker", f"{sight(attacks).capitalize()}; wants {wants}."),
        ("Protocol", f"{protocol}: {steps}{leaves}. A judge, not the attack, decides what counts."),
    ])  # fmt: skip
    say()


def say_demands(demands: Sequence[Demand], n: int) -> None:
    """What so few rows cannot show, however good the model is."""
    for words in filter(None, (demand.out_of_reach(n) for demand in demands)):
        say(f"Warning: {words}", "yellow")


def say_answers(answers: list[Answer]) -> list[Answer]:
    """The demands that are met; those that are missed are errors, and said as such. Returns all."""
    if met := [each for each in answers if each.met]:
        say()
        for answer in met:
            say(str(answer))
    return answers


def first_sentence(value: object) -> str:
    """What the class of a value is for: the beginning of its documentation."""
    return " ".join((inspect.getdoc(type(value)) or "").partition("\n\n")[0].split())


def _meaning(ball: Ball) -> str:
    """The set as text, and the first sentence of its class."""
    sentence = first_sentence(ball).replace("``eps``", f"{ball.eps:g}")
    levels = f" Values are those of {ball.bits} bits." if ball.bits else ""
    return f"{ball}. {sentence}{levels}"


def which_groups(wanted: Iterable[str] | None, there: Iterable[str]) -> list[tuple[str, ...]]:
    """The groups to show, each the names of an intersection; all where none are wanted. Raises InputError."""
    known = ["class", *there]
    if not wanted:
        return [(name,) for name in known]
    chosen = [tuple(part.strip() for part in text.split(",")) for text in wanted]
    for name in (name for names in chosen for name in names):
        if name not in known:
            raise InputError(f"there is no group {name!r}; these data have: {', '.join(known)}.")
    return chosen


def say_audit(audit: Audit, groups: Iterable[tuple[str, ...]]) -> None:
    """Warnings, rates, a table of the attacks, one of each group, and where the files are."""
    record = audit.record
    for warning in record.warnings:
        say(f"Warning: {warning}", "yellow")
    static, alarms = audit.static_accuracy, audit.false_alarms
    say_pairs([
        ("Clean accuracy", str(audit.clean_accuracy)),
        *([("False alarms", f"{alarms}: clean rows that are turned away, counted as wrong")] if alarms else []),
        *([("Static", f"{static}, by examples made for the bare model: no measure of robustness")] if static else []),
        ("Robust accuracy", str(audit.robust_accuracy) + (", adaptive" if static else "")),
        *([("Certified", str(audit.certified_accuracy))] if audit.certified_accuracy else []),
    ])  # fmt: skip
    say(CAVEAT)
    if audit.certified_accuracy:
        say(BETWEEN)
    _say_diagnosis(record.diagnosis)
    _say_stages(record.stages, record.clean.hits, record.settings.data.n)
    for sentence in evidence(record):
        say(sentence)
    for names in groups:
        _say_group(audit, names)
    if record.unstable:
        say(
            f"{record.unstable} rows are unstable: rounding alone decides them, since a second judgement in another "
            "batch layout differs.",
            "yellow",
        )
    say()
    say(f"Run folder: {audit.folder} ({', '.join(sorted(path.name for path in audit.folder.iterdir()))})")


def say_certificate(found: Certificate, groups: Iterable[tuple[str, ...]]) -> None:
    """Rates, a table over radius where there is one, and a table of each group."""
    smoothed = found.record.method.certifies == "smoothed"
    say_pairs([
        ("Clean accuracy", f"{found.clean_accuracy}{', of the smoothed model' if smoothed else ''}"),
        ("Certified", str(found.certified_accuracy)),
        *([("Abstained", str(found.abstained))] if smoothed else []),
    ])  # fmt: skip
    say("Certified accuracy is a lower bound: what is not proved need not fall. The intervals (95 %, Wilson) speak of "
        "sampling only.")  # fmt: skip
    if smoothed:
        say_table(["radius", "certified"], [[f"{at:.3g}", cell(rate)] for at, rate in found.over()])
    for names in groups:
        rows = sorted(found.by_group(*names), key=lambda row: row.certified_accuracy.value)[:_LONGEST]
        cells = [[_name(row.group), str(row.n), cell(row.clean_accuracy), cell(row.certified_accuracy), _flag(row)]
                 for row in rows]  # fmt: skip
        say_table([" and ".join(names) + ", the lowest first", "n", "clean accuracy", "certified", ""], cells)
        worst = found.worst_group(*names)
        rate = worst.certified_accuracy
        say(f"Worst: {_name(worst.group)}, {rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%}; exact, for all groups "
            "at once).")  # fmt: skip


def _say_diagnosis(diagnosis: Diagnosis | None) -> None:
    """The verdict, and each finding that speaks against the model."""
    if diagnosis is None:
        return
    say(f"Verdict: {diagnosis.summary}", "" if diagnosis.verdict == "sound" else "yellow")
    for finding in diagnosis.concerns:
        say(f"- {finding}", "yellow")


def _say_stages(stages: Sequence[StageResult], right: int, n: int) -> None:
    alone = any(stage.alone is not None for stage in stages)
    rows = []
    for stage in stages:
        attacked = right if alone else stage.before
        cost = f"{stage.gradients / attacked:.1f}" if attacked else "-"
        own = [cell(stage.alone.rate)] if stage.alone is not None else []
        rows.append([stage.label, str(stage.before), str(stage.after), f"{stage.after / n:.1%}", *own, cost])
    own = ["left if alone"] if alone else []
    say_table(["Attack", "standing before", "after", "left", *own, "gradients per row"], rows)


def _say_group(audit: Audit, names: tuple[str, ...]) -> None:
    """The groups of one attribute; the lowest of them where there are many."""
    every = audit.by_group(*names)
    rows, note = every, ""
    if len(every) > _LONGEST:
        rows = sorted(every, key=lambda row: row.robust_accuracy.value)[:_LONGEST]
        note = f" (the {_LONGEST} lowest of {len(every)})"
    proved = ["certified"] if audit.certified_accuracy else []
    cells = [
        [_name(row.group), str(row.n), cell(row.clean_accuracy), cell(row.robust_accuracy),
         *([cell(row.certified_accuracy)] if row.certified_accuracy else []), _flag(row)] for row in rows
    ]  # fmt: skip
    say_table([" and ".join(names) + note, "n", "clean accuracy", "robust accuracy", *proved, ""], cells)
    say(f"{_worst_words(audit.worst_group(*names))} {_gap_words(audit.gap(*names))}")


def _worst_words(worst: GroupRow) -> str:
    rate = worst.robust_accuracy
    return f"Worst: {_name(worst.group)}, {rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})."


def _gap_words(gap: GroupGap) -> str:
    if gap.best is None:
        return "There is no other group to compare it with."
    pair = "none to be seen" if gap.best == gap.worst else f"{100 * gap.value:.1f} points, to {_name(gap.best)}"
    return (
        f"Gap to the best: {pair} ({100 * gap.low:.1f} to {100 * gap.high:.1f}). These intervals are exact and hold "
        "for all groups at once (Bonferroni)."
    )


def _name(group: object) -> str:
    return " / ".join(map(_name, group)) if isinstance(group, tuple) else visible(str(group))


def _flag(row: GroupRow | CertifiedRow) -> str:
    return "few rows" if row.small else ""
