"""Every wrong input is told what it is and what to do instead."""

import numpy as np
import pytest
import torch

from brinell.data import Arrays, read
from brinell.errors import InputError, InputTypeError

X, Y = np.zeros((4, 2), dtype=np.float32), np.array([0, 1, 0, 1])
Q = torch.quantize_per_tensor

WRONG_DATA = {
    "no rows": ((X[:0], Y[:0]), InputError, r"x has shape \(0, 2\): no rows"),
    "no axis": ((X.sum(), Y), InputError, r"x has shape \(\): no rows"),
    "no trailing axis": ((X[:, 0], Y), InputError, r"x has shape \(4,\).*x\.reshape\(-1, 1\)"),
    "no values": ((X[:, :0], Y), InputError, r"x has shape \(4, 0\): rows without values"),
    "other lengths": ((X, Y[:3]), InputError, "x has 4 rows and y has 3"),
    "ragged lists": (([[1.0], [1.0, 2.0]], [0, 1]), InputError, "x is not a regular array"),
    "ragged tensors": (
        ([torch.ones(1), torch.ones(2)], [0, 1]),
        InputError,
        r"x has rows of shapes \[\(1,\), \(2,\)\]",
    ),
    "objects": ((X.astype(object), Y), InputTypeError, "x is of dtype object .*pass floats"),
    "strings": ((X.astype(str), Y), InputTypeError, "x is of dtype <U32"),
    "dates": ((X.astype("M8[s]"), Y), InputTypeError, r"x is of dtype datetime64\[s\]"),
    "complex array": ((X.astype(complex), Y), InputTypeError, "x is of dtype complex128"),
    "complex tensor": (
        (torch.zeros(4, 2, dtype=torch.cfloat), Y),
        InputTypeError,
        r"x is of dtype torch\.complex64",
    ),
    "sparse tensor": ((torch.zeros(4, 2).to_sparse(), Y), InputTypeError, r"pass x\.to_dense\(\)"),
    "float labels": ((X, Y * 1.0), InputTypeError, r"y is of dtype float64.*y\.astype\('int64'\)"),
    "float label tensor": ((X, torch.zeros(4)), InputTypeError, r"y is of dtype torch\.float32.*y\.long\(\)"),
    "one-hot labels": ((X, np.eye(4, dtype=int)), InputError, r"y has shape \(4, 4\).*y\.argmax\(1\)"),
    "column of labels": ((X, Y[:, None]), InputError, r"y has shape \(4, 1\).*y\.reshape\(-1\)"),
    "object labels": ((X, Y.astype(object)), InputTypeError, "y is of dtype object"),
    "named labels": ((X, np.array(list("abab"))), InputTypeError, r"y is of dtype <U1.*return_inverse"),
    "complex labels": (
        (X, torch.zeros(4, dtype=torch.cfloat)),
        InputTypeError,
        r"y is of dtype torch\.complex64",
    ),
    "one label": ((X, 3), InputError, r"y has shape \(\)"),
}


@pytest.mark.parametrize("case", WRONG_DATA)
def test_wrong_data(case):
    data, kind, message = WRONG_DATA[case]
    with pytest.raises(kind, match=f"(?s){message}"):
        read(data)


WRONG_GROUPS = {
    "another length": ({"a": [1, 2, 3]}, InputError, "group 'a' has 3 values for 4 rows"),
    "another length, tensor": ({"a": torch.ones(5)}, InputError, "group 'a' has 5 values for 4 rows"),
    "two axes": ({"a": X}, InputError, r"group 'a' has shape \(4, 2\); pass one value a row, shape \(4,\)"),
    "one value": ({"a": "abcd"}, InputError, r"group 'a' has shape \(\)"),
    "ragged": ({"a": [[1], [1, 2]]}, InputError, "group 'a' is not a regular array"),
    "a number for a name": ({3: Y}, InputTypeError, "a group is called 3"),
    "no name": ({"": Y}, InputTypeError, "a group is called ''"),
    "an array": (Y, InputTypeError, "groups are a ndarray; pass a dict"),
    "a list": ([Y], InputTypeError, "groups are a list; pass a dict"),
}


@pytest.mark.parametrize("case", WRONG_GROUPS)
def test_wrong_groups(case):
    groups, kind, message = WRONG_GROUPS[case]
    with pytest.raises(kind, match=message):
        read((X, Y), groups=groups)


@pytest.mark.parametrize("y", [Y.astype(bool), torch.from_numpy(Y).bool(), Y.tolist(), Y.astype(np.uint8)])
def test_two_classes_may_be_bool_and_integers_any(y):
    _, found = Arrays(X, y).block(slice(None))
    assert found.dtype == torch.int64
    assert found.tolist() == Y.tolist()


@pytest.mark.parametrize(
    "values",
    [["a", "b", "a", "b"], [1, None, 2, 3], torch.tensor([1.0, 2.0, 1.0, 2.0], requires_grad=True), Y > 0],
)
def test_groups_keep_their_values(values):
    found = read((X, Y), groups={"a": values}).groups["a"]
    assert found.tolist() == (values.tolist() if hasattr(values, "tolist") else values)
    assert found.shape == (4,)
