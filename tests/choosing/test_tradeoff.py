"""Clean against robust accuracy: a training for each value, kept as it is done, and drawn."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import brinell as br
from brinell.report.tradeoff import _Axis
from brinell.statistics import Rate

THREAT = br.Linf(0.05)
OVER = {"steps": [1, 2]}


def rows(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.rand(n, 6, generator=torch.Generator().manual_seed(seed))
    return x, (x.sum(1) > 3).long()


TRAIN, TEST = rows(96, 0), rows(60, 1)


def fresh(seed: int = 0) -> br.Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return br.Classifier(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)), bounds=(0, 1))


def drawn(**more: Any) -> br.Tradeoff:
    given: dict[str, Any] = {"over": OVER, "test": TEST, "effort": "quick", "epochs": 2} | more
    return br.tradeoff(fresh(), TRAIN, THREAT, br.PGDTraining(), **given)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, br.Tradeoff]:
    folder = tmp_path_factory.mktemp("tradeoff") / "out"
    return folder, drawn(out=folder)


def test_each_point_is_what_harden_and_audit_say(kept: tuple[Path, br.Tradeoff]) -> None:
    _, found = kept
    assert [(point.value, point.seed, point.epochs) for point in found.points] == [(1, 0, 2), (2, 0, 2)]
    for point in found.points:
        hard = br.harden(fresh(), TRAIN, THREAT, recipe=br.PGDTraining(steps=point.value), epochs=2)
        audit = br.audit(hard, TEST, THREAT, effort="quick")
        assert (point.clean_accuracy, point.robust_accuracy) == (audit.clean_accuracy, audit.robust_accuracy)
        assert point.verdict == audit.verdict
        assert point.seconds is not None
    assert "one training with one seed" in str(found)
    assert "upper bound" in str(found)


def test_a_folder_keeps_what_is_done(kept: tuple[Path, br.Tradeoff], monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(*args: Any, **more: Any) -> None:
        raise AssertionError

    folder, found = kept
    assert br.load_audit(folder / "steps-2-seed-0" / "audit").robust_accuracy == found.points[1].robust_accuracy
    monkeypatch.setattr("brinell.defenses.step.Learner.step", stops)
    (folder / "steps-2-seed-0" / "point.json").unlink()  # killed before the end of the audit
    assert drawn(out=folder).points == found.points
    monkeypatch.setattr("brinell.choosing.trainings.audit", stops)
    assert drawn(out=folder).points == found.points
    facts = json.loads((folder / "tradeoff.json").read_text())
    assert [point["robust"]["hits"] for point in facts["points"]] == [point.robust.hits for point in found.points]
    assert facts["terms"]["recipe"] == "PGDTraining(rel_step=None, warmup=0.33, rel_eps=1.0)"


@pytest.mark.parametrize("more", [{"epochs": 3}, {"over": {"steps": [1, 3]}}, {"seeds": 2}, {"effort": "standard"}])
def test_another_one_in_the_same_folder_is_refused(more: dict[str, Any], kept: tuple[Path, br.Tradeoff]) -> None:
    with pytest.raises(br.InputError, match="holds another trade-off"):
        drawn(out=kept[0], **more)


def test_a_training_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from brinell.defenses import Learner

    step, left = Learner.step, [7]  # of 2 trainings of 2 epochs of 2 steps

    def stops(self: Any, *args: Any, **more: Any) -> float:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return step(self, *args, **more)

    monkeypatch.setattr(Learner, "step", stops)
    with pytest.raises(KeyboardInterrupt):
        drawn(out=tmp_path / "t")
    monkeypatch.setattr(Learner, "step", step)
    found = drawn(out=tmp_path / "t")
    assert [point.clean for point in found.points] == [point.clean for point in drawn().points]
    assert found.points[0].seconds is not None
    assert found.points[1].seconds is None


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(FileExistsError, match="is not empty"):
        drawn(out=tmp_path)


def test_a_damaged_point_is_named(kept: tuple[Path, br.Tradeoff]) -> None:
    path = kept[0] / "steps-1-seed-0" / "point.json"
    text = path.read_text()
    path.write_text("{")
    with pytest.raises(br.InputError, match="is damaged"):
        drawn(out=kept[0])
    path.write_text(text)


def test_the_page_and_the_drawing_show_every_point(kept: tuple[Path, br.Tradeoff], tmp_path: Path) -> None:
    found = kept[1]
    page = found.write_html(tmp_path / "new" / "a.html").read_text()
    assert "<script" not in page
    assert "default-src 'none'" in page
    root = ET.fromstring(found.save(tmp_path / "a.svg").read_text())
    assert page.count("<circle") == len(root.findall(".//{*}circle")) == 4
    for point in found.points:
        assert f"steps {point.value}: clean {point.clean_accuracy.value:.1%}" in root.attrib["aria-label"]
        assert f"{point.robust_accuracy.value:.1%}" in page
    for caveat in found.caveats:
        assert caveat in page
    assert json.loads(found.save(tmp_path / "a.json").read_text()) == json.loads(found.to_json())


@pytest.mark.parametrize("name", ["a.png", "a", "."])
def test_other_files_are_refused(name: str, kept: tuple[Path, br.Tradeoff], tmp_path: Path) -> None:
    with pytest.raises(br.InputError, match=r"end it in \.html, \.svg, \.json"):
        kept[1].save(tmp_path / name)
    with pytest.raises(br.InputError, match="name a page"):
        kept[1].write_html(tmp_path / "a.svg")


def test_seeds_show_how_trainings_differ(tmp_path: Path) -> None:
    found = drawn(seeds=2)
    assert [(point.value, point.seed) for point in found.points] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    for mean, pair in zip(found.means, (found.points[:2], found.points[2:]), strict=True):
        assert mean.robust == pytest.approx(sum(point.robust_accuracy.value for point in pair) / 2)
    assert "one seed" not in str(found)
    assert found.save(tmp_path / "a.svg").read_text().count("<circle") == 6


def test_models_may_be_given_trained() -> None:
    found = br.tradeoff([fresh(1), fresh(2)], None, THREAT, None, over={"epochs": [5, 10]}, test=TEST, effort="quick")
    expected = br.audit(fresh(2), TEST, THREAT, effort="quick").robust_accuracy
    assert found.points[1].robust_accuracy == expected
    assert {(point.seconds, point.epochs) for point in found.points} == {(None, None)}
    assert "given trained" in str(found)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"over": {"beta": [1, 2]}}, "PGDTraining has no parameter 'beta'; it has steps"),
        ({"over": {"steps": [1, 2], "warmup": [0, 1]}}, "give one parameter"),
        ({"over": {"steps": [1]}}, "at least two"), ({"over": {"steps": [1, 1]}}, "each once"),
        ({"over": {"steps": [1, 0]}}, "steps is 0"),
        ({"seeds": 0}, "seeds is 0"), ({"test": TRAIN}, "the same rows"),
    ],
)  # fmt: skip
def test_wrong_use(more: dict[str, Any], says: str) -> None:
    with pytest.raises(br.InputError, match=says):
        drawn(**more)


def test_wrong_models_and_recipes_are_refused() -> None:
    with pytest.raises(br.InputError, match="1 models are given for 2 values"):
        br.tradeoff([fresh()], None, THREAT, None, over=OVER, test=TEST)
    with pytest.raises(br.InputError, match="without recipe"):
        br.tradeoff([fresh(), fresh()], TRAIN, THREAT, br.PGDTraining(), over=OVER, test=TEST)
    with pytest.raises(br.InputError, match="the recipe is None"):
        br.tradeoff(fresh(), TRAIN, THREAT, None, over=OVER, test=TEST)


@pytest.mark.parametrize("rates", [[Rate(0, 10)], [Rate(10, 10)], [Rate(950, 1000), Rate(970, 1000)], [Rate(1, 3)]])
def test_an_axis_has_room_for_every_interval(rates: list[Rate]) -> None:
    axis = _Axis.over(rates, 0, 100)
    for rate in rates:
        assert axis.low - 1e-9 <= rate.wilson.low <= rate.wilson.high <= axis.high + 1e-9
    assert axis.ticks[0] == axis.low
    assert 2 <= len(axis.ticks) <= 9
    assert float(axis.at(axis.high)) == 100
