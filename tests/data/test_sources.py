"""What holds for every source: any rows, any number of times, and nothing is lent out."""

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from brinell.data import Arrays, Grouped, Mapped, Selected, Source, bounds_of, classes_of, follow, labels, read
from brinell.data.relabelled import Relabelled
from brinell.errors import InputError, InputTypeError

N = 11
X = torch.rand(N, 2, 3, generator=torch.Generator().manual_seed(0))
Y = torch.arange(N) % 3
AGES = np.arange(N) * 10
BACK = np.arange(2 * N)[::-2] // 2  # row numbers from the last to the first


def memmapped(folder):
    file = np.memmap(folder / "x", np.float32, "w+", shape=tuple(X.shape))
    file[:] = X.numpy()
    return Arrays(np.memmap(folder / "x", np.float32, "r", shape=tuple(X.shape)), Y, groups={"age": AGES})


SOURCES = {
    "tensors": lambda _: Arrays(X, Y, groups={"age": AGES}),
    "arrays": lambda _: Arrays(X.numpy(), Y.numpy(), groups={"age": AGES}),
    "columns first": lambda _: Arrays(np.asfortranarray(X.numpy()), Y.numpy(), groups={"age": AGES}),
    "memmap": memmapped,
    "lists": lambda _: Arrays(X.tolist(), Y.tolist(), groups={"age": AGES.tolist()}),
    "lists of tensors": lambda _: Arrays(list(X), list(Y), groups={"age": list(AGES)}),
    "dataset": lambda _: Mapped(TensorDataset(X, Y), groups={"age": torch.from_numpy(AGES)}),
    "relabelled": lambda _: Relabelled(
        Arrays(X, 2 - Y, groups={"age": AGES}, classes=("a", "b", "c")), ("c", "b", "a")
    ),
    "selected": lambda _: Selected(Arrays(X.flip(0), Y.flip(0), groups={"age": AGES[::-1]}), BACK),
    "grouped": lambda _: Grouped(Arrays(X, Y, groups={"age": np.ones(N)}), {"age": AGES}),
}


@pytest.fixture(params=SOURCES)
def source(request, tmp_path):
    return SOURCES[request.param](tmp_path)


@pytest.mark.parametrize(
    "rows",
    [slice(None), slice(3, 7), slice(9, 99), np.array([4, 0, 4]), np.array([10], dtype=np.uint8)],
    ids=str,
)
def test_gives_the_rows_asked_for(source, rows):
    x, y = source.block(rows)
    assert torch.equal(x, torch.from_numpy(X.numpy()[rows]).to(x.dtype))
    assert torch.equal(y, torch.from_numpy(Y.numpy()[rows]))
    assert (y.dtype, x.device.type) == (torch.int64, "cpu")
    assert x.is_floating_point()
    assert x.is_contiguous()


def test_is_a_source_with_a_length_a_name_and_groups(source):
    assert isinstance(source, Source)
    assert read(source) is source
    assert len(source) == N
    assert isinstance(source.name, str)
    np.testing.assert_array_equal(source.groups["age"], AGES)


def test_a_block_is_the_callers_own(source):
    for rows in (slice(2, 5), np.array([2, 3, 4])):
        x, y = source.block(rows)
        x.fill_(-1)
        y.fill_(-1)
    x, y = source.block(slice(2, 5))
    assert torch.equal(x, X[2:5].to(x.dtype))
    assert torch.equal(y, Y[2:5])


def test_labels_do_not_follow_what_is_done_to_the_argument():
    y = Y.clone()
    source = Arrays(X, y)
    y.fill_(2)
    assert torch.equal(source.block(slice(None))[1], Y)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (torch.float64, torch.float64),
        (torch.float16, torch.float16),
        (torch.bfloat16, torch.bfloat16),
        (torch.uint8, torch.float32),
        (torch.int64, torch.float32),
        (torch.bool, torch.float32),
    ],
)
def test_floating_dtypes_are_kept_and_others_become_float32(given, kept):
    x = (X * 9).to(given)
    found, _ = Arrays(x, Y).block(slice(None))
    assert found.dtype == kept
    assert torch.equal(found, x.to(kept))
    if given != torch.bfloat16:  # which numpy has not got
        assert torch.equal(Arrays(x.numpy(), Y).block(slice(None))[0], found)


def test_dtypes_that_torch_has_not_got():
    x = np.arange(N, dtype=np.longdouble)[:, None]
    assert Arrays(x, Y).block(slice(None))[0].dtype == torch.float64
    assert torch.equal(Arrays(X.numpy().astype(">f4"), Y).block(slice(None))[0], X)


