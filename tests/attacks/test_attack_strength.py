"""On linear models the best move is known: attacks are measured against it, with and without bounds in the way.

For logits ``W x + b`` the margin of class j over the true one can rise by at most ``max (W_j - W_y) . move`` over all
moves of the set: eps times the dual norm of the slope, or less where bounds cut moves short.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.optimize import brentq
from torch import Tensor, nn

from brinell.api import attack as run
from brinell.attacks import APGD, BIM, FGSM, PGD, Attack, MomentumPGD
from brinell.goals import Goal, Toward
from brinell.models import Classifier
from brinell.threats import L1, L2, Ball, Linf
from helpers import IMAGE, THREAT_NAMES, WAVE, Space, drawn_parameters, last, linear, points, threats

Array = npt.NDArray[np.float64]
DIGIT = Space((1, 12, 12), 0.0, 1.0)
LEAD = 8.0  # of the true class, in logits: nothing here breaks, so no row leaves before its last step
EXACT = 1 - 1e-6

all_spaces = pytest.mark.parametrize("space", [IMAGE, WAVE, DIGIT], ids=["image", "wave", "digit"])
both_rooms = pytest.mark.parametrize("roomy", [True, False], ids=["roomy", "at the bounds"])


def array(x: Tensor) -> Array:
    return np.asarray(x.detach().numpy())


class Bench(NamedTuple):
    """A linear model whose first class leads, and rows of that class."""

    model: Classifier
    x: Tensor
    y: Tensor
    weight: Array
    space: Space

    def rises(self, x_adv: Tensor) -> Array:
        """How far the margin of every other class rose, (N, K - 1)."""
        logits = self.model(x_adv) - self.model(self.x)
        return array(logits[:, 1:] - logits[:, :1])

    def best(self, threat: Ball) -> Array:
        """How far it can rise, (N, K - 1)."""
        low, high = (corner.flatten().numpy() for corner in self.space.bounds.corners(self.x))
        slopes, rows = self.weight[1:] - self.weight[0], self.x.flatten(1).numpy()
        return np.array([[most(slope, row, low, high, threat) for slope in slopes] for row in rows])


def most(slope: Array, x: Array, low: Array, high: Array, threat: Ball) -> float:
    """The largest ``slope . move`` over all moves of the set within the bounds, worked out apart from the sets."""
    room, steep = np.where(slope > 0, high - x, x - low), abs(slope)
    if threat.name == "linf":
        return float(steep @ np.minimum(threat.eps, room))
    if threat.name == "l0":
        return float(np.sort(steep * room)[-int(threat.eps) :].sum())
    if threat.name == "l1":  # a knapsack: the steepest values first, each up to its bound
        order = np.argsort(-steep)
        return float(steep[order] @ np.diff(np.minimum(room[order].cumsum(), threat.eps), prepend=0))
    if np.linalg.norm(room) <= threat.eps:
        return float(steep @ room)
    scale = brentq(lambda s: np.linalg.norm(np.minimum(s * steep, room)) - threat.eps, 0, 1e6, xtol=1e-12)
    return float(steep @ np.minimum(scale * steep, room))


def bench(space: Space, roomy: bool, classes: int = 2, n: int = 12) -> Bench:
    """Roomy: all values are far from the bounds. Else: many stand at one."""
    layer = nn.Linear(space.size, classes)
    drawn_parameters(layer, classes)
    with torch.no_grad():
        layer.bias[0] += LEAD
    x, middle = points(space, n, dtype=torch.float64), (space.low + space.high) / 2
    if roomy:
        x = middle + 0.1 * (x - middle)
    model = Classifier(nn.Sequential(nn.Flatten(), layer).double(), bounds=(space.low, space.high))
    return Bench(model, x, torch.zeros(n, dtype=torch.int64), layer.weight.detach().numpy(), space)


def set_for(name: str, b: Bench, roomy: bool) -> Ball:
    return threats(b.space, 0.04 if roomy else 0.15)[name]


def reach(attack: Attack, b: Bench, threat: Ball, wanted: int = 1, goal: Goal | None = None) -> Array:
    """What the attack gained for a class, as a share of what can be gained, (N,)."""
    x_adv = attack(b.model, b.x, b.y, threat, goal=goal)
    share = b.rises(x_adv)[:, wanted - 1] / b.best(threat)[:, wanted - 1]
    assert (share <= 1 + 1e-9).all()  # more would mean that it left the set
    return share


def test_the_reference_is_the_dual_norm_where_there_is_room() -> None:
    b = bench(IMAGE, roomy=True)
    slope = b.weight[1] - b.weight[0]
    for name, dual in (("linf", 1), ("l2", 2), ("l1", np.inf)):
        threat = set_for(name, b, roomy=True)
        if not isinstance(threat, L1):  # an L1 ball is longer along one axis than the way to the bound
            assert b.best(threat) == pytest.approx(np.full((12, 1), threat.eps * np.linalg.norm(slope, dual)))
    assert b.best(L1(0.3)) == pytest.approx(np.full((12, 1), 0.3 * abs(slope).max()))


@all_spaces
@both_rooms
@pytest.mark.parametrize("name", THREAT_NAMES)
@pytest.mark.parametrize("objective", ["cross_entropy", "margin"])
def test_attacks_from_the_input_itself(name: str, objective: str, roomy: bool, space: Space) -> None:
    """All their steps together are eps long: just enough, and exact, except for several L2 steps around bounds.

    A value that meets its bound on the way leaves its share to the others, who cannot make up for lost time."""
    b = bench(space, roomy)
    for attack in (FGSM(objective=objective), BIM(objective=objective), MomentumPGD(objective=objective)):
        least = EXACT if name != "l2" or roomy else 0.999 if isinstance(attack, FGSM) else 0.9
        assert reach(attack, b, set_for(name, b, roomy)).min() >= least


@all_spaces
@both_rooms
@pytest.mark.parametrize("name", ["linf", "l0"])
@pytest.mark.parametrize("start", ["uniform", "center", "structured"])
def test_pgd_is_exact_for_linf_and_l0(name: str, start: str, roomy: bool, space: Space) -> None:
    b = bench(space, roomy)
    assert reach(PGD(start=start), b, set_for(name, b, roomy)).min() >= EXACT


@all_spaces
@both_rooms
def test_pgd_for_l2_turns_to_the_slope_in_time(roomy: bool, space: Space) -> None:
    """From a random start nearly at right angles to the slope, steps of 2.5 eps in all turn the move until its share
    of the best is about tanh(2.5) = 0.987; steps of 10 eps in all leave nothing to be had."""
    b = bench(space, roomy)
    threat = set_for("l2", b, roomy)
    usual = reach(PGD(), b, threat)
    assert usual.min() >= (0.96 if roomy else 0.85)
    assert usual.mean() >= 0.96
    assert reach(PGD(rel_step=0.25), b, threat).min() >= 0.999


@all_spaces
@both_rooms
@pytest.mark.parametrize("objective", ["cross_entropy", "dlr", "margin"])
def test_apgd_is_exact_for_linf_and_within_a_thousandth_for_l2(objective: str, roomy: bool, space: Space) -> None:
    b = bench(space, roomy)
    for targets in (0, 1):
        attack = APGD(objective=objective, targets=targets)
        assert reach(attack, b, set_for("linf", b, roomy)).min() >= EXACT
        assert reach(attack, b, set_for("l2", b, roomy)).min() >= 0.999


@pytest.mark.parametrize("space", [IMAGE, WAVE], ids=["image", "wave"])
@both_rooms
def test_pgd_for_l1_is_as_exact_as_its_step_is_short(roomy: bool, space: Space) -> None:
    """A step puts its whole length on few values; the projection takes it back from all values alike."""
    b = bench(space, roomy)
    threat = set_for("l1", b, roomy)
    for steps in (40, 160):
        assert reach(PGD(steps=steps), b, threat).min() >= 1 - 2.5 / steps
    assert reach(PGD(steps=160), b, threat).mean() >= 0.99


@both_rooms
@pytest.mark.parametrize("name", THREAT_NAMES)
def test_every_one_of_several_classes_is_reached(name: str, roomy: bool) -> None:
    """Toward a class the way is straight; the best of all classes is what can be done to the row at all."""
    b = bench(WAVE, roomy, classes=5)
    threat = set_for(name, b, roomy)
    attack = PGD(objective="margin", rel_step=0.25 if name == "l2" else None)
    for wanted in range(1, 5):
        share = reach(attack, b, threat, wanted, Toward(wanted))
        assert share.min() >= {"linf": EXACT, "l0": EXACT, "l2": 0.99, "l1": 0.93}[name]


@both_rooms
@pytest.mark.parametrize("name", THREAT_NAMES)
def test_away_from_the_truth_is_a_local_climb(name: str, roomy: bool) -> None:
    """The class that leads at the start need not be the best in the end; restarts close most of the gap."""
    b = bench(WAVE, roomy, classes=5)
    threat = set_for(name, b, roomy)
    clean = array(b.model(b.x)[:, 1:] - b.model(b.x)[:, :1])
    best = (clean + b.best(threat)).max(1) - clean.max(1)

    def shares(attack: Attack) -> Array:
        after = clean + b.rises(attack(b.model, b.x, b.y, threat))
        return np.asarray((after.max(1) - clean.max(1)) / best)

    once = shares(PGD(steps=20, objective="margin"))
    often = shares(PGD(steps=20, objective="margin", restarts=10))
    assert once.mean() >= 0.85
    assert (often >= once - 1e-9).all()
    assert often.mean() >= 0.93


@pytest.mark.parametrize("name", THREAT_NAMES)
@pytest.mark.parametrize("attack", [FGSM(), BIM(), PGD()], ids=["FGSM", "BIM", "PGD"])
def test_robust_accuracy_of_a_linear_model_is_what_it_is(attack: Attack, name: str) -> None:
    """Rows whose best margin is above 0 fall, the others stand; only those within 2 % of the edge may differ."""
    net = linear(WAVE, 2).double()
    model, x = Classifier(net, bounds=(-1, 1)), 0.3 * points(WAVE, 60, dtype=torch.float64)
    y = model(x).argmax(1)
    threat = threats(WAVE, {"linf": 0.12, "l2": 0.06, "l1": 0.05, "l0": 0.05}[name])[name]
    margin = -abs(array(model(x)[:, 1] - model(x)[:, 0]))
    slope = array(last(net).weight[1] - last(net).weight[0])
    low, high = -np.ones(24), np.ones(24)
    signed = [slope if label == 0 else -slope for label in y.tolist()]
    rise = np.array([most(s, row, low, high, threat) for s, row in zip(signed, x.numpy(), strict=True)])
    success = run(attack, model, x, y, threat).success.numpy()
    assert 0.15 < success.mean() < 0.85
    assert not success[margin + rise < 0].any()
    assert success[margin + 0.98 * rise > 0].all()


def test_where_cross_entropy_is_blind_the_margin_sees() -> None:
    """In float32 a lead of some 100 logits leaves cross-entropy no slope at all; the row may be weak all the same."""
    net = linear(WAVE, 2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(400)
    model, x = Classifier(net, bounds=(-1, 1)), 0.5 * points(WAVE, 60)
    y = model(x).argmax(1)
    for threat in (Linf(0.3), L2(1.5)):
        by_margin = run(PGD(objective="margin"), model, x, y, threat).success
        by_entropy = run(PGD(start="center"), model, x, y, threat).success
        lead = (model(x)[:, 1] - model(x)[:, 0]).abs()
        assert by_margin[lead > 110].any()
        assert not by_entropy[lead > 110].any()


def test_confident_rows_keep_the_direction_of_their_slope() -> None:
    """Where cross-entropy still has a slope, however small, the step is as long as ever."""
    net = linear(WAVE, 2)
    with torch.no_grad():
        last(net).weight[0].zero_()
        last(net).bias.copy_(torch.tensor([80.0, 0.0]))
    model, x = Classifier(net, bounds=(-1, 1)), 0.1 * points(WAVE, 5)
    y = torch.zeros(5, dtype=torch.int64)
    slope = last(net).weight[1].detach()
    for threat in (Linf(0.1), L2(0.3), L1(0.3)):
        x_adv = FGSM()(model, x, y, threat)
        assert torch.allclose(threat.distance(x_adv, x), torch.full((5,), threat.eps), rtol=1e-4)
        assert ((x_adv - x) @ slope > 0).all()


# --- FGSM is a formula ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eps", [0.05, 0.3])
@pytest.mark.parametrize("wanted", [None, 3])
def test_fgsm_by_hand(eps: float, wanted: int | None) -> None:
    """clip(x + eps sign(slope)), or minus it toward a label: Goodfellow et al. 2015, eq. (3)."""
    layers = [nn.Conv2d(1, 4, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10)]
    net = drawn_parameters(nn.Sequential(*layers), 3)
    x, y = points(Space((1, 28, 28), 0.0, 1.0), 6), torch.arange(6)
    label = y if wanted is None else torch.full_like(y, wanted)
    leaf = x.clone().requires_grad_()
    nn.functional.cross_entropy(net((leaf - 0.1307) / 0.3081), label).backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    sign = leaf.grad.sign() if wanted is None else -leaf.grad.sign()
    model = Classifier(net, (0, 1), normalize=(0.1307, 0.3081))
    found = FGSM()(model, x, y, Linf(eps), goal=None if wanted is None else Toward(wanted))
    assert torch.equal(found, (x + eps * sign).clamp(0, 1))
