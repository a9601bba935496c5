"""Tables of numeric features, and what is wrong with them said by name."""

import gzip
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

from brinell.bounds import Bounds
from brinell.data import bounds_of, classes_of, labels, read, read_table, stratified
from brinell.errors import InputError, InputMissingError

ROWS = {
    "age": [30, 41, 52, 23],
    "hours": [40.5, 38.0, 60.25, 20.0],
    "insured": [True, False, True, True],
    "sex": ["f", "m", "f", None],
    "income": ["low", "high", "high", "low"],
}
X = [[30, 40.5, 1], [41, 38, 0], [52, 60.25, 1], [23, 20, 1]]


def text(delimiter=",", end="\n"):
    columns = ([name, *("" if value is None else str(value) for value in values)] for name, values in ROWS.items())
    lines = zip(*columns, strict=True)
    return end.join(delimiter.join(line) for line in lines) + end


def write_parquet(path):
    pa.parquet.write_table(pa.table(ROWS), path)


def write_coded_parquet(path):
    table = pa.table(ROWS)
    for name in ("sex", "income"):
        number = table.column_names.index(name)
        table = table.set_column(number, name, table[name].dictionary_encode())
    pa.parquet.write_table(table, path)


FILES = {
    "people.csv": lambda path: path.write_text(text()),
    "semicolons.csv": lambda path: path.write_text(text(";")),
    "windows.csv": lambda path: path.write_bytes(b"\xef\xbb\xbf" + text(end="\r\n").encode()),
    "people.tsv": lambda path: path.write_text(text("\t")),
    "people.csv.gz": lambda path: path.write_bytes(gzip.compress(text().encode())),
    "people.parquet": write_parquet,
    "coded.parquet": write_coded_parquet,
}


@pytest.fixture(params=FILES)
def path(request, tmp_path):
    FILES[request.param](tmp_path / request.param)
    return tmp_path / request.param


@pytest.fixture
def people(tmp_path):
    write_parquet(tmp_path / "people.parquet")
    return tmp_path / "people.parquet"


def test_numbers_are_inputs_and_the_rest_by_name(path):
    source = read(f"{path}:label=income,groups=sex")
    x, y = source.block(slice(None))
    assert torch.equal(x, torch.tensor(X))
    assert y.tolist() == [1, 0, 0, 1]
    assert (source.name, source.columns, classes_of(source)) == (
        path.name,
        ("age", "hours", "insured"),
        ("high", "low"),
    )
    assert source.groups["sex"].tolist() == ["f", "m", "f", "missing"]


def test_the_classes_can_be_in_the_models_order(people):
    assert labels(read(f"{people}:label=income,groups=sex,classes=low+high")).tolist() == [0, 1, 1, 0]
    with pytest.raises(InputError, match="income holds 'high' in row 1, which is none of the classes low, middle"):
        read(f"{people}:label=income,groups=sex,classes=low+middle")
    with pytest.raises(InputError, match="name each of them once"):
        read_table(people, label="income", groups=["sex"], classes=["low", "low"])


def test_columns_choose_the_features_and_a_group_can_be_one(people):
    source = read(f"{people}:label=income,columns=hours+insured,groups=insured+sex")
    assert torch.equal(source.block(slice(None))[0], torch.tensor(X)[:, 1:])
    assert source.groups["insured"].tolist() == ROWS["insured"]


def test_bounds_are_those_of_the_data_unless_they_are_given(people):
    whole = read_table(people, label="income", groups=["sex"], bounds={"age": (0, 100)})
    for source in (whole, stratified(whole, 2, 0)):  # a sample of the rows is within the bounds of all
        bounds = Bounds.of(bounds_of(source))
        assert bounds.low.tolist() == [0, 20, 0]
        assert bounds.high.tolist() == [100, 60.25, 1]


def test_a_column_of_one_value_has_no_bounds(people):
    pa.parquet.write_table(pa.table({"a": [1.0, 2.0], "b": [5, 5], "y": [0, 1]}), people)
    source = read_table(people)
    with pytest.raises(
        InputError, match=r"the column b of people.parquet holds nothing but 5.*bounds=\{'b': \(low, high\)\}"
    ):
        bounds_of(source)
    assert read_table(people, bounds={"b": (0, 9)}).bounds[1].tolist() == [2, 9]


