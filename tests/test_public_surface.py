"""The public surface works as DESIGN's example has it: names outside the project rely on."""

import inspect
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

import brinell as br
from brinell.attacks import Attack
from brinell.defenses import Recipe
from brinell.models import Sanitiser
from brinell.threats import Ball
from helpers import IMAGE, curved, points

NAMES = {
    "Classifier", "Linf", "L2", "L1", "L0", "threat", "THREATS", "FGSM", "BIM", "PGD", "MomentumPGD", "APGD", "Square",
    "FAB", "BasinHopping", "ATTACKS", "Away", "Toward", "attack", "AttackResult", "audit", "Audit", "load_audit",
    "write_html", "harden", "Standard", "Tutorial", "FastFGSM", "PGDTraining", "RECIPES", "Rate", "InputError",
    "SmallCNN", "TutorialCNN", "cascades", "tutorial_classifier", "load_weights", "save_weights", "verify",
    "Verification", "Discrepancy", "compare", "Comparison", "robustness_curve", "RobustnessCurve", "spread", "Spread",
    "BPDA", "EOT", "with_layers", "diagnose", "Diagnosis", "Finding", "Frame", "read_dataset", "read_images",
    "read_table", "load_model", "render", "export", "write_pictures", "Pictures", "metric_frame", "log_mlflow",
    "record_schema", "Demand", "NFGSM", "TRADES", "AWP", "Gaussian", "DefensiveDistillation", "training_cost",
    "TrainingCost", "advise", "Advice", "Situation", "sanitised", "SANITISERS", "BitDepth", "JPEG", "Median",
    "RandomResizePad", "FeatureSqueezing", "Training", "Shift", "Flip", "Noise", "ColorJitter", "Affine",
    "certify", "Certificate", "load_certificate", "IntervalBounds", "Smoothing", "METHODS", "IBP",
    "CertificateBrokenError", "UnsupportedLayerError", "tradeoff", "Tradeoff", "save_memory",
}  # fmt: skip
CLASSES = [name for name in NAMES if name not in ("THREATS", "ATTACKS", "RECIPES", "SANITISERS", "METHODS")]


@pytest.fixture(scope="module")
def model() -> br.Classifier:
    return br.Classifier(curved(IMAGE), bounds=(0.0, 1.0), normalize=([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])).eval()


@pytest.fixture(scope="module")
def rows(model: br.Classifier) -> tuple[torch.Tensor, torch.Tensor]:
    x = points(IMAGE, 60)
    with torch.no_grad():
        return x, model(x).argmax(1)


def test_the_names_are_those_that_are_promised() -> None:
    assert set(br.__all__) == NAMES
    assert set(br.__all__) <= set(dir(br))
    assert isinstance(br.__version__, str)
    with pytest.raises(AttributeError, match="no attribute 'FGSMM'"):
        _ = br.FGSMM  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_export_says_what_it_is(name: str) -> None:
    export = getattr(br, name)
    text = inspect.getdoc(export)
    assert text
    assert len(text.split()) >= 4
    assert not text.startswith(f"{name}(")  # what a dataclass writes by itself
    assert export.__module__.startswith("brinell.")


@pytest.mark.parametrize(
    ("table", "kind"),
    [(br.ATTACKS, Attack), (br.RECIPES, Recipe), (br.THREATS, Ball), (br.SANITISERS, Sanitiser)],
    ids=["attacks", "recipes", "threat sets", "sanitisers"],
)
def test_the_tables_hold_what_is_exported(table: dict[str, type], kind: type) -> None:
    exports = {name: getattr(br, name) for name in br.__all__}
    exported = {name: value for name, value in exports.items() if isinstance(value, type) and issubclass(value, kind)}
    assert len(exported) >= 4
    assert {name.lower(): value for name, value in table.items()} == {
        name.lower(): value for name, value in exported.items()
    }


def test_every_attack_and_recipe_names_its_source() -> None:
    for name, kind in [*br.ATTACKS.items(), *br.RECIPES.items(), *br.SANITISERS.items()]:
        assert kind is getattr(br, name)
        assert name == "Standard" or kind.source.startswith("arXiv:")
        assert kind() == kind()
        assert name == "Standard" or kind.source in (inspect.getdoc(kind) or "")


