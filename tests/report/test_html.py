"""The report says what the audit says, whole, safely, and to everyone."""

import base64
import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import EVIL, Page
from safetensors.numpy import load_file, save_file

from brinell.errors import InputError, InputTypeError
from brinell.evaluation import Audit, load_audit
from brinell.report import write_html
from brinell.report.answers import first_to_break

Write = Callable[..., Page]


def percents(rate: Any, interval: tuple[float, float] | None = None) -> str:
    low, high = interval or (rate.low, rate.high)
    return f"{rate.value:.1%} {low:.1%} to {high:.1%}"


def test_importing_the_report_needs_no_torch() -> None:
    program = "import sys, brinell.report; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"]


def test_threat_model_and_protocol_come_first_in_words(page: Write, image: Audit, other: Audit) -> None:
    text = page(image).text
    assert "may change every pixel by at most 0.0313725 (8/255), stays within the bounds (0, 1)" in text
    assert "wants any wrong label" in text
    assert "FGSM, then PGD(steps=3); each on every row that the model gets right" in text
    assert "fresh float32 forward pass" in text
    assert (
        text.index("Clean accuracy") < text.index("Attacker:") < text.index("Protocol:") < text.index("Gap from best")
    )
    assert "each only on the rows that still stand" in page(other).text


def test_headline_numbers_are_the_audits(page: Write, image: Audit) -> None:
    text = page(image).text
    for name, rate in (("Clean", image.clean_accuracy), ("Robust", image.robust_accuracy)):
        interval = f"{rate.low:.1%} to {rate.high:.1%}"
        assert f"{name} accuracy {rate.value:.1%} {interval}, {rate.hits} of n = {rate.n} rows" in text
    assert "This is an upper bound : an input counts as robust if" in text
    assert f"{image.robust_accuracy.value:.1%} is an upper bound: a stronger attack may break more." in text
    assert "speak of sampling only" in text


def test_who_breaks_first_is_the_audits_word(page: Write, image: Audit) -> None:
    text = page(image).text
    for name in image.record.settings.data.groups:
        worst, gap = image.worst_group(name), image.gap(name)
        assert gap.value > 0
        rate = worst.robust_accuracy
        interval = f"({rate.low:.1%} to {rate.high:.1%}, n = {worst.n})"
        assert f"By {name}: {worst.group} breaks first, {rate.value:.1%} robust {interval}" in text
        spread = f"({100 * gap.low:.1f} to {100 * gap.high:.1f} points"
        assert f"{100 * gap.value:.1f} points below the best, {gap.best} {spread}" in text
        assert f"Gap from best to worst: {100 * gap.value:.1f} points {spread})" in text


def test_attacks_are_listed_with_what_they_did(page: Write, image: Audit, other: Audit) -> None:
    right = image.record.clean.hits
    rows = page(image).table("150 rows")[1:]
    for cells, stage in zip(rows, image.record.stages, strict=True):
        assert stage.alone is not None
        assert cells == [
            stage.label, str(stage.before), str(stage.before - stage.after), str(stage.after),
            percents(stage.alone.rate), str(right), f"{stage.gradients / right:.1f}", f"{stage.forwards / right:.1f}",
        ]  # fmt: skip
    rows = page(other).table("150 rows")[1:]
    for cells, stage in zip(rows, other.record.stages, strict=True):
        assert cells[:5] == [
            stage.label, str(stage.before), str(stage.before - stage.after), str(stage.after), str(stage.before)
        ]  # fmt: skip


def test_how_far_the_search_went_is_told(page: Write, image: Audit, table: Audit) -> None:
    found, kept = image.record.doubling, image.record.eight_bits
    assert found is not None
    assert kept is not None
    text = page(image).text
    assert f"The second half of the gradients broke {found.broken or 'none'} of 150 rows" in text
    assert f"After rounding to 8 bits, each value toward the clean one, {kept.hits} of the {kept.n} broken" in text
    rows = page(image).table("Rows standing once each had been given so many gradients")[1:]
    for cells, stage in zip(rows, image.record.stages, strict=True):
        assert cells == [stage.label, stage.unit, " ".join(f"{effort}: {standing}" for effort, standing in stage.curve)]
    assert "8 bits" not in page(table).text


def test_every_group_has_its_row_and_small_ones_say_so(page: Write, image: Audit) -> None:
    written = page(image)
    assert any(row.small for row in image.by_group("hand"))
    for name in image.record.settings.data.groups:
        cells = {tuple(row) for row in written.table(f"By {name}, most vulnerable first")[1:]}
        assert cells == {
            (
                f"{row.group} small" if row.small else str(row.group), str(row.n),
                percents(row.clean_accuracy, row.clean_accuracy.wilson),
                percents(row.robust_accuracy, row.robust_accuracy.wilson),
            )
            for row in image.by_group(name)
        }  # fmt: skip
    assert "small: fewer than 30 rows, too few to speak of" in written.text