@pytest.mark.parametrize("values", [[1, 0], [True, False], [1.0, 0.0], np.array([1, 0], np.uint8)])
def test_labels_that_are_numbers_stay_so(people, values):
    pa.parquet.write_table(pa.table({"a": [1.0, 2.0], "target": values}), people)
    source = read(people)
    assert (labels(source).tolist(), classes_of(source)) == ([1, 0], None)


def test_numbers_can_be_numbered_anew(people):
    pa.parquet.write_table(pa.table({"a": [1.0, 2.0], "y": [2, 1]}), people)
    assert labels(read(f"{people}:classes=1+2")).tolist() == [1, 0]
    pa.parquet.write_table(pa.table({"a": [1.0, 2.0], "y": [2.0, 1.0]}), people)
    assert labels(read_table(people, classes=[1, 2])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("label=income", "the column sex is no number ('f' in row 0). An attack changes numbers: encode it as numbers"),
        ("label=wage", "has no column 'wage'; it has: age, hours, insured, sex, income"),
        ("label=income,groups=race", "has no column 'race'"),
        ("label=income,columns=height", "has no column 'height'"),
        ("label=income,columns=age+income", "the column income of"),
        ("groups=sex", "which column of"),
        ("label=sex", "the column sex has no value in row 3, and in 1 of 4 rows"),
        ("label=hours", "the column hours holds 40.5 in row 0; labels are classes"),
        ("label=income,groups=age+hours+insured+sex", "has no column beside label and groups"),
        ("labels=income", "has no option 'labels'; it has: label, groups, columns, classes"),
    ],
)
def test_columns_that_do_not_fit(people, options, says):
    with pytest.raises(InputError) as problem:
        read(f"{people}:{options}")
    assert says in str(problem.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a,y\n1,0\n2,1\n?,1\n", "the column a is no number ('?' in row 2)"),
        ("a,y\n1,0\n,1\n3,0\n,0\n", "the column a has no value in row 1, and in 2 of 4 rows; fill them"),
        ("a,y\n1,0\ninf,1\n", "the column a holds inf in row 1, and in 1 of 2 rows"),
        ("a,a,y\n1,2,0\n", "has two columns called 'a'"),
        ("a,y\n1,0\n2,1,7\n", "cannot be read as a table: CSV parse error"),
        ("a,y\n", "has no rows"),
        ("\n", "is empty, or does not begin with a line of column names"),
        ("", "is empty"),
        ("day,y\n2020-01-01,0\n2020-01-02,1\n", "the column day is no number"),
    ],
)
def test_files_that_do_not_fit(tmp_path, content, says):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(InputError) as problem:
        read(tmp_path / "a.csv")
    assert says in str(problem.value)


def test_nan_in_a_parquet_file_is_missing_too(people):
    pa.parquet.write_table(pa.table({"a": [1.0, float("nan")], "y": [2, 1]}), people)
    with pytest.raises(InputError, match="the column a holds nan in row 1"):
        read(people)


def test_a_damaged_parquet_file(people):
    people.write_bytes(people.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"people.parquet cannot be read as a table"):
        read(people)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputMissingError, match="there is no file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(InputMissingError, match="is neither a data set"):
        read(tmp_path / "none.csv")


def test_names_and_arrays_have_no_options(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 1)), y=[0, 1])
    with pytest.raises(InputError, match=r"a.npz has no options, and size=8 is given"):
        read(f"{tmp_path / 'a.npz'}:size=8")


@pytest.mark.data
def test_german_credit():
    path = Path(os.environ["BRINELL_DATA"]) / "adult" / "german.csv.gz"
    with pytest.raises(InputError, match=r"the column .* is no number .*'A11' in row 0"):
        read(f"{path}:label=class")
    person = "personal-status-and-sex"
    source = read(
        f"{path}:label=class,classes=1+2,columns=duration-in-month+credit-amount+age-in-years,groups={person}"
    )
    assert (len(source), labels(source).bincount().tolist()) == (1000, [700, 300])
    assert set(source.groups[person]) == {"A91", "A92", "A93", "A94"}
    assert bounds_of(source)[0].min() > 0