@pytest.mark.parametrize(
    ("text", "threat"),
    [("linf:8/255", br.Linf("8/255")), ("linf:0.3", br.Linf(0.3)), ("l2:0.5", br.L2(0.5)), ("l1:3", br.L1(3)),
     ("l0:5", br.L0(5))],
)  # fmt: skip
def test_a_threat_set_in_words(text: str, threat: Any) -> None:
    assert br.threat(text) == threat
    assert br.threat(str(threat)) == threat
    assert br.threat(text).eps == pytest.approx(8 / 255 if "/" in text else float(text.partition(":")[2]))


def test_an_attack_gives_a_tensor_like_x(model: br.Classifier, rows: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = rows
    threat = br.Linf("8/255")
    x_adv = br.PGD(steps=40)(model, x, y, threat, seed=0)
    assert (x_adv.shape, x_adv.dtype) == (x.shape, x.dtype)
    assert threat.contains(x_adv, x).all()
    wanted = (y + 1) % 3
    part = br.PGD(steps=5)(model, x[5:9], y[5:9], threat, goal=br.Toward(wanted[5:9]), ids=[5, 6, 7, 8])
    whole = br.PGD(steps=5)(model, x, y, threat, goal=br.Toward(wanted))
    torch.testing.assert_close(part, whole[5:9], rtol=0, atol=1e-5)


@pytest.mark.parametrize("threat", [br.Linf(0.1), br.L2(0.5), br.L1(2.0), br.L0(4)], ids=str)
def test_a_judged_attack(model: br.Classifier, rows: tuple[torch.Tensor, torch.Tensor], threat: Any) -> None:
    x, y = rows
    result = br.attack(br.PGD(steps=10), model, x, y, threat, seed=0)
    assert result.x_adv.shape == x.shape
    assert (result.success.shape, result.success.dtype) == ((60,), torch.bool)
    assert result.distance.shape == (60,)
    assert (result.distance <= threat.eps * (1 + 1e-5)).all()
    rate = result.robust_accuracy
    assert (rate.n, rate.hits) == (60, 60 - int(result.success.sum()))
    assert 0 <= rate.low <= rate.value <= rate.high <= 1


def test_the_main_job(
    model: br.Classifier, rows: tuple[torch.Tensor, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = rows
    monkeypatch.chdir(tmp_path)
    audit = br.audit(model, (x, y), br.Linf(0.05), groups={"class": y}, effort="quick", seed=0)
    assert isinstance(audit, br.Audit)
    assert isinstance(audit.clean_accuracy, br.Rate)
    assert (audit.clean_accuracy.value, audit.robust_accuracy.n) == (1.0, 60)
    for row in audit.by_group("class"):
        assert row.n == row.clean_accuracy.n == row.robust_accuracy.n == int((y == row.group).sum())
    assert audit.worst_group("class").group in y.tolist()
    gap = audit.gap("class")
    assert math.isnan(gap.value) or gap.low <= gap.value <= gap.high
    assert audit.x_adv.shape == x.shape
    assert isinstance(audit.table, pa.Table)
    assert audit.table.num_rows == 60
    audit.save("runs/a")
    assert br.load_audit("runs/a") == audit
    assert br.write_html(audit, "report.html").read_text().startswith("<!doctype html>")
    own = br.audit(model, (x, y), br.Linf(0.05), cascade=(br.FGSM(), lambda model, x, y: x))
    assert len(own.record.stages) == 2


def test_a_harder_model(model: br.Classifier, rows: tuple[torch.Tensor, torch.Tensor], tmp_path: Path) -> None:
    hard = br.harden(model, rows, br.Linf(0.05), recipe=br.FastFGSM(), epochs=2, seed=0)
    assert isinstance(hard, br.Classifier)
    assert hard is not model
    br.save_weights(hard, tmp_path / "hard.safetensors")
    again = br.Classifier(curved(IMAGE, seed=9), bounds=(0.0, 1.0), normalize=(0.5, 0.5)).eval()
    br.load_weights(again, tmp_path / "hard.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(again(rows[0]), hard(rows[0]))


@pytest.mark.parametrize("net", [br.SmallCNN, br.TutorialCNN])
def test_reference_networks(net: Any) -> None:
    for model in (br.Classifier(net(), (0, 1)), br.tutorial_classifier()):
        assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_wrong_use_is_a_value_error() -> None:
    assert issubclass(br.InputError, ValueError)
    with pytest.raises(br.InputError):
        br.Linf(-1)