def test_the_most_vulnerable_group_comes_first_and_small_ones_last(page: Write, image: Audit) -> None:
    rows = page(image).table("By hand")[1:]
    assert rows[0][0] == str(image.worst_group("hand").group)
    small = [cells[0].endswith(" small") for cells in rows]
    assert small == sorted(small)


def test_all_settings_are_on_the_page(page: Write, image: Audit) -> None:
    written, facts = page(image), image.record.settings
    seen = {cell for rows in written.tables.values() for row in rows for cell in map(str.strip, row)}
    wanted = [facts.model.sha256, facts.data.sha256, facts.model.origin, *facts.versions.model_dump().values()]
    assert {str(value) for value in wanted} <= seen
    assert dict(written.table("Run"))["seed"] == str(facts.seed)
    for position, attack in enumerate(facts.cascade, 1):
        shown = dict(written.table(f"Attack {position}: {attack.label}"))
        assert set(shown) == {name.replace("_", " ") for name in ("kind", *attack.parameters)}
    n = facts.data.n
    gradients = sum(stage.gradients for stage in image.record.stages)
    assert f"{gradients / n:,.1f} gradients" in written.text
    assert f"Unstable rows, which rounding alone decides: {image.record.unstable} of {n}." in written.text


def test_warnings_and_unstable_rows_stand_out(page: Write, image: Audit) -> None:
    record = image.record.model_copy(update={"warnings": (f"odd {EVIL}",), "unstable": 2})
    written = page(Audit(record, image.folder))
    warnings = [tag for tag in written.all("p") if "warning" in tag.get("class", "")]
    assert len(warnings) == 2
    assert f"Warning: odd {EVIL}" in written.text
    assert "rounding alone decides 2 of 150 rows" in written.text
    assert written.text.index("Warning:") < written.text.index("Attacker:")


def test_everything_foreign_is_escaped(page: Write, image: Audit) -> None:
    written = page({f'{EVIL} & "it\'s"': image}, title=f"</title>{EVIL}", story=[EVIL, "a < b"])
    assert len(re.findall("<script", written.source, re.IGNORECASE)) == 2  # the page's own: data and program
    assert written.text.count(EVIL) >= 5  # title, story, name, group, origin
    assert str(image.record.settings.model.origin) in written.text
    assert written.open == []
    handlers = [name for _, attributes in written.tags for name in attributes if name.startswith("on")]
    assert handlers == []


def test_nothing_is_fetched_and_nothing_foreign_runs(page: Write, image: Audit, table: Audit) -> None:
    written = page({"a": image, "b": table})
    assert {tag for tag, _ in written.tags} & {"link", "iframe", "object", "base"} == set()
    assert written.all("script") == [{"type": "application/json", "id": "data"}, {}]
    program = re.findall("<script>(.*?)</script>", written.source, re.DOTALL)[0]
    allowed = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()
    sources = [attributes[name] for _, attributes in written.tags for name in ("src", "href") if name in attributes]
    assert sources
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in sources)
    style = re.findall("<style>(.*?)</style>", written.source, re.DOTALL)[0]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(tag["content"] for tag in written.all("meta") if "http-equiv" in tag)
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{allowed}';" in policy


