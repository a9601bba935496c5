"""A summary in Markdown, short enough for a pull request."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from brinell.evaluation.demands import Answer
from brinell.outputs.escaping import for_markdown, name_for_markdown
from brinell.report.words import attacker, count, evidence, exact, percent, points, protocol
from brinell.shapes import image_like

if TYPE_CHECKING:
    from brinell.evaluation import Audit, AuditRecord
    from brinell.statistics import Rate

CAVEAT = (
    "Robust accuracy is an upper bound: a stronger attack may break more. The intervals (95%, exact) speak of sampling "
    "only."
)
_MOST = 10  # attributes, findings and warnings that are listed


def markdown(audit: "Audit", answers: tuple[Answer, ...] = ()) -> str:
    """The summary: verdict, numbers with intervals, for whom the model breaks first, and what it was attacked with.

    Names from models, files and users are escaped: they format nothing, link nowhere and notify nobody."""
    record = audit.record
    facts = record.settings
    subject = f"{name_for_markdown(model_name(record))} on {name_for_markdown(facts.data.name)}"
    return "\n".join([
        f"## Robustness: {percent(audit.robust_accuracy.value)} against {for_markdown(threat_text(record))}",
        "",
        f"{subject}. {_verdict(audit)}",
        "",
        *_demands(answers),
        *_numbers(audit),
        "",
        CAVEAT,
        "",
        *_groups(audit),
        *_concerns(audit),
        f"The attacker {for_markdown(attacker(record))} Protocol: {for_markdown(protocol(record))}",
        *(for_markdown(sentence) for sentence in evidence(record)),
        "",
        f"<sub>brinell {for_markdown(facts.versions.brinell)}, effort {for_markdown(facts.effort)}, seed {facts.seed}, "
        f"record {for_markdown(record.sha256[:12]) or 'not sealed'}</sub>",
        "",
    ])  # fmt: skip


def model_name(record: "AuditRecord") -> str:
    """What the model is called: by the command line, by who audited it, or by its class."""
    facts = record.settings
    return str(facts.origin or facts.model.origin or facts.model.network)


def threat_text(record: "AuditRecord") -> str:
    """The threat set in short: ``linf:8/255`` where its eps is so many steps of 8-bit pixels."""
    name, _, eps = record.settings.threat.partition(":")
    try:
        steps = float(eps) * 255
    except ValueError:  # a set of another kind
        return record.settings.threat
    whole = len(eps) > len("0.1234") and round(steps) and abs(steps - round(steps)) < 1e-3
    return f"{name}:{round(steps)}/255" if whole and image_like(record.settings.data.shape) else f"{name}:{eps}"


def _verdict(audit: "Audit") -> str:
    if audit.diagnosis is None:
        return "**No diagnosis** was made: whether the model hides its gradients is not known."
    word, _, rest = audit.diagnosis.summary.partition(": ")
    return f"**Verdict: {word}**: {for_markdown(rest)}"


def _demands(answers: tuple[Answer, ...]) -> Iterator[str]:
    if not answers:
        return
    yield from _header("demand", "", "measured")
    for answer in answers:
        met = "met" if answer.met else "**missed**"
        yield _row(name_for_markdown(answer.demand), met, for_markdown(answer.words))
    yield ""


def _numbers(audit: "Audit") -> Iterator[str]:
    yield from _header("", "rate", "95% interval", "rows", numbers=3)
    yield _row("clean accuracy", *_rate(audit.clean_accuracy))
    value, *more = _rate(audit.robust_accuracy)
    yield _row("**robust accuracy, at most**", f"**{value}**", *more)
    if audit.certified_accuracy is not None:
        yield _row("certified, so at least", *_rate(audit.certified_accuracy))


def _rate(rate: "Rate") -> tuple[str, str, str]:
    return percent(rate.value), exact(rate), f"{count(rate.hits)} of {count(rate.n)}"


def _groups(audit: "Audit") -> Iterator[str]:
    """For whom the model breaks first: of each attribute the worst group and the gap."""
    names = audit.record.settings.data.groups
    yield "For whom it breaks first (intervals hold for all groups of an attribute at once):"
    yield ""
    yield from _header(
        "groups by", "worst group", "robust accuracy", "95% interval", "rows", "gap to the best", numbers=4
    )
    for name in names[:_MOST]:
        worst, gap = audit.worst_group(name), audit.gap(name)
        wide = "none" if gap.best is None else f"{points(gap.value)} ({100 * gap.low:.1f} to {100 * gap.high:.1f})"
        small = " (few rows)" if worst.small else ""
        group = f"{name_for_markdown(worst.group)}{small}"
        yield _row(name_for_markdown(name), group, *_rate(worst.robust_accuracy), wide)
    if len(names) > _MOST:
        yield ""
        yield f"{len(names) - _MOST} more attributes are in the run folder."
    yield ""


def _concerns(audit: "Audit") -> Iterator[str]:
    """Findings that speak against the number, with remedies, and warnings."""
    findings = map(str, audit.diagnosis.concerns if audit.diagnosis else ())
    lines = [*findings, *(f"warning: {text}" for text in audit.record.warnings)]
    yield from (f"- {for_markdown(line)}" for line in lines[:_MOST])
    if len(lines) > _MOST:
        yield f"- and {len(lines) - _MOST} more in the run folder"
    if lines:
        yield ""


def _header(*titles: str, numbers: int = 0) -> Iterator[str]:
    """The head of a table whose last columns hold ``numbers``."""
    yield _row(*titles)
    words = len(titles) - numbers
    yield _row(*("---" if position < words else "---:" for position in range(len(titles))))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def section(audit: "Audit", answers: Iterable[Answer] = ()) -> str:
    """The summary without its own heading: for a page that has one."""
    return markdown(audit, tuple(answers)).partition("\n\n")[2]
