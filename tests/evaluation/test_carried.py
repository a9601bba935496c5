"""Best points go from attack to attack: none is lost, and what an attack does alone knows nothing of them."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
import trials

import brinell as br
from brinell.attacks import FGSM, PGD, Attack, BasinHopping, Found
from brinell.case import Case
from brinell.objectives import margin

SMALL = br.Linf(0.02)
WALK = PGD(steps=10, objective="margin")


@dataclass(frozen=True, slots=True)
class Brings(Attack):
    """Brings back a point of each row that it has not even looked at: the input, or any that leads away."""

    source = "a test"
    astray: float = 0.0

    def search(self, case: Case) -> Found:
        found = Found.nothing(case)
        return found._replace(x_adv=case.x + self.astray, nominated=~found.nominated)


@dataclass(frozen=True, slots=True)
class Repeats(Attack):
    """Brings back what is known, and counts on being told."""

    source = "a test"

    @property
    def carries(self) -> bool:
        """It does nothing else."""
        return True

    def search(self, case: Case) -> Found:
        found = Found.nothing(case)
        return found if case.known is None else found._replace(x_adv=case.known)


def small_audit(**options: Any) -> br.Audit:
    return trials.audit(diagnose=False, **options)


def heights(audit: br.Audit) -> torch.Tensor:
    trial = trials.subject()
    with torch.no_grad():
        return margin(trial.model(audit.x_adv), trial.y)


@pytest.mark.parametrize("idler", [Brings(), Brings(astray=9.0), Brings(astray=float("nan")), Repeats()])
def test_the_best_point_outlasts_attacks_that_find_no_better(idler: Attack) -> None:
    before = small_audit(threat=SMALL, cascade=(WALK,))
    after = small_audit(threat=SMALL, cascade=(WALK, idler))
    assert 0 < before.robust_accuracy.hits == after.robust_accuracy.hits
    assert torch.equal(before.x_adv, after.x_adv)


def test_a_better_point_takes_its_place_row_by_row() -> None:
    first = small_audit(threat=SMALL, cascade=(FGSM(),))
    both = small_audit(threat=SMALL, cascade=(FGSM(), WALK))
    standing = torch.tensor([by is None for by in both.table["broken_by"].to_pylist()])
    assert (heights(both) >= heights(first))[standing].all()
    assert (heights(both) > heights(first))[standing].any()


@pytest.mark.parametrize("attack", [BasinHopping(rounds=2, looks=4, steps=2), PGD(steps=3, start="carried")])
def test_an_attack_that_carries_goes_on_from_it(attack: Attack) -> None:
    assert attack.carries
    assert not PGD().carries
    before, after = (small_audit(threat=SMALL, cascade=cascade) for cascade in ((WALK,), (WALK, attack)))
    standing = torch.tensor([by is None for by in after.table["broken_by"].to_pylist()])
    assert (heights(after) >= heights(before))[standing].all()
    assert (heights(after) > heights(before))[standing].any()
    alone = small_audit(threat=SMALL, cascade=(attack,))
    assert heights(alone)[standing].mean() < heights(after)[standing].mean()


def test_alone_it_begins_at_the_input_and_the_cascade_ends_as_it_would() -> None:
    hops = BasinHopping(rounds=2, looks=4, steps=2)
    threat = br.Linf(0.05)
    plain = small_audit(threat=threat, cascade=(FGSM(), hops, WALK))
    apart = small_audit(threat=threat, cascade=(FGSM(), hops, WALK), alone=True)
    assert apart.table["broken_by"] == plain.table["broken_by"]
    assert torch.equal(apart.x_adv, plain.x_adv)
    single = small_audit(threat=threat, cascade=(Repeats(), hops))  # the second stage, with the same draws
    count = apart.record.stages[1].alone
    assert count is not None
    assert count.hits == single.robust_accuracy.hits
    label = apart.record.settings.cascade[1].label
    own = [by == label for by in single.table["broken_by"].to_pylist()]
    assert apart.table[f"alone: {label}"].to_pylist() == own
