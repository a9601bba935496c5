"""What the charts are drawn from adds up to the record."""

import json
import re
from collections import Counter
from collections.abc import Callable

import pyarrow as pa
import pytest
from pages import EVIL, Page

from brinell.evaluation import Audit
from brinell.report import charts

Write = Callable[..., Page]
AUDITS = ["image", "other", "table", "large"]


@pytest.fixture(params=AUDITS)
def audit(request: pytest.FixtureRequest) -> Audit:
    found: Audit = request.getfixturevalue(request.param)
    return found


def test_the_course_falls_from_clean_to_robust(audit: Audit) -> None:
    found, record = charts.course(audit), audit.record
    efforts, standing, stages = zip(*found.points, strict=True)
    assert (efforts[0], standing[0], standing[-1]) == (0, record.clean.hits, record.robust.hits)
    assert list(efforts) == sorted(efforts)
    assert list(standing) == sorted(standing, reverse=True)
    assert list(stages) == sorted(stages)
    assert found.ends == tuple(sorted(found.ends))
    assert len(found.ends) == len(record.stages)
    for position, (end, stage) in enumerate(zip(found.ends, record.stages, strict=True)):
        assert (end, stage.after, position) in found.points
    assert found.unit == "gradients"  # of all attacks, so the record's own curves are its parts
    for effort, left in record.stages[0].curve:
        assert min(point[1] for point in found.points if point[0] <= effort and point[2] == 0) == left


def test_the_course_of_mixed_units_counts_passes(image: Audit) -> None:
    stages = tuple(stage.model_copy(update={"unit": unit}) for stage, unit in
                   zip(image.record.stages, ("gradients", "forwards"), strict=True))  # fmt: skip
    mixed = Audit(image.record.model_copy(update={"stages": stages}), image.folder)
    found, plain = charts.course(mixed), charts.course(image)
    assert found.unit == "passes"
    assert found.ends[-1] >= 2 * plain.ends[-1]


def test_fates_add_up(audit: Audit) -> None:
    record = audit.record
    found = charts.fates(audit, {}, 200)
    assert found.outcomes == ("stands", *(stage.label for stage in record.stages), "wrong without an attack")
    sums = [sum(column) for column in zip(*found.counts, strict=True)]
    broken = [stage.before - stage.after for stage in record.stages]
    assert sums == [record.robust.hits, *broken, record.settings.data.n - record.clean.hits]
    shares = [counts[0] / sum(counts) for counts in found.counts]
    assert shares == sorted(shares)
    assert dict(zip(found.classes, map(sum, found.counts), strict=True)) == {
        str(label): rows for label, rows in Counter(audit.table["label"].to_pylist()).items()
    }


def test_confusions_are_those_of_the_broken_rows(audit: Audit) -> None:
    found = charts.confusion(audit.table, {})
    broken = [row for row in audit.table.to_pylist() if row["broken_by"] not in (None, "clean")]
    counted = Counter((str(row["label"]), str(row["adversarial_prediction"])) for row in broken)
    assert {pair[:2]: pair[2] for pair in found.pairs} == counted
    assert [pair[2] for pair in found.pairs] == sorted(counted.values(), reverse=True)
    assert (set(found.classes), found.left_out) == ({name for pair in counted for name in pair}, 0)


def test_many_classes_are_cut_to_the_most_concerned() -> None:
    n = 100
    table = pa.table({"label": [*range(n), 0, 0], "adversarial_prediction": [*((i + 1) % n for i in range(n)), 1, 1],
                      "broken_by": ["PGD"] * (n + 2)})  # fmt: skip
    found = charts.confusion(table, {})
    assert (len(found.classes), found.left_out, len(found.pairs)) == (30, 70, n)
    assert found.pairs[0] == ("0", "1", 3)
    assert {"0", "1"} <= set(found.classes)


def test_classes_have_the_names_of_their_group() -> None:
    def names(label: list[int], group: list[str | int | None]) -> dict[int, str]:
        return charts.class_names(pa.table({"label": label, "group_class": group}))

    assert names([0, 1, 0], ["cat", EVIL, "cat"]) == {0: "cat", 1: EVIL}
    assert names([0, 1], [0, 1]) == {}
    assert charts.named([0, 1, 2], {0: "cat", 1: "2"}) == ["cat", "2", "label 2"]
    assert names([0, 1], ["pet", "pet"]) == {}  # the group says less than the label
    assert names([0, 0], ["cat", "dog"]) == {}  # or more
    assert names([0, 1], ["cat", None]) == {}


def test_data_in_the_page_can_be_read_and_ends_no_script(page: Write, named: Audit) -> None:
    written = page(named)
    text = re.findall('<script type="application/json" id="data">(.*?)</script>', written.source, re.DOTALL)[0]
    assert not set("<>&\u2028") & set(text)
    data = json.loads(text)["0"]
    assert EVIL in data["confusion"]["classes"]
    assert set(data["fates"]["classes"]) == set(charts.class_names(named.table).values())
    assert [" ".join(row["group"].split()) for row in data["groups"][0]] == [
        cells[0] for cells in written.table("By class")[1:]
    ]
    assert [rate["value"] for rate in data["rates"]] == [named.clean_accuracy.value, named.robust_accuracy.value]


def test_every_chart_has_words_and_a_table(page: Write, image: Audit) -> None:
    written = page(image)
    drawn = [tag for tag in written.all("div") if "data-chart" in tag]
    assert {tag["data-chart"] for tag in drawn} >= {"rates", "course", "attacks", "fates", "groups", "confusion"}
    assert all(tag["role"] == "img" and tag["aria-label"] for tag in drawn)
    for start in ("Rows standing once", "What became of the rows", "Broken rows by true class", "By class"):
        assert len(written.table(start)) >= 2
