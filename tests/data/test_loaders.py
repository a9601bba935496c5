"""A DataLoader is read as its data set: same rows whatever it would shuffle, and nothing drawn."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from brinell.data import read
from brinell.errors import InputError, InputTypeError

N = 10
X, Y = torch.arange(N * 3.0).reshape(N, 3), torch.arange(N) % 3
ROWS = TensorDataset(X, Y)
GROUPS = {"age": np.arange(N)}


def doubled(items):
    return 2 * torch.stack([x for x, _ in items]), torch.tensor([int(y) for _, y in items]), "the rest"


ORDERED = {
    "plain": DataLoader(ROWS, batch_size=4),
    "drops the last": DataLoader(ROWS, batch_size=4, drop_last=True),
    "one by one": DataLoader(ROWS, batch_size=None),
    "batch sampler": DataLoader(ROWS, batch_sampler=BatchSampler(SequentialSampler(ROWS), 4, False)),
}
SHUFFLED = {
    "shuffled": DataLoader(ROWS, batch_size=4, shuffle=True),
    "shuffled one by one": DataLoader(ROWS, batch_size=None, shuffle=True),
    "shuffled batches": DataLoader(ROWS, batch_sampler=BatchSampler(RandomSampler(ROWS), 4, False)),
}


@pytest.mark.parametrize("loader", [*ORDERED.values(), *SHUFFLED.values()], ids=[*ORDERED, *SHUFFLED])
def test_rows_come_in_the_order_of_the_data_set_and_nothing_is_drawn(loader):
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    source = read(loader)
    x, y = source.block(slice(None))
    assert torch.equal(x, X)
    assert torch.equal(y, Y)
    assert source.name == "loader"
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (random.getstate(), np.random.get_state()[1].tolist())


@pytest.mark.parametrize("loader", ORDERED.values(), ids=ORDERED)
def test_groups_beside_a_loader_that_keeps_the_order(loader):
    assert read(loader, groups=GROUPS).groups["age"].tolist() == list(range(N))


@pytest.mark.parametrize("loader", SHUFFLED.values(), ids=SHUFFLED)
def test_groups_beside_a_loader_that_shuffles(loader):
    with pytest.raises(InputError, match=r"pass DataLoader\(\.\.\., shuffle=False\)"):
        read(loader, groups=GROUPS)
    assert len(read(loader, groups={})) == N


class Halves(BatchSampler):
    """Batches in an order of its own."""


CHOOSING = {
    "SubsetRandomSampler": {"sampler": SubsetRandomSampler([1, 2])},
    "WeightedRandomSampler": {"sampler": WeightedRandomSampler([1.0] * N, N)},
    "list": {"sampler": [3, 2, 1]},
    "Halves": {"batch_sampler": Halves(SequentialSampler(ROWS), 4, False)},
    "SequentialSampler": {"sampler": SequentialSampler(range(3))},
    "RandomSampler": {"sampler": RandomSampler(ROWS, replacement=True)},
}


@pytest.mark.parametrize("name", CHOOSING)
def test_samplers_that_choose_rows(name):
    with pytest.raises(InputError, match=rf"draws its rows by {name}, .*torch\.utils\.data\.Subset"):
        read(DataLoader(ROWS, **CHOOSING[name]))


def test_the_remedy_for_them_works():
    source = read(DataLoader(Subset(ROWS, [7, 2]), batch_size=1), groups={"age": [7, 2]})
    assert torch.equal(source.block(slice(None))[0], X[[7, 2]])


def test_the_collate_function_makes_the_batches():
    x, y = read(DataLoader(ROWS, batch_size=2, collate_fn=doubled)).block(np.array([9, 0]))
    assert torch.equal(x, 2 * X[[9, 0]])
    assert torch.equal(y, Y[[9, 0]])


class Stream(IterableDataset):
    def __iter__(self):
        yield X[0], 0


@pytest.mark.parametrize("data", [Stream(), DataLoader(Stream())], ids=["data set", "loader"])
def test_a_stream_has_no_rows_to_read_again(data):
    with pytest.raises(InputTypeError, match="IterableDataset, whose rows have no numbers"):
        read(data)


def test_without_a_batch_size_items_must_be_rows():
    batches = TensorDataset(X.reshape(5, 2, 3), Y.reshape(5, 2))
    with pytest.raises(InputError, match=r"labels of shape \(2,\): a batch, not a row"):
        read(DataLoader(batches, batch_size=None))


def test_an_empty_data_set():
    with pytest.raises(InputError, match="no rows"):
        read(DataLoader(TensorDataset(X[:0], Y[:0])))
