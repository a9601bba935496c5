"""Which broken rows are kept to be looked at: of every class, and the work of every attack."""

from collections import Counter

import numpy as np
import pytest

from brinell.evaluation.harvest import _pick

ATTACKS = ("FGSM", "PGD", "Square")


def broken(classes: int, each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    fates = draw.choice(np.array([*ATTACKS, "clean", None], object), len(labels), p=[0.5, 0.2, 0.02, 0.08, 0.2])
    return labels, fates


@pytest.mark.parametrize("classes", [1, 2, 10, 43, 200])
def test_only_broken_rows_at_most_sixty_and_every_class_that_fits(classes: int) -> None:
    labels, fates = broken(classes, 40)
    rows = _pick(labels, fates)
    assert 0 < len(rows) <= 60
    assert len(set(rows.tolist())) == len(rows)
    assert all(fate not in (None, "clean") for fate in fates[rows])
    counts = Counter(labels[rows].tolist())
    assert len(counts) == min(classes, 60)
    assert max(counts.values()) - min(counts.values()) <= 1 or classes < 3
    first = labels[rows[: len(counts)]].tolist()
    assert first == sorted(set(first))  # every class once, before any comes twice


def test_the_work_of_every_attack_is_there() -> None:
    labels, fates = broken(10, 200)
    rows = _pick(labels, fates)
    for label in range(10):
        mine = rows[labels[rows] == label]
        there = set(fates[(labels == label)].tolist()) - {None, "clean"}
        assert set(fates[mine].tolist()) == there


def test_nothing_broken_nothing_kept() -> None:
    assert _pick(np.array([0, 1]), np.array([None, "clean"], object)).tolist() == []
