"""Attacks that have to hand in 8-bit pictures: they find points on levels, and the judge counts no others."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

import brinell as br
from brinell.attacks import Attack
from brinell.case import make_case
from brinell.judge import judge
from brinell.models import evaluating
from helpers import ATTACKS, IMAGE, Problem, curved, linear, pairs, points, problem, threats

COARSE = 3  # bits: where rounding costs most


def on_levels(bits: int = 8, n: int = 40) -> Problem:
    """Inputs on levels, all of which the model gets right."""
    trial = problem(IMAGE, n=n, seed=3)
    x = (trial.x * (2**bits - 1)).round() / (2**bits - 1)
    with torch.no_grad():
        return trial._replace(x=x, y=trial.model(x).argmax(1))


def stand(x: Tensor, bits: int = 8) -> Tensor:
    """Whether all values of a row stand on levels, (N,) bool."""
    place = x.double() * (2**bits - 1)
    return ((place - place.round()).abs() < 1e-3).flatten(1).all(1)


@pairs(ATTACKS)
def test_every_attack_hands_in_points_on_levels(attack: Attack, name: str) -> None:
    trial, ball = on_levels(COARSE), threats(IMAGE, 0.3)[name]
    one = type(ball)(ball.eps, COARSE)
    x_adv = attack(trial.model, trial.x, trial.y, one, seed=1)
    assert stand(x_adv, COARSE).all()
    assert one.contains(x_adv, trial.x).all()
    assert (x_adv != trial.x).any()


def test_the_judge_counts_no_point_between_levels() -> None:
    trial, one = on_levels(), br.Linf("8/255", bits=8)
    with evaluating(trial.model):
        case = make_case(trial.model, trial.x, trial.y, one, goal=None, seed=0)
        x_adv = br.PGD(steps=20).run(case).x_adv
        assert judge(case, x_adv).valid.all()
        off = trial.x + 0.95 * (x_adv - trial.x)
        assert one.contains(off, trial.x).all()
        assert torch.equal(judge(case, off).valid, (off == x_adv).flatten(1).all(1))
        assert not judge(case, off).valid.all()


def test_a_search_climbs_what_is_left_after_rounding() -> None:
    """On a linear model the best corner of the set on levels is known, and steps shorter than a level reach it."""
    model = br.Classifier(linear(IMAGE, 2, seed=1), (0, 1)).eval()
    x = (points(IMAGE, 30, 2) * 255).round() / 255
    with torch.no_grad():
        y = model(x).argmax(1)
    weight = (model.net[1].weight[1] - model.net[1].weight[0]).reshape(IMAGE.shape).detach()
    away = weight.sign() * (1 - 2 * y.float()).reshape(-1, 1, 1, 1)
    best = (x + away * 2 / 255).clamp(0, 1)  # two of the 2.4 levels
    broken = model(best).argmax(1) != y
    found = br.PGD(steps=30, rel_step=0.1, objective="margin", start="center")(model, x, y, br.Linf("2.4/255", bits=8))
    stands = ~broken
    assert stands.any()
    torch.testing.assert_close(found[stands], best[stands], rtol=0, atol=1e-6)


def test_an_audit_on_levels_is_about_as_strong_as_off_them(tmp_path: Path) -> None:
    trial = on_levels(n=60)
    free = br.audit(trial.model, (trial.x, trial.y), br.Linf(0.08), effort="quick", diagnose=False)
    audit = br.audit(
        trial.model, (trial.x, trial.y), br.threat("linf:0.08@8bit"), effort="quick", out=tmp_path / "run"
    )  # fmt: skip
    assert 0 < audit.robust_accuracy.hits < 60
    assert audit.robust_accuracy.hits - free.robust_accuracy.hits in (-1, 0, 1)
    assert stand(audit.x_adv).all()
    kept = audit.record.eight_bits
    assert kept is not None
    assert kept.hits == kept.n == 60 - audit.robust_accuracy.hits
    assert audit.record.settings.threat == "linf:0.08@8bit"
    assert br.verify(tmp_path / "run", trial.model, (trial.x, trial.y)).fine
    assert "8-bit values" in br.write_html(audit, tmp_path / "report.html").read_text()


def test_what_others_found_is_rounded_before_it_is_judged() -> None:
    trial = on_levels()
    x_adv = br.PGD(steps=20)(trial.model, trial.x, trial.y, br.Linf("2/255"))
    far = (trial.x - 0.5).abs()
    for given in (x_adv, far):
        audit = br.audit(
            trial.model, (trial.x, trial.y), br.Linf("2/255", 8), cascade=(lambda model, x, y, g=given: g[: len(x)],),
            diagnose=False, batch_size=40,
        )  # fmt: skip
        assert stand(audit.x_adv).all()
        assert (sum(stage.refused for stage in audit.record.stages) > 0) is (given is far)  # outside stays outside


def test_a_sound_model_is_sound_on_levels() -> None:
    model = br.Classifier(curved(IMAGE), (0, 1)).eval()
    x = (points(IMAGE, 80) * 255).round() / 255
    with torch.no_grad():
        y = model(x).argmax(1)
    free, on = (br.diagnose(model, (x, y), br.Linf("8/255", bits)) for bits in (None, 8))
    assert free.verdict == on.verdict == "sound"


def test_inputs_between_levels_are_named_before_anything_is_attacked() -> None:
    trial = on_levels()
    trial.x[37] += 0.45 / 255 * (trial.x[37] < 0.5)

    def never(model: br.Classifier, x: Tensor, y: Tensor) -> Tensor:
        raise AssertionError

    with pytest.raises(br.InputError, match=r"rows 32 to 39: row 5 .*levels of 8 bits.*hand in inputs as such a file"):
        br.audit(trial.model, (trial.x, trial.y), br.Linf("0.4/255", bits=8), cascade=(never,), batch_size=4)
