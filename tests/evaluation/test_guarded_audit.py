"""Models behind sanitisers in an audit: attacked through them, the static number beside the adaptive one."""

from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

import brinell as br
from brinell.report import replay
from helpers import generator


class Scene(NamedTuple):
    """A linear model of pictures (1, 16, 16) that reads two things: which half is brighter, which every picture shows,
    and a pattern of fine noise, which none does and no small file keeps. An attacker of eps 0.15 can turn either."""

    model: br.Classifier
    x: Tensor
    y: Tensor


EPS = 0.15


@pytest.fixture(scope="module")
def scene() -> Scene:
    place = torch.arange(16)
    halves = torch.where(place < 8, 1.0, -1.0).expand(16, 16)
    signs = [torch.randperm(64, generator=generator(block)).reshape(8, 8) % 2 for block in range(4)]  # as many of each
    grain = 4.0 * torch.cat([torch.cat(signs[:2]), torch.cat(signs[2:])], 1) - 2
    net = nn.Sequential(nn.Flatten(), nn.Linear(256, 2))
    with torch.no_grad():
        net[1].weight.copy_(torch.stack([torch.zeros(256), 0.1 * (halves + grain).flatten()]))
        net[1].bias.zero_()
    y = torch.arange(64) % 2
    noise = 0.02 * torch.randn(64, 1, 16, 16, generator=generator(4))
    x = 0.5 + 0.1 * (2 * y[:, None, None, None] - 1) * halves + noise
    return Scene(br.Classifier(net, bounds=(0, 1)).eval(), x, y)


def audited(scene: Scene, model: br.Classifier, eps: float = EPS, **options: object) -> br.Audit:
    return br.audit(model, (scene.x, scene.y), br.Linf(eps), effort="quick", **options)  # type: ignore[arg-type]


def test_a_file_stops_the_static_attack_only(scene: Scene, tmp_path: Path) -> None:
    bare = audited(scene, scene.model)
    safe = br.sanitised(scene.model, br.JPEG(10))
    audit = audited(scene, safe, out=tmp_path / "run")
    assert bare.static_accuracy is None
    assert bare.robust_accuracy.hits == 0
    assert audit.static_accuracy is not None
    assert audit.static_accuracy.value > 0.9
    assert audit.robust_accuracy.value <= bare.robust_accuracy.value + 0.02
    assert audit.diagnosis is not None
    assert audit.diagnosis.concerns == ()
    facts = audit.record.settings
    assert facts.model.guards[0].label == "JPEG(quality=10)"
    assert "BPDA" in facts.model.guards[0].adaptive
    assert facts.model.sha256 == bare.record.settings.model.sha256
    assert facts.model.network == "Sequential"
    assert facts.cascade[0].kind == "Static"
    assert br.load_audit(tmp_path / "run") == audit
    assert br.verify(tmp_path / "run", safe, (scene.x, scene.y)).fine
    found = br.verify(tmp_path / "run", br.sanitised(scene.model, br.JPEG(11)), (scene.x, scene.y))
    assert "guards: JPEG(quality=10) in the record, JPEG(quality=11) here" in str(found)
    page = br.write_html(audit, tmp_path / "report.html").read_text()
    assert "Before the model: JPEG(quality=10). Static" in page
    assert "Static, by examples made for the bare model" in page
    assert "Before the model" in br.render(audit, "markdown")
    assert "Static" not in replay.replay(audit.record).code


@pytest.mark.parametrize("sanitiser", [br.BitDepth(4), br.Median(3), br.RandomResizePad(0.9)], ids=repr)
def test_what_is_attacked_adaptively_stands_no_better_than_the_bare_model(scene: Scene, sanitiser: object) -> None:
    audit = audited(scene, br.sanitised(scene.model, sanitiser, samples=3), diagnose=False)  # type: ignore[arg-type]
    assert audit.clean_accuracy.value > 0.95
    assert audit.robust_accuracy.value <= 0.02


