"""Robust accuracy over eps never rises, row by row; and how much of it is the seed's."""

import numpy as np
import pytest
import torch
import trials

import brinell as br
from brinell.objectives import margin
from helpers import IMAGE, WAVE, Space, linear, points, threats


def known(space: Space, n: int = 80) -> tuple[br.Classifier, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A linear model of two classes, rows well within the bounds, and the Linf eps at which each one breaks."""
    model = br.Classifier(linear(space, 2), (space.low, space.high)).double().eval()
    x = 0.5 * points(space, n, dtype=torch.float64) + 0.25 * (space.low + space.high)
    with torch.no_grad():
        logits = model(x)
        y = logits.argmax(1)
        weight = model.net[1].weight  # type: ignore[index]
        radius = -margin(logits, y) / (weight[0] - weight[1]).abs().sum()
    return model, x, y, radius


@pytest.mark.parametrize("space", [IMAGE, WAVE], ids=["image", "wave"])
def test_it_is_the_known_curve_of_a_linear_model(space: Space) -> None:
    model, x, y, radius = known(space)
    top = float(radius.quantile(0.7))
    found = br.robustness_curve(
        model, (x, y), br.Linf(top), shares=(1.0, 0.25, 0.5), cascade=(br.FGSM(),), batch_size=8
    )
    assert [point.eps for point in found.points] == pytest.approx([top / 4, top / 2, top])
    for point in found.points:
        assert point.robust_accuracy.hits == int((radius >= point.eps).sum())
    assert found.clean_accuracy.value == 1.0
    sizes = np.array([point.eps for point in found.points])
    first = [next((eps for eps in sizes if eps > row), np.nan) for row in radius.tolist()]
    np.testing.assert_allclose(found.broken_at, first)
    assert "eps" in str(found)


def test_no_row_rises_again_and_none_is_attacked_twice() -> None:
    trial = trials.subject()
    seen: list[int] = []

    def fickle(model: br.Classifier, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Good at the smallest eps only: it moves by little."""
        seen.append(len(x))
        return br.PGD(steps=10)(model, x, y, br.Linf(0.03))

    found = br.robustness_curve(
        trial.model, (trial.x, trial.y), br.Linf(0.12), cascade=(fickle,), shares=(0.25, 0.5, 1), batch_size=trials.N
    )
    hits = [point.robust_accuracy.hits for point in found.points]
    assert 0 < hits[0] < found.clean_accuracy.hits == trials.N - 1
    assert hits == [hits[0]] * 3  # carried, though nothing new is found
    assert seen == [trials.N - 1, hits[0], hits[0]]
    assert np.nansum(found.broken_at == 0) == 1
    assert found.unstable == 0


@pytest.mark.parametrize("name", ["linf", "l2", "l1", "l0"])
def test_any_threat_set_and_monotone(name: str) -> None:
    trial = trials.subject()
    found = br.robustness_curve(trial.model, (trial.x, trial.y), threats(IMAGE)[name], effort="quick", seed=1)
    hits = [point.robust_accuracy.hits for point in found.points]
    assert len(hits) == 4
    assert hits == sorted(hits, reverse=True)
    assert hits[-1] < hits[0]
    assert found.points[-1].eps == threats(IMAGE)[name].eps


def test_it_does_not_depend_on_the_batch_size() -> None:
    trial = trials.subject()
    curves = [
        br.robustness_curve(trial.model, (trial.x, trial.y), br.Linf(0.1), cascade=trials.CASCADE, batch_size=batch)
        for batch in (3, 100)
    ]
    np.testing.assert_array_equal(curves[0].broken_at, curves[1].broken_at)


@pytest.mark.parametrize("shares", [(), (0,), (-1, 1), (float("nan"),), (float("inf"),)])
def test_shares_that_make_no_sense(shares: tuple[float, ...]) -> None:
    trial = trials.subject()
    with pytest.raises(br.InputError, match="shares of eps"):
        br.robustness_curve(trial.model, (trial.x, trial.y), br.Linf(0.1), shares=shares)


def test_a_spread_is_that_of_its_audits() -> None:
    trial = trials.subject()
    options = {"cascade": (br.PGD(steps=2),), "batch_size": trials.BATCH}
    found = br.spread(trial.model, (trial.x, trial.y), trials.THREAT, seeds=3, **options)
    audits = [
        br.audit(trial.model, (trial.x, trial.y), trials.THREAT, seed=seed, diagnose=False, **options)
        for seed in range(3)
    ]
    assert found.seeds == (0, 1, 2)
    assert found.rates == tuple(audit.robust_accuracy for audit in audits)
    values = [audit.robust_accuracy.value for audit in audits]
    assert (found.low, found.high) == (min(values), max(values))
    assert found.mean == pytest.approx(np.mean(values))
    stands = [[name is None for name in audit.table["broken_by"].to_pylist()] for audit in audits]
    assert found.union.hits == sum(map(all, zip(*stands, strict=True))) <= min(rate.hits for rate in found.rates)
    assert str(found).startswith("Robust accuracy over 3 seeds: mean ")
    with pytest.raises(br.InputError, match="at least two"):
        br.spread(trial.model, (trial.x, trial.y), trials.THREAT, seeds=1)
