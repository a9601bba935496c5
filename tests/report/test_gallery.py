"""Broken rows to look at: the pictures and values are those of the run folder."""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pages import Page, decode
from safetensors.numpy import load_file, save_file

from brinell.evaluation import Audit, load_audit
from brinell.report.gallery import gallery_of
from brinell.report.words import attacker

Write = Callable[..., Page]


def pictures(written: Page) -> list[NDArray[np.uint8]]:
    found = [decode(base64.b64decode(tag["src"].partition(",")[2])) for tag in written.all("img")]
    assert len(found) % 3 == 0
    return found


def bytes_of(x: NDArray[Any]) -> NDArray[Any]:
    """Images (N, C, H, W) in 0..1 as the pictures that should be shown."""
    return np.moveaxis((x.astype(np.float64) * 255).round(), 1, -1).squeeze(-1 if x.shape[1] == 1 else ())


@pytest.mark.parametrize("name", ["image", "colour"])
def test_pictures_are_the_inputs(page: Write, name: str, request: pytest.FixtureRequest) -> None:
    audit: Audit = request.getfixturevalue(name)
    tensors = load_file(audit.folder / "gallery.safetensors")
    shown = pictures(page(audit))
    assert np.array_equal(shown[0::3], bytes_of(tensors["x"]))
    assert np.array_equal(shown[2::3], bytes_of(tensors["x_adv"]))


def test_the_change_is_magnified_about_grey_and_the_factor_stated(page: Write, image: Audit) -> None:
    tensors = load_file(image.folder / "gallery.safetensors")
    change = (tensors["x_adv"] - tensors["x"]).astype(np.float64)[:, 0]
    written, factor = page(image), gallery_of(image).factor
    assert 0.45 <= factor * np.abs(change).max() <= 0.5
    assert f"the change times {factor:.3g} (grey means no change)" in written.text
    shown = np.array(pictures(written)[1::3]).astype(float)
    assert np.abs(shown - (127.5 + 255 * factor * change)).max() <= 0.51
    assert (np.abs(shown[change == 0] - 127.5) <= 0.5).all()


def test_captions_and_alternatives_say_what_happened(page: Write, image: Audit) -> None:
    written = page(image)
    rows = {row["id"]: row for row in image.table.to_pylist()}
    ids = load_file(image.folder / "gallery.safetensors")["id"].tolist()
    alternatives = [tag["alt"] for tag in written.all("img")]
    for row, texts in zip((rows[i] for i in ids), zip(*[iter(alternatives)] * 3, strict=True), strict=True):
        change = (
            f"{row['clean_prediction']} {row['clean_confidence']:.1%} → {row['adversarial_prediction']} "
            f"{row['adversarial_confidence']:.1%}"
        )
        assert f"{change} true label {row['label']}, row {row['id']}" in written.text
        assert f"{row['broken_by']}, distance {row['distance']:.4g}" in written.text
        assert texts[0] == f"Clean input of row {row['id']}, true label {row['label']}"
        assert texts[1].startswith(f"Change of row {row['id']}, times ")
        assert texts[2] == f"Adversarial input of row {row['id']}, taken for {row['adversarial_prediction']}"


@pytest.mark.parametrize("name", ["table", "wave"])
def test_other_inputs_show_the_values_that_changed_most(page: Write, name: str, request: pytest.FixtureRequest) -> None:
    audit: Audit = request.getfixturevalue(name)
    tensors = load_file(audit.folder / "gallery.safetensors")
    written = page(audit)
    assert written.all("img") == []
    lines = {int(row[0]): row for row in written.table(str(len(gallery_of(audit).exhibits)))[1:]}
    assert 1 <= len(lines) <= 30
    for i, x, x_adv in zip(tensors["id"].tolist(), tensors["x"], tensors["x_adv"], strict=True):
        if i not in lines:
            continue
        size = np.abs(x_adv.astype(np.float64) - x.astype(np.float64))
        place = np.unravel_index(size.argmax(), size.shape)
        position = ", ".join(map(str, map(int, place)))
        assert lines[i][2].startswith(f"[{position}] {x[place]:.4g} → {x_adv[place]:.4g}")
        assert lines[i][3] == f"{(x != x_adv).sum()} of {x.size}"


