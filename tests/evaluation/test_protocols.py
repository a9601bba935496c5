"""Published protocols: the attacks they name, in their order, and an audit by them."""

import pytest
import torch

import brinell as br
from brinell.errors import InputError
from brinell.evaluation.cascades import describe
from helpers import WAVE, problem


def test_autoattack_is_what_its_paper_says() -> None:
    assert br.cascades.autoattack() == br.cascades.autoattack("standard")
    assert [facts.label for facts in describe(br.cascades.autoattack())] == [
        "APGD", "APGD(dlr, targets=9)", "FAB", "Square",
    ]  # fmt: skip
    entropy, targeted, fab, square = (facts.parameters for facts in describe(br.cascades.autoattack()))
    assert (entropy["objective"], entropy["steps"], entropy["restarts"]) == ("cross_entropy", 100, 1)
    assert (targeted["objective"], targeted["steps"], targeted["targets"]) == ("dlr", 100, 9)
    assert (fab["steps"], fab["targets"], fab["restarts"]) == (100, 9, 1)
    assert (square["queries"], square["restarts"], square["p"]) == (5000, 1, 0.8)


def test_the_version_for_models_that_draw_averages_its_gradients() -> None:
    entropy, dlr = (facts.parameters for facts in describe(br.cascades.autoattack("rand")))
    assert (entropy["objective"], dlr["objective"]) == ("cross_entropy", "dlr")
    assert entropy["samples"] == dlr["samples"] == 20


def test_another_version_is_refused_with_the_choices() -> None:
    with pytest.raises(InputError, match="the version is 'plus'; choose one of standard, rand"):
        br.cascades.autoattack("plus")


@pytest.mark.parametrize(("threat", "classes"), [(br.Linf(0.4), 3), (br.L2(6.0), 4)])
def test_an_audit_by_autoattack(threat: br.Linf | br.L2, classes: int) -> None:
    """Nothing stands in the end that PGD breaks; and fewer than four classes are spoken of."""
    model, x, y, _ = problem(WAVE, classes, n=12)
    audit = br.audit(model, (x, y), threat, cascade=br.cascades.autoattack())
    assert audit.robust_accuracy.hits < 6
    stands = torch.tensor(audit.table["broken_by"].is_null().to_pylist())
    pgd = br.attack(br.PGD(steps=100, objective="margin"), model, x, y, threat).success
    assert not (stands & pgd).any()
    assert len(audit.record.warnings) == (classes == 3)


class Shaky(torch.nn.Module):
    """Its input is shaken a little at every pass."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = problem(WAVE).model.net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.inner(x + 0.05 * torch.randn_like(x))
        return logits


def test_the_version_for_models_that_draw_is_seeded() -> None:
    _, x, y, _ = problem(WAVE, n=4)
    shaky = br.Classifier(Shaky(), bounds=(-1, 1), normalize=(0.0, 1.0))
    audits = [br.audit(shaky, (x, y), br.Linf(0.6), cascade=br.cascades.autoattack("rand")) for _ in range(2)]
    assert torch.equal(audits[0].x_adv, audits[1].x_adv)
    assert audits[0].robust_accuracy == audits[1].robust_accuracy
    assert audits[0].robust_accuracy.hits < audits[0].clean_accuracy.hits
