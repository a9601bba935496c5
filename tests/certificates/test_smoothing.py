"""Smoothing: closed forms of a linear model, abstention, and what it refuses."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import beta, norm
from torch import nn

import brinell as br
from brinell.case import Case, make_case
from brinell.certificates import Smoothing
from brinell.errors import InputError
from helpers import drawn_parameters, generator


def halves(distances: list[float], eps: float = 0.3) -> tuple[Case, torch.Tensor]:
    """A linear model of two classes in five values, and rows so far from its boundary."""
    net = nn.Linear(5, 2)
    drawn_parameters(net, seed=3)
    slope = (net.weight[1] - net.weight[0]).detach()
    start = torch.full((5,), 0.5)
    far = torch.tensor(distances)
    height = slope @ start + (net.bias[1] - net.bias[0]).detach()
    x = start - height * slope / slope.norm() ** 2 + far[:, None] * slope / slope.norm()
    model = br.Classifier(net, bounds=(-9, 9)).eval()
    return make_case(model, x, (far > 0).long(), br.L2(eps), goal=None, seed=0), far.abs()


def test_on_a_linear_model_the_radius_is_the_distance_in_the_limit() -> None:
    """The votes are binomial with the chance Phi(distance / sigma), so what they prove is known."""
    case, far = halves([0.1, -0.2, 0.35, -0.5, 0.7])
    method = Smoothing(sigma=0.4, n=20_000)
    proof = method.prove(case)
    chance = norm.cdf(far.numpy() / 0.4)
    spread = 4 * np.sqrt(chance * (1 - chance) / 20_000)
    for one, p, off in zip(proof.strength.tolist(), chance, spread, strict=True):
        ends = [0.4 * norm.ppf(beta.ppf(0.001, 20_000 * q, 20_000 * (1 - q) + 1)) for q in (p - off, p + off)]
        assert ends[0] <= one <= ends[1]
    assert (proof.strength <= far).all()
    assert torch.equal(proof.certified, proof.strength >= 0.3)
    assert torch.equal(proof.prediction, case.y)


def test_near_the_boundary_it_abstains() -> None:
    case, _ = halves([0.0, 0.001, 0.5])
    proof = Smoothing(sigma=0.4, n=500).prove(case)
    assert proof.prediction.tolist() == [-1, -1, 1]
    assert proof.strength[:2].tolist() == [0, 0]
    assert not proof.certified[:2].any()


@pytest.mark.parametrize("votes", [0, 500, 501, 600, 999, 1000])
def test_radii_of_votes(votes: int) -> None:
    method = Smoothing(sigma=0.25, n=1000, alpha=0.01)
    below = beta.ppf(0.01, votes, 1000 - votes + 1) if votes else 0.0
    expected = 0.25 * norm.ppf(below) if below > 0.5 else 0.0
    assert float(method.radius_of(torch.tensor([votes]))) == pytest.approx(expected, abs=1e-9)


def test_all_votes_prove_a_radius_that_grows_with_their_number() -> None:
    radii = [float(Smoothing(sigma=1.0, n=n).radius_of(torch.tensor([n]))) for n in (100, 1000, 100_000)]
    assert radii == sorted(radii)
    assert radii[-1] == pytest.approx(norm.ppf(0.001 ** (1 / 100_000)))


def test_too_large_a_radius_is_as_rare_as_promised() -> None:
    """At alpha 0.2, of 200 rows with a known radius at most about 40 get more."""
    case, far = halves([0.3] * 200)
    proof = Smoothing(sigma=0.3, n0=10, n=200, alpha=0.2).prove(case)
    assert 20 <= int((proof.strength > far).sum()) <= 60


def test_neither_the_batch_nor_the_company_matters() -> None:
    case, _ = halves([0.05, -0.1, 0.15, 0.2])
    method = Smoothing(sigma=0.3, n0=20, n=333)
    whole = method.prove(case)
    for part in (method.prove(replace(case, batch=7)), method.prove(case)):
        assert torch.equal(part.strength, whole.strength)
    alone = method.prove(case.take(torch.tensor([2])))
    assert torch.equal(alone.strength, whole.strength[2:3])
    again = method.prove(replace(case, draws=replace(case.draws, seed=1)))
    assert not torch.equal(again.strength, whole.strength)


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 3)])
def test_any_shape_and_many_classes(shape: tuple[int, ...]) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), 30))
    x = torch.rand(3, *shape, generator=generator(0))
    model = br.Classifier(drawn_parameters(net, seed=0), bounds=(0, 1)).eval()
    case = make_case(model, x, torch.zeros(3, dtype=torch.int64), br.L2(0.1), goal=None, seed=0)
    proof = Smoothing(sigma=0.1, n=100).prove(case)
    assert proof.certified.shape == proof.prediction.shape == proof.strength.shape == (3,)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"sigma": 0.0}, "sigma is 0"), ({"n": 0}, "n 0"), ({"n0": 1.5}, r"n0 is 1\.5"), ({"alpha": 1}, "alpha is 1")],
)
def test_wrong_parameters(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Smoothing(**wrong)


def test_other_sets_are_refused() -> None:
    case, _ = halves([0.1])
    with pytest.raises(InputError, match=r"proves L2 radii, not linf:0\.1"):
        Smoothing().prove(replace(case, threat=br.Linf(0.1)))
