"""One verb reads whatever a user has."""

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from brinell.data import NAMES, read
from brinell.errors import InputError, InputMissingError, InputTypeError

X, Y = torch.rand(5, 3), torch.arange(5)


def test_a_pair_of_tensors_arrays_or_lists():
    for pair in ((X, Y), (X.numpy(), Y.numpy()), (X.tolist(), Y.tolist())):
        x, y = read(pair).block(slice(None))
        assert torch.equal(x.float(), X)
        assert torch.equal(y, Y)


def test_a_map_style_data_set():
    source = read(TensorDataset(X, Y), groups={"a": Y})
    assert torch.equal(source.block(slice(1, 3))[0], X[1:3])
    assert source.groups["a"].tolist() == Y.tolist()


def test_given_groups_stand_before_those_of_the_source():
    inner = read((X, Y), groups={"a": Y, "b": Y})
    outer = read(inner, groups={"b": np.ones(5), "c": np.zeros(5)})
    assert {name: values.sum() for name, values in outer.groups.items()} == {"a": 10, "b": 5, "c": 0}
    assert set(inner.groups) == {"a", "b"}


@pytest.mark.parametrize("text", ["minst", "mnist:test", "no/such/file.npz", "a,b", ""])
def test_a_word_that_is_neither_a_name_nor_a_file(text):
    with pytest.raises(InputMissingError, match=f"is neither a data set .*{', '.join(NAMES)}.* nor a file"):
        read(text)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (X, "a Tensor;"),
        (X.numpy(), "a ndarray;"),
        ([X, Y], "a list of 2;"),
        ((X, Y, Y), "a tuple of 3;"),
        ({"x": X, "y": Y}, "a dict;"),
        (None, "a NoneType;"),
        (7, "a int;"),
    ],
)
def test_other_things(data, said):
    with pytest.raises(InputTypeError, match=rf"data is {said} pass the tuple \(x, y\)"):
        read(data)


def test_a_file_of_another_format(tmp_path):
    (tmp_path / "rows.txt").write_text("1,2,3")
    with pytest.raises(InputError, match=r"rows\.txt begins with 31 2c 32 2c; an IDX file .* or an \.npz"):
        read((tmp_path / "rows.txt"), groups={})


def test_a_file_whose_name_has_a_comma(tmp_path):
    np.savez(tmp_path / "a,b.npz", x=X.numpy(), y=Y.numpy())
    assert len(read(tmp_path / "a,b.npz")) == 5
