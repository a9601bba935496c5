"""Two audits of the same rows, paired: who is more robust, for whom, and when it cannot be said."""

from typing import Any

import numpy as np
import pytest
import torch
import trials
from scipy.stats import binomtest
from torch import nn

import brinell as br
from brinell.statistics import Paired, holm
from helpers import IMAGE, problem


class Shifted(nn.Module):
    """A network that is steeper: at the same eps it breaks more easily."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.net(0.5 + 0.6 * (x - 0.5))
        return logits


@pytest.fixture(scope="module")
def pair() -> tuple[br.Audit, br.Audit]:
    """A model, and one that is smoother and so more robust, on the same 400 rows."""
    trial = problem(IMAGE, n=400, seed=3)
    smooth = br.Classifier(Shifted(trial.model.net), (0, 1), normalize=(0.5, 0.5)).eval()
    groups = {"third": np.arange(400) % 3}
    return tuple(
        br.audit(model, (trial.x, trial.y), br.Linf(0.05), cascade=(br.PGD(steps=5),), groups=groups, examples="none",
                 diagnose=False)
        for model in (smooth, trial.model)
    )  # type: ignore[return-value]  # fmt: skip


def counts(pair: tuple[br.Audit, br.Audit], rows: Any = slice(None)) -> tuple[int, int, int]:
    one, other = (np.array([name is None for name in audit.table["broken_by"].to_pylist()])[rows] for audit in pair)
    return int((one & ~other).sum()), int((~one & other).sum()), len(one)


def test_it_is_the_exact_test_of_the_rows_that_disagree(pair: tuple[br.Audit, br.Audit]) -> None:
    found = br.compare(*pair, names=("smooth", "steep"))
    first, second, n = counts(pair)
    assert (found.robust.difference.first, found.robust.difference.second, found.robust.difference.n) == (
        first,
        second,
        n,
    )
    assert found.robust.p == pytest.approx(binomtest(first, first + second).pvalue)
    assert (found.robust.first, found.robust.second) == (pair[0].robust_accuracy, pair[1].robust_accuracy)
    assert (found.clean.first, found.clean.second) == (pair[0].clean_accuracy, pair[1].clean_accuracy)
    difference = found.robust.difference
    assert difference.value == pytest.approx(pair[0].robust_accuracy.value - pair[1].robust_accuracy.value)
    assert difference.low < difference.value < difference.high


def test_groups_are_corrected_for_being_many(pair: tuple[br.Audit, br.Audit]) -> None:
    found = br.compare(*pair)
    assert set(found.groups) == {"class", "third"}
    thirds = found.groups["third"]
    assert [each.group for each in thirds] == [0, 1, 2]
    plain = [Paired(*counts(pair, np.arange(400) % 3 == group)) for group in range(3)]
    assert [each.p for each in thirds] == pytest.approx(holm([one.p for one in plain]))
    assert [each.difference.level for each in thirds] == pytest.approx([1 - 0.05 / 3] * 3)
    assert sum(each.difference.n for each in thirds) == 400


def test_in_words(pair: tuple[br.Audit, br.Audit]) -> None:
    found = br.compare(*pair, names=("smooth", "steep"))
    assert found.robust.says
    robust = found.words[0]
    assert robust.startswith("smooth is more robust than steep, by ")
    assert f"{100 * found.robust.difference.value:.1f} points" in robust
    turned = br.compare(*pair[::-1], names=("steep", "smooth"))
    assert turned.words[0] == robust
    assert turned.robust.difference.value == -found.robust.difference.value
    assert turned.robust.p == found.robust.p
    assert "By third: smooth is more robust for" in str(found)


def test_too_few_to_say(whole: br.Audit) -> None:
    other = trials.audit(seed=1)
    found = br.compare(whole, other)
    assert not found.robust.says
    assert "Too few rows differ to say" in found.words[0] or "the two agree on each of 56 rows" in found.words[0]
    assert "Both audits are of the same weights" in str(found)
    assert "for no group can it be said" in str(found)


def test_an_audit_with_itself(whole: br.Audit) -> None:
    found = br.compare(whole, whole)
    assert found.words[0] == "Neither is more robust: the two agree on each of 56 rows."
    assert (found.robust.p, found.robust.difference.value) == (1.0, 0.0)


def test_other_attacks_are_told(whole: br.Audit) -> None:
    found = br.compare(whole, trials.audit(cascade=(br.FGSM(),)), names=("strong", "weak"))
    assert "The cascades differ" in str(found)
    assert "weak: FGSM)" in str(found)
    assert found.robust.difference.first == 0  # what FGSM breaks the cascade breaks too


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"threat": br.Linf(0.07)}, "threat set of A is linf:0.08, that of B linf:0.07"),
        ({"goal": br.Toward(1)}, "goal of A is away, that of B toward 1"),
        ({"groups": {}}, "the data of A"),
    ],
)
def test_what_cannot_be_paired_is_named(whole: br.Audit, options: dict[str, Any], what: str) -> None:
    with pytest.raises(br.InputError, match=what):
        br.compare(whole, trials.audit(cascade=(br.FGSM(),), **options))
    with pytest.raises(br.InputError, match="is no audit"):
        br.compare(whole, "runs/a")  # type: ignore[arg-type]
