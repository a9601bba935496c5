"""The texts: escaped, whole, and true to the audit."""

import csv
import io
import json
import math
import re
import shutil
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import yaml
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt
from samples import CASCADE, EVIL, small_audit

import brinell
from brinell.errors import InputError
from brinell.evaluation import Audit
from brinell.outputs import FORMS, export, record_schema, render
from brinell.outputs.escaping import for_markdown, for_yaml, name_for_markdown, visible
from brinell.outputs.markdown import section
from brinell.threats import L2

ROOT = Path(__file__).resolve().parents[2]
DEMANDS = ("robust_accuracy>=0.9", "worst_group:hand>=0.01", "sound")
ALLOWED = {"h2", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "code", "sub", "ul", "li"}


class Seen(HTMLParser):
    """Markdown as a reader sees it: the tags, the text, the cells of the tables' rows."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.codes: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))
        self.rows = [[cell.strip() for cell in row] for row in self.rows]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attributes if name != "style"]
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "code":
            self.codes.append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data
        if self.codes:
            self.codes[-1] += data


@pytest.mark.parametrize("text", EVIL)
@pytest.mark.parametrize("place", ["{}", "a | {} | b", "- {}", "| x |\n| - |\n| {} |", "# {}", "before\n{}"])
def test_hostile_text_is_shown_as_it_is(text: str, place: str) -> None:
    """In every place where it can stand, and with the same structure as a harmless word."""
    wanted = " ".join(visible(text).split())
    for escape in (for_markdown, name_for_markdown):
        page, plain = Seen(place.format(escape(text))), Seen(place.format(escape("word")))
        assert page.tags == plain.tags
        assert page.text.replace("@\u200b", "@") == plain.text.replace("word", wanted)
    assert "://" not in for_markdown(text)
    assert "www." not in for_markdown(text)


def test_long_names_end_in_dots() -> None:
    assert len(Seen(name_for_markdown("a" * 1000)).text) == len(Seen(name_for_markdown("a" * 80)).text)
    assert Seen(name_for_markdown("")).tags == ["p", "code"]


def test_the_summary_says_what_matters(evil: Audit) -> None:
    page = Seen(render(evil, "markdown", require=DEMANDS))
    assert set(page.tags) <= ALLOWED
    assert "upper bound" in page.text
    assert "Verdict: sound" in page.text
    assert "against linf:8/255" in page.text
    assert f"{evil.robust_accuracy.hits} of 150" in page.text
    rows = {row[0]: row for row in page.rows}
    assert rows["clean accuracy"][1] == f"{evil.clean_accuracy.value:.1%}"
    low, high = evil.robust_accuracy.low, evil.robust_accuracy.high
    assert rows["robust accuracy, at most"][1:3] == [f"{evil.robust_accuracy.value:.1%}", f"{low:.1%} to {high:.1%}"]
    for name in evil.record.settings.data.groups:
        worst = evil.worst_group(name)
        row = rows[name]
        assert row[1].replace("\u200b", "").startswith(" ".join(visible(str(worst.group)).split()))
        assert row[2] == f"{worst.robust_accuracy.value:.1%}"
        assert f"{100 * evil.gap(name).high:.1f}" in row[5]
    assert [row[1] for row in page.rows if row[0] in DEMANDS] == ["missed", "met", "met"]
    assert len(render(evil, "markdown")) < 5000


def test_a_forged_record_gets_nothing_into_the_page(evil: Audit) -> None:
    """Every text of the record may have been written by somebody else."""

    kept = {"schema_version", "kind", "examples", "unit", "outcome", "groups", "label"}  # of few words, and columns

    def forged(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: each if key in kept else forged(each) for key, each in value.items()}
        if isinstance(value, list):
            return [forged(each) for each in value]
        return "<b>|`[x](y)" if isinstance(value, str) else value

    facts = forged(evil.record.model_dump(mode="json"))
    record = type(evil.record).model_validate_json(json.dumps(facts))
    page = Seen(section(Audit(record, evil.folder)))
    assert set(page.tags) <= ALLOWED
    assert page.text.count("<b>|`[x](y)") >= 5


def test_without_a_diagnosis_the_summary_says_that(table: Audit) -> None:
    page = Seen(render(table, "markdown"))
    assert "No diagnosis was made" in page.text
    assert "linf" not in page.text


def test_concerns_and_warnings_stand_in_the_summary() -> None:
    audit = small_audit((5,), L2(0.3))
    record = audit.record.model_copy(update={"warnings": tuple(f"warning {i} <b>" for i in range(12))})
    page = Seen(render(Audit(record, audit.folder), "markdown"))
    assert "warning: warning 9 <b>" in page.text
    assert "and 2 more in the run folder" in page.text
    assert "warning 10" not in page.text


def test_junit_with_demands(evil: Audit) -> None:
    suites = ET.fromstring(render(evil, "junit", require=DEMANDS))
    suite = suites[0]
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == [*DEMANDS]
    assert [case.find("failure") is not None for case in cases] == [True, False, False]
    assert "its lower end" in str(cases[0].find("failure").get("message"))  # type: ignore[union-attr]
    assert (suite.get("tests"), suite.get("failures"), suites.get("failures")) == ("3", "1", "1")
    facts = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert float(str(facts["robust_accuracy.low"])) == pytest.approx(evil.robust_accuracy.low, rel=1e-5)


def test_junit_has_the_structure_that_build_servers_read(evil: Audit, table: Audit) -> None:
    """Names, attributes and their order as in the Jenkins schema of JUnit files."""
    for audit in (evil, table):
        suites = ET.fromstring(render(audit, "junit"))
        assert suites.tag == "testsuites"
        (suite,) = suites
        assert {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"} == set(suite.attrib)
        assert float(str(suite.get("time"))) > 0
        assert abs(datetime.now(UTC) - datetime.fromisoformat(f"{suite.get('timestamp')}+00:00")) < timedelta(hours=1)
        tags = [child.tag for child in suite]
        cases = suite.findall("testcase")
        assert tags == ["properties", *["testcase"] * len(cases), "system-out"]
        assert suite.get("tests") == str(len(cases))
        assert suite.get("failures") == "0"
        assert all(
            {"classname", "name", "time"} == set(case.attrib) and [c.tag for c in case] == ["system-out"]
            for case in cases
        )
        groups = sum(len(audit.by_group(name)) for name in audit.record.settings.data.groups)
        assert len(cases) == groups + (audit.diagnosis is not None)
    names = " ".join(str(case.get("name")) for case in ET.fromstring(render(evil, "junit")).iter("testcase"))
    assert "<script>alert('1')</script>" in names
    assert "]]> & &amp; \"quoted\" 'single'" in names


def test_junit_without_a_clock(table: Audit, tmp_path: Path) -> None:
    """A kill at the very end may cost it, and it says nothing of the results."""
    shutil.copytree(table.folder, tmp_path / "run")
    (tmp_path / "run" / "clock.json").unlink()
    (suite,) = ET.fromstring(render(brinell.load_audit(tmp_path / "run"), "junit"))
    assert "time" not in suite.attrib
    assert len(suite.findall("testcase")) == 3


def test_an_unsound_verdict_fails_in_junit(evil: Audit) -> None:
    assert evil.diagnosis is not None
    first, *rest = evil.diagnosis.findings
    worse = evil.diagnosis.model_copy(update={"findings": (first.model_copy(update={"outcome": "failed"}), *rest)})
    audit = Audit(evil.record.model_copy(update={"diagnosis": worse}), evil.folder)
    failed = [
        case.get("name")
        for case in ET.fromstring(render(audit, "junit")).iter("testcase")
        if len(case.findall("failure"))
    ]
    assert failed == ["verdict"]


def test_the_card_is_read_by_the_hubs_own_reader(evil: Audit) -> None:
    card = ModelCard(render(evil, "card"))
    results = card.data.eval_results
    assert results is not None
    values = {result.metric_name: result for result in results}
    clean, robust = values["Clean accuracy"], values["Robust accuracy against linf:8/255 (upper bound)"]
    assert (clean.metric_value, robust.metric_value) == (evil.clean_accuracy.value, evil.robust_accuracy.value)
    assert robust.metric_args is not None
    assert (robust.metric_args["low"], robust.metric_args["n"]) == (evil.robust_accuracy.low, 150)
    assert (clean.task_type, clean.metric_type, clean.dataset_name) == ("image-classification", "accuracy", "arrays")
    assert len(results) == 2 + len(evil.record.settings.data.groups)
    assert card.data.model_name == evil.record.settings.model.origin
    assert EVIL[0] in str(card.data.model_name)
    assert "adversarial-robustness" in card.data.tags
    assert {"h2", "table"} <= set(Seen(card.text).tags) <= ALLOWED
    assert "upper bound" in card.text


def test_the_card_of_rows_of_numbers(table: Audit) -> None:
    results = ModelCard(render(table, "card")).data.eval_results
    assert results is not None
    assert {result.task_type for result in results} == {"tabular-classification"}


@pytest.mark.parametrize(
    "value",
    [*EVIL, "", "yes", "no", "null", "1", "1.5", "- a", "a: b", "#", "2026-11-22", "\u2028\u0085\ufeff", 1, 0.1,
     1e-300, -2e300, True, None, [], {}, [1, [2, {"a": []}]], {"a b": {"c": [{"d": 1, "e": None}]}, "n": 1}],
)  # fmt: skip
def test_yaml_is_read_back_as_it_was(value: Any) -> None:
    assert yaml.safe_load(for_yaml({"key": value, "list": [value, value]})) == {"key": value, "list": [value, value]}


def test_yaml_has_no_nan_that_others_might_not_read() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        for_yaml({"value": math.nan})


def test_the_published_schema_is_that_of_the_code() -> None:
    published = (ROOT / "docs" / "record.schema.json").read_text(encoding="utf-8")
    wanted = f"{json.dumps(record_schema(), indent=2)}\n"
    assert published == wanted, (
        "renew it: python -c 'import brinell, json; print(json.dumps(brinell.record_schema(), indent=2))' "
        "> docs/record.schema.json"
    )


def test_records_keep_to_the_schema(evil: Audit, table: Audit) -> None:
    validator = jsonschema.Draft202012Validator(record_schema())
    validator.check_schema(record_schema())
    for audit in (evil, table):
        record = json.loads(render(audit, "json"))
        validator.validate(record)
        assert record == json.loads((audit.folder / "run.json").read_text(encoding="utf-8"))
        for wrong in ({**record, "more": 1}, {**record, "clean": {"hits": "many", "n": 1}}, {"settings": {}}):
            assert not validator.is_valid(wrong)
    assert render(evil, "schema") == f"{json.dumps(record_schema(), indent=2)}\n"


def test_tables_hold_every_row_and_every_group(evil: Audit) -> None:
    rows = list(csv.DictReader(io.StringIO(render(evil, "csv"))))
    assert [int(row["id"]) for row in rows] == evil.table["id"].to_pylist()
    assert [row["broken_by"] or None for row in rows] == evil.table["broken_by"].to_pylist()
    groups = list(csv.DictReader(io.StringIO(render(evil, "groups"))))
    for name in evil.record.settings.data.groups:
        found = [row for row in groups if row["attribute"] == name]
        wanted = evil.by_group(name)
        assert [row["group"] for row in found] == [str(each.group) for each in wanted]
        assert [float(row["robust_accuracy_low"]) for row in found] == [each.robust_accuracy.low for each in wanted]


@pytest.mark.parametrize("form", [*FORMS])
def test_every_form_is_written_whole(form: str, evil: Audit, tmp_path: Path) -> None:
    path = tmp_path / "deep" / f"audit.{form}"
    assert export(evil, form, path) == path
    assert path.read_bytes().decode("utf-8") == render(evil, form)
    path.write_text("older")
    assert len(export(evil, form, path).read_text(encoding="utf-8")) > 100
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    with pytest.raises(InputError, match="is a folder; name a file"):
        export(evil, form, tmp_path)


def test_wrong_use_is_told(evil: Audit, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no form 'pdf' in text; choose one of json"):
        render(evil, "pdf")
    with pytest.raises(InputError, match=r"csv shows no demands; leave robust_accuracy>=0.9 out"):
        render(evil, "csv", require=DEMANDS)
    with pytest.raises(InputError, match="is demanded, but there is no group 'sex'"):
        export(evil, "junit", tmp_path / "a", require=["gap:sex<=0.1"])
    assert list(tmp_path.iterdir()) == []


def test_the_public_verbs_are_these() -> None:
    assert (brinell.render, brinell.export, brinell.record_schema) == (render, export, record_schema)


def test_an_audit_of_one_attack_and_many_attributes(tmp_path: Path) -> None:
    groups = {f"attribute {i}": [j % 2 for j in range(150)] for i in range(12)}
    audit = small_audit((5,), L2(0.3), cascade=CASCADE[:1], groups=groups)
    page = Seen(render(audit, "markdown"))
    assert "3 more attributes are in the run folder" in page.text
    assert len([row for row in page.rows if re.match("attribute|class", row[0])]) == 10


# --- names of classes -------------------------------------------------------------------------------------------


def test_classes_are_called_by_their_names(named: Audit) -> None:
    classes = named.record.settings.data.classes or ()
    worst = str(named.worst_group("class").group)
    assert worst in classes
    cells = [row[1] for row in Seen(render(named, "markdown")).rows if row[0] == "class"]
    assert cells == [worst.replace("@", "@\u200b")]
    tests = [case.get("name") for case in ET.fromstring(render(named, "junit")).iter("testcase")]
    assert {f"class {name}" for name in classes} <= set(tests)
    groups = list(csv.DictReader(io.StringIO(render(named, "groups"))))
    assert {row["group"] for row in groups if row["attribute"] == "class"} == set(classes)
    results = ModelCard(render(named, "card")).data.eval_results or []
    assert worst in {(result.metric_args or {}).get("group") for result in results}
    assert json.loads(render(named, "json"))["settings"]["data"]["classes"] == list(classes)
