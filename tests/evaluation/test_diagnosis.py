"""The verdict: sound on models that can be attacked by gradients, doubtful or unsound on those that hide them."""

from collections.abc import Callable
from pathlib import Path

import masks
import pytest
import torch
from torch import nn

import brinell as br
from brinell.data import read, stratified
from brinell.evaluation.diagnosis import CHECKS
from brinell.evaluation.diagnosis.afterwards import Late, finding, latecomers
from brinell.evaluation.diagnosis.trial import more_often, surely_above, surely_below
from brinell.evaluation.record import AttackFacts, StageResult
from helpers import IMAGE, TABLE, WAVE, Space, curved, points

THREAT = br.Linf(0.3)
Data = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(scope="module")
def train() -> Data:
    rows = read("digits:train")
    return rows.block(slice(0, 4000, 2))


@pytest.fixture(scope="module")
def test() -> Data:
    return stratified(read("digits"), 80, 0).block(slice(0, 80))


@pytest.fixture(scope="module")
def trained(train: Data) -> Callable[..., br.Classifier]:
    def fit(net: nn.Module, recipe: br.Standard | br.PGDTraining = br.Standard(), epochs: int = 2) -> br.Classifier:  # noqa: B008
        torch.manual_seed(0)
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.reset_parameters()
        return br.harden(br.Classifier(net, (0, 1)), train, THREAT, recipe=recipe, epochs=epochs, seed=0)

    return fit


@pytest.fixture(scope="module")
def plain(trained: Callable[..., br.Classifier]) -> br.Classifier:
    return trained(masks.small_network())


def names(diagnosis: br.Diagnosis) -> set[str]:
    return {finding.name for finding in diagnosis.concerns}


def test_a_plain_model_is_sound(plain: br.Classifier, test: Data) -> None:
    found = br.diagnose(plain, test, THREAT)
    assert found.verdict == "sound", str(found)
    assert [finding.outcome for finding in found.findings] == ["ok"] * len(CHECKS) + ["skipped"]
    assert f"by {len(CHECKS)} checks" in found.summary
    assert "no cascade was run; an audit counts what queries break after gradients" in str(found)
    assert 60 < found.rows < 80
    assert found == br.diagnose(plain, test, THREAT)


def test_an_adversarially_trained_model_is_sound(trained: Callable[..., br.Classifier], test: Data) -> None:
    hard = trained(masks.small_network(), br.PGDTraining(steps=2), epochs=3)
    found = br.diagnose(hard, test, THREAT)
    assert found.verdict == "sound", str(found)


@pytest.mark.data
def test_published_robust_weights_are_sound(test: Data) -> None:
    import os

    model = br.Classifier(br.SmallCNN(), (0, 1)).eval()
    br.load_weights(model, Path(os.environ["BRINELL_DATA"]) / "models" / "locuslab-mnist-pgd.safetensors")
    found = br.diagnose(model, test, THREAT)
    assert found.verdict == "sound", str(found)


@pytest.mark.parametrize("space", [IMAGE, TABLE, WAVE], ids=["image", "table", "wave"])
@pytest.mark.parametrize("classes", [1, 2, 3])
def test_any_shape_and_any_number_of_classes(space: Space, classes: int) -> None:
    model = br.Classifier(curved(space, classes), (space.low, space.high)).eval()
    x = points(space, 80)
    with torch.no_grad():
        y = model(x).argmax(1)
    for threat in (br.Linf(0.02 * space.width), br.L2(0.1 * space.width), br.L1(0.3 * space.width), br.L0(1)):
        found = br.diagnose(model, (x, y), threat)
        assert len(found.findings) == len(CHECKS) + 1  # and what it cannot look at
        assert "the gradient is that of the forward pass" not in names(found)
        assert "the output moves without jumps" not in names(found)


# What each check is for, by the name of a mask that it finds.
FINDS = {
    "input quantised": "the margin has a slope",
    "input quantised, straight through": "the gradient is that of the forward pass",
    "input squashed": "the slope reaches most inputs",
    "random resizing": "the output is not random",
    "temperature 1000": "cross-entropy has a slope",
    "gradient turned round": "the gradient beats random noise",
    "logits that depend on the batch": "a row's output does not depend on its batch",
    "logits rounded": "the output moves without jumps",
    "logits clipped": "the steps of an attack gain",
    "logits through a steep sigmoid": "one logit is on top",
    "through numpy": "gradients break more than queries do",
    "bit depth": "a large enough eps breaks everything",
    "JPEG-like": "the slope holds for a step of an attack",
}


