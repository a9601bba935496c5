"""Samples in proportion, labels without inputs, and an identity that depends on the data alone."""

import hashlib
import struct

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from brinell.data import Arrays, Grouped, Mapped, Selected, fingerprint, labels, stratified
from brinell.errors import InputError

N = 1000
RNG = np.random.default_rng(0)
Y = RNG.choice([0, 2, 3, 9], size=N, p=[0.6, 0.3, 0.09, 0.01])
X = np.arange(N * 2, dtype=np.float32).reshape(N, 2)
SOURCE = Arrays(X, Y, groups={"row": np.arange(N)})


@pytest.mark.parametrize("n", [1, 2, 3, 10, 99, 500, 999, 1000])
def test_every_class_in_proportion_and_in_order(n):
    sample = stratified(SOURCE, n, seed=3)
    x, y = sample.block(slice(None))
    rows = sample.groups["row"]
    assert len(sample) == len(x) == n
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(x.numpy(), X[rows])
    np.testing.assert_array_equal(y.numpy(), Y[rows])
    for label in np.unique(Y):
        assert abs((y.numpy() == label).sum() - n * (label == Y).mean()) < 1


def test_the_largest_remainders_get_what_is_left_over():
    y = np.repeat([0, 1, 2], [50, 30, 20])  # shares of 7 rows: 3.5, 2.1, 1.4
    sample = stratified(Arrays(np.zeros((100, 1)), y), 7, seed=0)
    assert labels(sample).bincount().tolist() == [4, 2, 1]


@pytest.mark.parametrize("seed", [0, 1, 2**63, -1])
def test_the_same_seed_chooses_the_same_rows_and_nothing_global_is_drawn(seed):
    before = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    chosen = [stratified(SOURCE, 50, seed).groups["row"].tolist() for _ in range(2)]
    assert chosen[0] == chosen[1]
    assert chosen[0] != stratified(SOURCE, 50, seed + 7).groups["row"].tolist()
    assert before == (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


def test_every_row_is_chosen_equally_often():
    y = np.repeat([0, 1], [30, 10])
    source = Arrays(np.zeros((40, 1)), y, groups={"row": np.arange(40)})
    drawn = np.concatenate([stratified(source, 8, seed).groups["row"] for seed in range(500)])
    assert np.bincount(drawn, minlength=40) == pytest.approx(np.full(40, 100), abs=45)  # 5 standard deviations


@pytest.mark.parametrize("n", [0, -1, N + 1])
def test_more_or_fewer_rows_than_there_are(n):
    with pytest.raises(InputError, match=f"n is {n}; pass 1 to {N}"):
        stratified(SOURCE, n, seed=0)


BACK = np.arange(N)[::-1]
SAME = {
    "arrays": SOURCE,
    "grouped": Grouped(SOURCE, {"a": Y}),
    "selected": Selected(Grouped(Arrays(X[BACK], Y[BACK]), {"a": Y}), BACK),
    "dataset": Mapped(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))),
}


@pytest.mark.parametrize("source", SAME.values(), ids=SAME)
@pytest.mark.parametrize("block", [1, 7, N, 9999])
def test_labels_and_fingerprint_do_not_depend_on_block_or_kind_of_source(source, block):
    assert labels(source, block).tolist() == Y.tolist()
    assert fingerprint(source, block) == fingerprint(SOURCE)


def test_labels_of_arrays_are_known_without_their_inputs():
    unreadable = Arrays(np.full((N, 1), np.nan), Y)
    chosen = Selected(Grouped(unreadable, {"a": Y}), np.arange(0, N, 2))
    assert labels(chosen).tolist() == Y[::2].tolist()


def test_the_fingerprint_is_the_sha256_of_what_its_docstring_says():
    inputs = hashlib.sha256(struct.pack("<4f", 0.5, 1, 2, -3)).hexdigest()
    truths = hashlib.sha256(struct.pack("<2q", 0, 1)).hexdigest()
    whole = hashlib.sha256(f"(2, 2) torch.float64 {inputs} {truths}".encode()).hexdigest()
    assert fingerprint(Arrays(np.array([[0.5, 1], [2, -3]]), [0, 1])) == whole


@pytest.mark.parametrize(
    "other",
    [
        Arrays(X + np.eye(N, 2, k=-5, dtype=np.float32), Y),
        Arrays(X, np.where(np.arange(N) == 5, 1, Y)),
        Arrays(X[:, None], Y),
        Arrays(X.astype(np.float64), Y),
        Arrays(X[:-1], Y[:-1]),
        Arrays(X[::-1], Y[::-1]),
    ],
    ids=["value", "label", "shape", "dtype", "length", "order"],
)
def test_the_fingerprint_changes_with(other):
    assert fingerprint(other) != fingerprint(SOURCE)