def test_broken_rows_are_judged_with_other_draws_as_well(scene: Scene, tmp_path: Path) -> None:
    safe = br.sanitised(scene.model, br.RandomResizePad(0.9), samples=3)
    audit = audited(scene, safe, diagnose=False, out=tmp_path / "run")
    redrawn = audit.record.redrawn
    assert redrawn is not None
    assert redrawn.n == audit.clean_accuracy.hits - audit.robust_accuracy.hits
    assert audit.table["redrawn"].to_pylist().count(True) == redrawn.hits
    assert redrawn.hits > redrawn.n / 2
    assert br.verify(tmp_path / "run", safe, (scene.x, scene.y)).fine
    assert audited(scene, scene.model, diagnose=False).record.redrawn is None


def test_a_static_success_counts(scene: Scene) -> None:
    """Where the cascade is too weak to find anything itself, what falls to static examples is broken all the same."""
    safe = br.sanitised(scene.model, br.BitDepth(6))
    audit = br.audit(safe, (scene.x, scene.y), br.Linf(EPS), cascade=(lambda model, x, y: x,), diagnose=False)
    assert audit.robust_accuracy.hits == 0
    assert audit.table["broken_by"].to_pylist().count("static (40 steps on the bare model)") == 64


def test_a_budget_covers_the_static_attack(scene: Scene) -> None:
    safe = br.sanitised(scene.model, br.JPEG(10))
    audit = br.audit(safe, (scene.x, scene.y), br.Linf(0.02), budget=12, diagnose=False)
    spent = audit.table["gradients"].to_numpy().mean() + audit.table["forwards"].to_numpy().mean() / 3
    assert 0 < spent <= 12


def test_a_curve_goes_through_the_sanitiser(scene: Scene) -> None:
    safe = br.sanitised(scene.model, br.JPEG(10))
    curve = br.robustness_curve(safe, (scene.x, scene.y), br.Linf(EPS), effort="quick", shares=(0.05, 1.0))
    assert [point.robust_accuracy.hits for point in curve.points] == [64, 0]


def test_somebody_elses_examples_alone_are_judged_as_they_are(scene: Scene) -> None:
    audit = br.audit(
        br.sanitised(scene.model, br.JPEG(10)), (scene.x, scene.y), br.Linf(EPS), cascade=(), diagnose=False,
        examples_from=scene.x.numpy(),
    )  # fmt: skip
    assert audit.static_accuracy is None
    assert len(audit.record.stages) == 1


def test_a_detector_that_stops_the_static_attack_falls_to_one_that_knows_of_it(scene: Scene, tmp_path: Path) -> None:
    detector = br.FeatureSqueezing(scene.model, (br.JPEG(10),)).calibrated(scene.x[:32], false_alarms=0.1)
    audit = audited(scene, detector, 0.2, out=tmp_path / "run", groups={"half": torch.arange(64) // 32})
    assert audit.false_alarms is not None
    assert audit.false_alarms.n == 64
    assert audit.false_alarms.hits == int((detector.scores(scene.x) > detector.threshold).sum())
    assert audit.clean_accuracy.hits == 64 - audit.false_alarms.hits  # the model itself is right on all
    assert audit.static_accuracy is not None
    assert audit.static_accuracy.value > 0.8
    assert audit.robust_accuracy.value <= 0.02
    predicted = torch.tensor(audit.table["adversarial_prediction"].to_pylist())
    fell = torch.tensor([name not in (None, "clean") for name in audit.table["broken_by"].to_pylist()])
    assert fell.any()
    assert (predicted[fell] != 2).all()  # none of them is turned away
    assert (predicted[fell] != scene.y[fell]).all()
    assert br.verify(tmp_path / "run", detector, (scene.x, scene.y), groups={"half": torch.arange(64) // 32}).fine
    page = br.write_html(audit, tmp_path / "report.html").read_text()
    assert "false alarms, which count as wrong" in page
    assert "not to be turned away" in page


def test_a_wanted_label_under_a_detector(scene: Scene) -> None:
    detector = br.FeatureSqueezing(scene.model, (br.JPEG(10),)).calibrated(scene.x[:32], false_alarms=0.1)
    audit = audited(scene, detector, 0.2, goal=br.Toward(1), diagnose=False)
    ones = audit.by_group("class")[1]
    assert ones.robust_accuracy.hits == ones.clean_accuracy.hits  # they are there already
    assert audit.by_group("class")[0].robust_accuracy.value <= 0.05