@pytest.mark.parametrize("name", [*masks.BEFORE, *masks.AFTER])
def test_a_mask_before_or_after_the_network_is_found(name: str, plain: br.Classifier, test: Data) -> None:
    found = br.diagnose(br.Classifier(masks.masked(plain.net, name), (0, 1)).eval(), test, THREAT)
    assert found.verdict != "sound"
    assert all(finding.cause and finding.remedy for finding in found.concerns)
    assert FINDS.get(name) in {None} | names(found)


def test_the_masks_that_checks_are_tried_on_are_there() -> None:
    assert set(FINDS) <= {*masks.BEFORE, *masks.AFTER}
    assert len(set(FINDS.values())) == len(FINDS)


@pytest.mark.parametrize("name", masks.HIDDEN)
def test_a_mask_inside_the_network_is_found(name: str, trained: Callable[..., br.Classifier], test: Data) -> None:
    model = trained(masks.small_network(masks.HIDDEN[name]))
    assert br.diagnose(model, test, THREAT).verdict != "sound"


def test_the_model_and_the_random_state_are_as_they_were(plain: br.Classifier, test: Data) -> None:
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    state = torch.get_rng_state()
    plain.train()
    br.diagnose(plain, test, THREAT)
    assert plain.training
    plain.eval()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())
    assert all(parameter.requires_grad for parameter in plain.parameters())


def test_too_few_right_rows_are_no_ground_for_a_verdict(plain: br.Classifier, test: Data) -> None:
    found = br.diagnose(plain, (test[0][:9], test[1][:9]), THREAT)
    assert found.verdict == "doubtful"
    assert "at least 16 rows" in str(found)
    assert br.diagnose(plain, (test[0], (plain(test[0]).argmax(1) + 1) % 10), THREAT).rows == 0


class Leaning(nn.Module):
    """A network whose answer is nearly always the same."""

    def __init__(self, net: nn.Module, slope: float, classes: int = 10) -> None:
        super().__init__()
        self.net, self.slope = net, slope
        self.register_buffer("lean", 5 * torch.eye(classes)[3])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.slope * self.net(x) + self.lean


@pytest.mark.parametrize("slope", [0.0, 1e-4, 0.02], ids=["constant", "nearly", "leaning"])
def test_a_model_that_knows_one_answer_is_near_chance_and_hides_nothing(plain: br.Classifier, slope: float) -> None:
    rows = read("digits").block(slice(0, 1000, 3))
    leaning = br.Classifier(Leaning(plain.net, slope), (0, 1)).eval()
    found = br.diagnose(leaning, rows, THREAT)
    assert found.rows >= 16
    assert found.verdict == "doubtful", str(found)
    (concern,) = found.concerns
    assert concern.cause.startswith("Accuracy near chance")
    assert "rows are right, and 10.2% would be by chance" in concern.figures  # 34 of 334 are threes


def test_a_model_near_chance_that_gives_no_gradient_is_told_so(plain: br.Classifier) -> None:
    blind = br.Classifier(Leaning(masks.masked(plain.net, "through numpy"), 1e-4), (0, 1)).eval()
    assert br.diagnose(blind, read("digits").block(slice(0, 1000, 3)), THREAT).verdict == "unsound"


def test_an_audit_carries_the_verdict(plain: br.Classifier, test: Data, tmp_path: Path) -> None:
    masked = br.Classifier(masks.masked(plain.net, "bit depth"), (0, 1)).eval()
    audit = br.audit(masked, test, THREAT, cascade=(br.FGSM(),), out=tmp_path / "run")
    assert audit.verdict == "unsound"
    alone = br.diagnose(masked, test, THREAT)  # has no cascade to look at
    assert audit.diagnosis == alone.model_copy(update={"findings": alone.findings[:-1]})
    assert br.load_audit(tmp_path / "run").diagnosis == audit.diagnosis
    assert "unsound" in str(audit)
    page = br.write_html(audit, tmp_path / "report.html").read_text()
    assert "Verdict: unsound" in page
    assert "bit depth" in page  # among the causes
    without = br.audit(masked, test, THREAT, cascade=(br.FGSM(),), diagnose=False)
    assert without.verdict is None
    assert "Verdict: none" in br.write_html(without, tmp_path / "report.html").read_text()


def facts(label: str, access: str = "gradients", probes: bool = False) -> AttackFacts:
    return AttackFacts(label=label, kind=label, access=access, probes=probes, parameters={})


