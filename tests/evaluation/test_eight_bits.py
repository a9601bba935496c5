"""Rounded to 8 bits toward the clean input: on the grid, in the set, and judged."""

from typing import Any

import numpy as np
import pytest
import torch
import trials
from torch import Tensor

import brinell as br
from brinell.evaluation.eightbits import are_pictures, toward
from brinell.report.words import at_8_bits
from helpers import BYTES, CHANNELS, IMAGE, TABLE, Space, points, problem, threats


def on_grid(space: Space, n: int, seed: int) -> Tensor:
    """Inputs as an 8-bit file holds them."""
    return (points(space, n, seed) / space.high * 255).round() / 255 * space.high


@pytest.mark.parametrize("space", [IMAGE, BYTES], ids=["0..1", "0..255"])
@pytest.mark.parametrize("name", ["linf", "l2", "l1", "l0"])
@pytest.mark.parametrize("clean_on_grid", [True, False])
def test_it_lies_between_on_a_level_and_in_the_set(space: Space, name: str, clean_on_grid: bool) -> None:
    x = on_grid(space, 40, 0) if clean_on_grid else points(space, 40, 0)
    threat = threats(space)[name]
    x_adv = threat.project(points(space, 40, 1), x, space.bounds)
    rounded = toward(x_adv, x, space.bounds)
    assert ((rounded - x) * (rounded - x_adv) <= 0).all()  # between the two
    assert threat.contains(rounded, x).all()
    assert space.bounds.contain(rounded).all()
    levels = rounded.double() / space.high * 255
    on_level = (levels - levels.round()).abs() < 1e-4
    assert (on_level | (rounded == x)).all()
    moved = (x_adv - x).abs() > 1.01 / 255 * space.high
    assert (rounded != x)[moved].all()  # no farther than the next level
    assert ((rounded - x_adv).abs() <= 1.001 / 255 * space.high)[moved].all()


def test_what_is_on_a_level_stays_and_twice_is_once() -> None:
    x, x_adv = on_grid(IMAGE, 20, 0), on_grid(IMAGE, 20, 1)
    assert torch.equal((toward(x_adv, x, IMAGE.bounds) * 255).round(), (x_adv * 255).round())
    free = toward(points(IMAGE, 20, 2), x, IMAGE.bounds)
    assert torch.equal(toward(free, x, IMAGE.bounds), free)


@pytest.mark.parametrize(
    ("shape", "bounds", "answer"),
    [
        ((1, 28, 28), (0, 1), True), ((3, 32, 32), (0, 255), True), ((28, 28), (0, 1), True), ((784,), (0, 1), False),
        ((1, 28, 28), (-1, 1), False), ((1, 28, 28), (-3, 3), False),
    ],
)  # fmt: skip
def test_which_inputs_are_pictures(shape: tuple[int, ...], bounds: Any, answer: bool) -> None:
    assert are_pictures(shape, br.Classifier(torch.nn.Flatten(), bounds).bounds) is answer
    assert not are_pictures(CHANNELS.shape, CHANNELS.bounds)


def test_an_audit_counts_who_stays_broken(whole: br.Audit) -> None:
    kept = whole.record.eight_bits
    assert kept is not None
    flags = whole.table["eight_bits"].to_pylist()
    broken = [name not in (None, "clean") for name in whole.table["broken_by"].to_pylist()]
    assert [flag is not None for flag in flags] == broken
    assert (kept.n, kept.hits) == (sum(broken), sum(flag is True for flag in flags))
    trial = trials.subject()
    rounded = toward(whole.x_adv, trial.x, trial.model.bounds)
    with torch.no_grad():
        fooled = trial.model(rounded).argmax(1) != trial.y
    assert fooled[broken].tolist() == [flag for flag in flags if flag is not None]
    assert 0 < kept.hits <= kept.n
    assert f"toward the clean one, {kept.hits} of the {kept.n} broken rows stay" in (at_8_bits(whole.record) or "")


def test_a_tiny_eps_does_not_survive() -> None:
    """Below one level nothing is left of a change, so no row on the grid stays broken."""
    trial = problem(IMAGE, n=40, seed=3)
    x = on_grid(IMAGE, 40, 3)
    with torch.no_grad():
        y = trial.model(x).argmax(1)
    audit = br.audit(trial.model, (x, y), br.Linf(0.9 / 255), cascade=(br.PGD(steps=20),), diagnose=False)
    kept = audit.record.eight_bits
    assert kept is not None
    assert (kept.hits, kept.n) == (0, audit.clean_accuracy.hits - audit.robust_accuracy.hits)
    assert np.sum(audit.table["distance"].to_numpy() > 0) > 0


def test_tables_have_no_8_bits() -> None:
    trial = problem(TABLE, n=20)
    data, threat = (trial.x, trial.y), threats(TABLE)["linf"]
    audit = br.audit(trial.model, data, threat, cascade=(br.FGSM(),), diagnose=False)
    assert audit.record.eight_bits is None
    assert "eight_bits" not in audit.table.column_names
    assert at_8_bits(audit.record) is None