def test_names_of_columns_and_classes_stand_where_numbers_would(page: Write, people: Audit) -> None:
    facts = people.record.settings.data
    written = page(people)
    assert not re.search(r"\[\d+\]|label \d", written.text)
    assert "Column before → after" in written.text
    lines = written.table(str(len(gallery_of(people).exhibits)))[1:]
    changes = [change for row in lines for change in re.findall(r"(\S.*?) [\d.e-]+ → [\d.e-]+", row[2])]
    assert set(changes) == set(facts.columns or ())
    assert all(any(f"true label {name}" in row[1] for name in facts.classes or ()) for row in lines)
    assert {row[0].removesuffix(" small") for row in written.table("By class")[1:]} == set(facts.classes or ())
    pairs = written.table("Broken rows by true class")[1:]
    assert {cell for row in pairs for cell in row[:2]} <= set(facts.classes or ())
    worst = str(people.worst_group("class").group)
    assert f"By class: {worst} breaks first" in written.text


def test_a_wanted_label_is_named(people: Audit) -> None:
    settings = people.record.settings.model_copy(update={"goal": "toward 2"})
    assert "wants the wrong label above" in attacker(people.record.model_copy(update={"settings": settings}))


def test_without_examples_the_page_says_why(page: Write, other: Audit) -> None:
    written = page(other)
    assert 'examples="none": it kept no inputs to show' in written.text
    assert written.all("img") == []


def test_a_lost_gallery_and_an_unbroken_model_are_said(page: Write, image: Audit, tmp_path: Path) -> None:
    stored = load_audit(image.save(tmp_path / "run"))
    (stored.folder / "gallery.safetensors").unlink()
    assert "gallery.safetensors is not in the run folder any more" in page(stored).text
    stages = tuple(stage.model_copy(update={"after": stage.before}) for stage in image.record.stages)
    unbroken = Audit(image.record.model_copy(update={"stages": stages}), stored.folder)
    assert "No attack broke a row, so there is nothing to show." in page(unbroken).text


def broken_rows(audit: Audit) -> NDArray[np.int64]:
    return np.array([row["id"] for row in audit.table.to_pylist() if row["broken_by"] not in (None, "clean")])


def replaced(audit: Audit, folder: Path, x: NDArray[Any], x_adv: NDArray[Any]) -> Audit:
    """The audit with other inputs in its gallery."""
    stored = load_audit(audit.save(folder))
    ids = np.resize(broken_rows(audit), len(x))
    save_file({"id": ids, "x": x, "x_adv": x_adv}, stored.folder / "gallery.safetensors")
    return stored


@pytest.mark.parametrize(
    ("low", "high", "span"),
    [(0.1, 0.9, (0, 1)), (-0.5, 0.5, (-1, 1)), (3.0, 250.0, (0, 255)), (-2.0, 2.5, (-2, 2.5)), (7.0, 7.0, (0, 255))],
)
def test_the_scale_fits_the_data(
    image: Audit, tmp_path: Path, low: float, high: float, span: tuple[float, float]
) -> None:
    x = np.linspace(low, high, 4 * 64, dtype=np.float32).reshape(4, 1, 8, 8)
    shown = gallery_of(replaced(image, tmp_path / "run", x, x[::-1].copy()))
    assert (shown.low, shown.high) == span


def test_pictures_without_a_channel_axis_are_shown(page: Write, image: Audit, tmp_path: Path) -> None:
    x = np.linspace(0, 1, 4 * 30, dtype=np.float32).reshape(4, 6, 5)
    shown = pictures(page(replaced(image, tmp_path / "run", x, x[::-1].copy())))
    assert np.array_equal(shown[0::3], bytes_of(x[:, None]))


def test_inputs_that_did_not_change_are_grey(page: Write, image: Audit, tmp_path: Path) -> None:
    x = np.full((2, 1, 8, 8), 0.25, np.float32)
    shown = pictures(page(replaced(image, tmp_path / "run", x, x)))
    assert {int(value) for value in shown[1].flat} == {128}


@pytest.mark.parametrize("size", [32, 224])
def test_the_page_stays_small_whatever_the_pictures(page: Write, image: Audit, tmp_path: Path, size: int) -> None:
    noise = np.random.default_rng(0).random((60, 3, size, size), np.float32)  # nothing compresses worse
    written = page(replaced(image, tmp_path / "run", noise, noise[::-1].copy()))
    assert len(written.all("img")) >= 9
    assert len(written.source.encode()) < 6_000_000


def test_large_pictures_are_fewer(page: Write, image: Audit, tmp_path: Path) -> None:
    x = np.zeros((60, 3, 200, 200), np.float32)
    stored = replaced(image, tmp_path / "run", x, x)
    shown = gallery_of(stored)
    ids = [exhibit.row["id"] for exhibit in shown.exhibits]
    assert 1 < len(ids) < 60
    every = np.resize(broken_rows(image), 60)
    assert (ids, shown.kept) == (every[: len(ids)].tolist(), 60)
    assert f"{len(ids)} broken rows of the 60 in the run folder" in page(stored).text