def stage(label: str, before: int, after: int, gradients: int = 0, forwards: int = 0) -> StageResult:
    return StageResult(
        label=label, before=before, after=after, alone=None, refused=0, gradients=gradients, forwards=forwards,
        unit="gradients", curve=(),
    )  # fmt: skip


def test_who_comes_after_the_gradients() -> None:
    cascade = (
        facts("early", "scores"), facts("walk"), facts("hop", probes=True), facts("again"), facts("ask", "labels"),
    )  # fmt: skip
    stages = (
        stage("early", 900, 800, forwards=90), stage("walk", 800, 600, 800), stage("hop", 600, 570, 1200, 1800),
        stage("again", 570, 560, 560), stage("ask", 560, 555, forwards=1680),
    )  # fmt: skip
    late = latecomers(cascade, stages, 1000)
    assert late == Late(("hop", "ask"), pytest.approx(1200 / 600 + 1 + 1), 35, 1000)
    assert late.matters
    blind = (stages[0], stage("walk", 800, 800), *stages[2:])
    assert latecomers(cascade[:3], blind[:3], 1000).labels == ()
    assert latecomers(cascade[:2], stages[:2], 1000).labels == ()


@pytest.mark.parametrize(
    ("broken", "again", "outcome"),
    [(0, 0, "ok"), (20, 0, "ok"), (30, 0, "warning"), (30, 12, "ok"), (60, 12, "warning")],
)  # fmt: skip
def test_what_only_queries_break_after_gradients_counts(broken: int, again: int, outcome: str) -> None:
    found = finding(Late(("hop",), 81.7, broken, 1000), again)
    assert found.outcome == outcome
    assert f"hop broke {broken} more of 1000 rows" in found.figures
    assert ("82 gradients a row, gradients alone break" in found.figures) is (broken > 20)


def test_what_falls_to_queries_gets_a_second_chance_with_gradients(plain: br.Classifier, test: Data) -> None:
    """Behind few gradients, many queries break rows that more gradients would break: no ground for a warning. Where a
    hook turns the gradients round, they break nothing."""
    cascade = (br.PGD(steps=1, rel_step=0.01, start="center"), br.Square(queries=150))
    threat = br.Linf(0.12)
    hidden = br.Classifier(masks.masked(plain.net, "gradient turned round"), (0, 1)).eval()
    for model, outcome in ((plain, "ok"), (hidden, "warning")):
        audit = br.audit(model, test, threat, cascade=cascade)
        assert audit.diagnosis is not None
        (found,) = (each for each in audit.diagnosis.findings if "Square" in each.figures)
        assert found.outcome == outcome
        assert "gradients alone break" in found.figures
        assert audit.robust_accuracy.hits < audit.clean_accuracy.hits - 10


@pytest.mark.data
@pytest.mark.parametrize(("name", "verdict"), [("fgsm", "doubtful"), ("pgd", "sound")])
def test_an_audit_sees_that_single_step_training_hides_gradients(name: str, verdict: str) -> None:
    import os

    model = br.Classifier(br.SmallCNN(), (0, 1)).eval()
    br.load_weights(model, Path(os.environ["BRINELL_DATA"]) / "models" / f"locuslab-mnist-{name}.safetensors")
    audit = br.audit(model, read("mnist").block(slice(0, 500)), THREAT, effort="quick", examples="none")
    assert audit.verdict == verdict, str(audit)


def test_a_model_without_gradients_is_audited_where_an_attack_needs_none(plain: br.Classifier, test: Data) -> None:
    blind = br.Classifier(masks.masked(plain.net, "through numpy"), (0, 1)).eval()
    with pytest.raises(br.InputError, match="gives no gradient"):
        br.audit(blind, test, THREAT, cascade=(br.FGSM(),))
    audit = br.audit(blind, test, THREAT, cascade=(br.FGSM(), lambda model, x, y: x.clamp(0.3, 0.7)))
    assert audit.verdict == "unsound"
    assert any("left out: FGSM" in warning for warning in audit.record.warnings)


def test_exact_tests() -> None:
    assert more_often(0, 0) == more_often(0, 7) == 1
    assert more_often(10, 0) == pytest.approx(2**-10)
    assert more_often(3, 1) == pytest.approx(5 / 16)
    assert surely_above(0, 10, 0.01) == 0
    assert surely_above(10, 10, 0.01) == pytest.approx(0.01**0.1)
    assert surely_below(0, 10, 0.01) == pytest.approx(1 - 0.01**0.1)
    assert surely_below(0, 0, 0.01) == 1