def test_a_screen_reader_finds_its_way(page: Write, image: Audit, wave: Audit) -> None:
    written = page({"a": image, "b": wave})
    assert written.all("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in written.tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert len(written.all("caption")) == len(written.all("table"))
    assert all(cell.get("scope") in ("row", "col") for cell in written.all("th"))
    assert all(picture["alt"] for picture in written.all("img"))
    marks = [attributes["id"] for _, attributes in written.tags if "id" in attributes]
    assert len(marks) == len(set(marks))
    asked = [link["href"][1:] for link in written.all("a")]
    asked += [tag["aria-labelledby"] for _, tag in written.tags if "aria-labelledby" in tag]
    assert set(asked) <= set(marks)


def test_several_audits_stand_side_by_side(page: Write, image: Audit, other: Audit) -> None:
    written = page({"hard": image, "soft": other}, story="One sentence.")
    assert "One sentence." in written.text
    assert "Compare with care: these audits differ in data, threat set." in written.text
    first, second = written.table("Clean and robust accuracy")[1:]
    alone = [percents(stage.alone.rate) for stage in image.record.stages if stage.alone is not None]
    assert first[0] == "hard n = 150"
    assert first[1:-1] == [percents(image.clean_accuracy), percents(image.robust_accuracy), *alone]
    assert f"{100 * image.gap('class').value:.1f} points" in first[-1]
    assert second[3:5] == ["not measured", "not measured"]
    assert "Side by side" not in page(image).text


def test_pairs_do_as_well_as_a_mapping_and_like_audits_raise_no_warning(page: Write, image: Audit) -> None:
    pairs = page([("a", image), ("b", image)])
    assert pairs.source == page({"a": image, "b": image}).source
    assert "Compare with care" not in pairs.text


def test_a_stored_audit_gives_the_same_page(page: Write, image: Audit, tmp_path: Path) -> None:
    stored = load_audit(image.save(tmp_path / "run"))
    assert page(stored).source == page(image).source


def with_table(audit: Audit, table: Any) -> Audit:
    """The audit with another table of examples."""
    changed = Audit(audit.record, audit.folder)
    changed.__dict__["table"] = table
    return changed


def column(table: Any, name: str, values: list[Any]) -> Any:
    return table.set_column(table.column_names.index(name), name, [values])


def test_equal_groups_and_lone_groups_name_no_loser(page: Write, image: Audit) -> None:
    n = image.table.num_rows
    hopeless = column(image.table, "broken_by", ["FGSM"] * n)
    text = page(with_table(image, hopeless)).text
    assert "By hand: none before the others, all groups stand at 0.0%." in text
    single = column(hopeless, "group_hand", ["all"] * n)
    assert "By hand: all is the only group to speak of, 0.0% robust." in page(with_table(image, single)).text
    lone = column(hopeless, "group_hand", ["few"] * 7 + ["many"] * (n - 7))
    text = page(with_table(image, lone)).text
    assert "By hand: many is the only group to speak of, 0.0% robust." in text


def test_groups_that_break_alike_are_counted(image: Audit) -> None:
    n = image.table.num_rows
    thirds = column(image.table, "group_hand", ["abc"[i // 50] for i in range(n)])
    alike = with_table(image, column(thirds, "broken_by", ["FGSM"] * 100 + [None] * 50))
    assert first_to_break("hand", alike).startswith("By hand: a breaks first together with 1 more, 0.0% robust (")


def test_groups_too_small_to_speak_of_say_so(page: Write, image: Audit) -> None:
    small = column(image.table, "group_hand", [i % 6 for i in range(image.table.num_rows)])
    assert "Every group here has fewer than 30 rows: too few to speak of." in page(with_table(image, small)).text


def test_very_many_groups_are_cut_short_in_words(page: Write, image: Audit) -> None:
    n = image.table.num_rows
    rows = image.table.take([*range(n), *range(n)])
    many = column(rows, "group_hand", [i % 210 for i in range(2 * n)])
    written = page(with_table(image, many))
    assert len(written.table("By hand")) == 1 + 200
    assert "10 more groups are in the run folder's table of examples." in written.text


def test_ten_thousand_rows_take_seconds_and_little_room(large: Audit, tmp_path: Path) -> None:
    began = time.process_time()
    path = write_html(large, tmp_path / "large.html")
    assert time.process_time() - began < 3
    assert path.stat().st_size < 6_000_000
    assert len(large.by_group("who")) == 50


def test_a_report_is_replaced_whole(image: Audit, other: Audit, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert write_html(image, str(path)) == path
    first = path.read_text(encoding="utf-8")
    write_html(other, path)
    assert path.read_text(encoding="utf-8") != first
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("audits", ["runs/a", 3, None, [1, 2], {"a": "runs/a"}])
def test_what_is_no_audit_is_refused(audits: Any, tmp_path: Path) -> None:
    with pytest.raises(InputTypeError, match=r"give (an audit|what audit or load_audit returned)"):
        write_html(audits, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_no_audit_and_a_folder_are_refused(image: Audit, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no audit to report on"):
        write_html({}, tmp_path / "report.html")
    with pytest.raises(InputError, match="is a folder; name a file"):
        write_html(image, tmp_path)


@pytest.mark.parametrize("harm", ["cut", "tensor gone", "rows out of range"])
def test_a_damaged_gallery_is_named(image: Audit, tmp_path: Path, harm: str) -> None:
    stored = load_audit(image.save(tmp_path / "run"))
    path = stored.folder / "gallery.safetensors"
    tensors = load_file(path)
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif harm == "tensor gone":
        save_file({name: values for name, values in tensors.items() if name != "x_adv"}, path)
    else:
        save_file(tensors | {"id": np.full_like(tensors["id"], 10_000)}, path)
    with pytest.raises(InputError, match=r"gallery.safetensors .*Run the audit again"):
        write_html(stored, tmp_path / "report.html")
