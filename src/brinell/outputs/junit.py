"""JUnit XML, which build servers show as tests: demands as cases, or else the verdict and the groups."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from brinell.evaluation.demands import Answer
from brinell.outputs.escaping import for_xml
from brinell.outputs.markdown import CAVEAT, model_name, threat_text
from brinell.report.words import exact, percent

if TYPE_CHECKING:
    from brinell.evaluation import Audit


class Entry(NamedTuple):
    """One test case: what it is about, what was measured, and whether that counts as a failure."""

    kind: str
    name: str
    words: str
    failed: bool


def junit(audit: "Audit", answers: tuple[Answer, ...] = ()) -> str:
    """One suite. With demands each is a case that fails where it was missed; without, the verdict is a case that fails
    where it is ``unsound``, and every group is one that shows its numbers."""
    cases = [*(_demanded(answers) if answers else _measured(audit))]
    facts = audit.record.settings
    failures = str(sum(case.failed for case in cases))
    counts = {"tests": str(len(cases)), "failures": failures, "errors": "0"}
    name = for_xml(f"brinell: {model_name(audit.record)} on {facts.data.name}, {threat_text(audit.record)}")
    root = ET.Element("testsuites", {"name": "brinell", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": name, **counts, "skipped": "0", **_clock(audit)})
    properties = ET.SubElement(suite, "properties")
    for key, value in _facts(audit).items():
        ET.SubElement(properties, "property", {"name": key, "value": for_xml(value)})
    for case in cases:
        _write(suite, case)
    ET.SubElement(suite, "system-out").text = for_xml(f"{audit}\n{CAVEAT}")
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _write(suite: ET.Element, case: Entry) -> None:
    words = for_xml(case.words)
    element = ET.SubElement(
        suite, "testcase", {"classname": f"brinell.{case.kind}", "name": for_xml(case.name), "time": "0"}
    )
    if case.failed:
        ET.SubElement(element, "failure", {"message": words, "type": case.kind}).text = words
    else:
        ET.SubElement(element, "system-out").text = words


def _clock(audit: "Audit") -> dict[str, str]:
    """When the audit was done and what it took; a kill may have cost the file that says so."""
    from brinell.evaluation.record import read_clock

    path = audit.folder / "clock.json"
    if not path.is_file():
        return {}
    clock = read_clock(path)
    return {"time": f"{clock.seconds_of_last_session:.3f}", "timestamp": clock.finished[: len("2026-11-22T21:00:00")]}


def _demanded(answers: tuple[Answer, ...]) -> Iterator[Entry]:
    for answer in answers:
        yield Entry("demand", str(answer.demand), answer.words, not answer.met)


def _measured(audit: "Audit") -> Iterator[Entry]:
    if audit.diagnosis is not None:
        yield Entry("verdict", "verdict", str(audit.diagnosis), audit.diagnosis.verdict == "unsound")
    for name in audit.record.settings.data.groups:
        for row in audit.by_group(name):
            rate = row.robust_accuracy
            few = ", too few rows to speak of" if row.small else ""
            words = f"robust accuracy {percent(rate.value)} of {rate.n} rows{few} (95% interval {exact(rate)})"
            yield Entry(f"groups.{for_xml(name)}", f"{name} {row.group}", words, failed=False)


def _facts(audit: "Audit") -> dict[str, str]:
    """What was measured, as properties of the suite."""
    facts = audit.record.settings
    rates = {"clean_accuracy": audit.clean_accuracy, "robust_accuracy": audit.robust_accuracy}
    rates |= {} if audit.certified_accuracy is None else {"certified_accuracy": audit.certified_accuracy}
    ends = {
        f"{name}{end}": f"{value:.6g}"
        for name, rate in rates.items()
        for end, value in (("", rate.value), (".low", rate.low), (".high", rate.high), (".n", rate.n))
    }
    return {
        "model": model_name(audit.record), "data": facts.data.name, "threat": facts.threat, "goal": facts.goal,
        "effort": facts.effort, "seed": str(facts.seed), "brinell": facts.versions.brinell,
        "record.sha256": audit.record.sha256, **ends,
    }  # fmt: skip