def test_bytes_over_the_scale_are_exact_quotients():
    x = np.arange(N * 20, dtype=np.uint8).reshape(N, 20)
    found, _ = Arrays(x, Y, scale=255.0).block(slice(None))
    assert torch.equal(found, torch.from_numpy(x).float() / 255)


def test_inputs_with_gradients_give_blocks_without():
    x, _ = Arrays(X.clone().requires_grad_(), Y).block(slice(None))
    assert not x.requires_grad


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_the_first_row_that_is_not_finite_is_named_by_its_number(bad):
    x = X.clone()
    x[7, 1, 2] = x[9, 0, 0] = bad
    source = Arrays(x, Y)
    source.block(slice(0, 7))
    for rows in (slice(5, None), np.array([0, 7, 9])):
        with pytest.raises(InputError, match=rf"x holds {bad} in row 7, position \(1, 2\)"):
            source.block(rows)
    with pytest.raises(InputError, match="row 7"):
        Selected(source, [1, 7]).block(slice(None))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([-1, 3], "runs from -1 to 3; rows of this source are numbered 0 to 10"),
        ([11], "runs from 11 to 11"),
        ([], "at least one"),
        (Y.numpy() == 1, "np.flatnonzero"),
        ([[1]], "shape"),
    ],
)
def test_rows_that_cannot_be_selected(index, message):
    with pytest.raises(InputError, match=message):
        Selected(Arrays(X, Y), index)


class Noisy(TensorDataset):
    def __getitem__(self, row):
        x, y = super().__getitem__(row)
        return x + torch.rand(()), y


def test_a_data_set_that_gives_other_values_each_time():
    with pytest.raises(InputError, match="leave random transforms"):
        Mapped(Noisy(X, Y))


class Rows:
    def __init__(self, *items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, row):
        return self.items[row]


@pytest.mark.parametrize(
    ("dataset", "kind", "message"),
    [
        (Rows(), InputError, "no rows"),
        (iter([1]), InputTypeError, "has no length"),
        (
            Rows({"image": X[0], "label": 1}),
            InputTypeError,
            "a dict with the keys 'image', 'label'; it must be",
        ),
        (Rows(X[0], X[1]), InputTypeError, "a batch of the data set is a Tensor"),
        (Rows((X[0],)), InputTypeError, "a list of 1"),
        (Rows((X[0], 1), (X[0, :1], 1)), InputError, "do not form a batch"),
        (Rows((object(), 1)), InputError, "do not form a batch"),
        (Rows((X[0], 0.5)), InputTypeError, "y is of dtype torch.float64"),
        (Rows((X[0], "cat")), InputTypeError, "y is of dtype <U3"),
    ],
)
def test_data_sets_that_are_refused(dataset, kind, message):
    with pytest.raises(kind, match=message):
        Mapped(dataset)


def test_a_data_set_whose_items_are_batches():
    with pytest.raises(InputError, match="gives 11 inputs and 11 labels for 1 rows"):
        Mapped(Rows((X, Y)), collate=lambda items: items[0])


def test_labels_follow_the_models_names_of_the_classes():
    source = Arrays(X, Y, groups={"age": AGES}, classes=("cat", "dog", "eel"), bounds=(0, 1))
    assert follow(source, None) is source
    assert follow(source, ("cat", "dog", "eel")) is source
    assert follow(source, ("cat", "dog")) is source
    assert follow(Arrays(X, Y), ("eel", "dog", "cat")).block(slice(None))[1].tolist() == Y.tolist()
    turned = follow(source, ("eel", "newt", "dog", "cat"))
    expected = torch.tensor([3, 2, 0])[Y]
    assert torch.equal(turned.block(slice(2, 7))[1], expected[2:7])
    assert torch.equal(labels(turned), expected)
    assert (classes_of(turned), bounds_of(turned)) == (("eel", "newt", "dog", "cat"), (0, 1))
    assert follow(turned, classes_of(turned)) is turned
    np.testing.assert_array_equal(turned.groups["age"], AGES)


@pytest.mark.parametrize("names", [None, ("cat", "dog", "eel")])
def test_labels_that_cannot_follow(names):
    with pytest.raises(
        InputError, match=r"cannot be numbered by names of classes: it (does not name|has the class 'eel')"
    ):
        Relabelled(Arrays(X, Y, classes=names), ("cat", "dog"))
