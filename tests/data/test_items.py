"""Data sets whose items have names: Hugging Face data sets, and torch data sets of dicts and tuples."""

import datasets
import numpy as np
import pytest
import torch
from pictures import pixels
from PIL import Image

from brinell.data import Frame, Source, classes_of, columns_of, labels, read, read_dataset
from brinell.errors import InputError, InputTypeError

N = 5
LABELS = [0, 1, 0, 1, 0]
SEX = list("mfmfm")
FEATURES = datasets.Features(
    {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"]), "sex": datasets.Value("string")}
)


def pictures(mode="RGB"):
    return [Image.fromarray(pixels(number, mode=mode)) for number in range(N)]


@pytest.fixture(scope="module")
def animals():
    return datasets.Dataset.from_dict({"image": pictures(), "label": LABELS, "sex": SEX}, features=FEATURES)


def table(**columns):
    return datasets.Dataset.from_dict(columns)


def expected(numbers):
    return torch.stack([torch.from_numpy(pixels(number)).permute(2, 0, 1).float() / 255 for number in numbers])


@pytest.mark.parametrize("rows", [slice(None), slice(1, 3), np.array([4, 0, 4])], ids=str)
def test_a_hugging_face_data_set_is_read_by_its_features(animals, rows):
    source = read(animals)
    x, y = source.block(rows)
    assert isinstance(source, Source)
    assert torch.equal(x, expected(np.arange(N)[rows]))
    assert y.tolist() == np.array(LABELS)[rows].tolist()
    assert (classes_of(source), source.bounds) == (("cat", "dog"), (0.0, 1.0))
    assert x.is_contiguous()


def test_groups_by_name_and_class_labels_by_theirs(animals):
    source = read_dataset(animals, groups={"animal": "label", "who": "sex"}, label="label")
    assert source.groups["animal"].tolist() == ["cat", "dog", "cat", "dog", "cat"]
    assert read_dataset(animals, groups=["sex"]).groups["sex"].tolist() == SEX


def test_formats_and_transforms_are_left_out(animals):
    changed = animals.with_transform(lambda batch: {"image": [0] * len(batch["image"])})
    assert torch.equal(read(changed).block(slice(None))[0], expected(range(N)))
    assert torch.equal(read(animals.with_format("numpy")).block(slice(None))[0], expected(range(N)))


def test_the_order_of_the_classes_can_be_the_models(animals):
    assert labels(read_dataset(animals, classes=["dog", "cat"])).tolist() == [1, 0, 1, 0, 1]


def test_a_frame_brings_pictures_to_one_form(animals):
    assert read_dataset(animals, frame=Frame((8, 9), mode="L")).block(slice(None))[0].shape == (N, 1, 8, 9)


def test_numbers_are_features():
    source = read(table(a=[1.0, 2.0], b=[3, 4], label=[0, 1]))
    assert source.block(slice(None))[0].tolist() == [[1, 3], [2, 4]]
    chosen = read_dataset(table(a=[1.0, 2.0], b=[3, 4], label=[0, 1], c=["x", None]), x=["b"], groups=["c"])
    assert chosen.block(slice(None))[0].tolist() == [[3], [4]]
    assert chosen.groups["c"].tolist() == ["x", "missing"]


def test_arrays_are_features():
    waves = np.arange(6.0).reshape(2, 3).tolist()
    assert read(table(wave=waves, y=["b", "a"])).block(slice(None))[0].tolist() == waves
    features = datasets.Features({"grid": datasets.Array2D((2, 2), "float32"), "label": datasets.Value("int64")})
    grids = datasets.Dataset.from_dict({"grid": np.ones((3, 2, 2)).tolist(), "label": [0, 1, 2]}, features=features)
    x, y = read(grids).block(slice(None))
    assert (x.shape, y.tolist()) == ((3, 2, 2), [0, 1, 2])


def test_a_saved_data_set_is_a_folder(animals, tmp_path):
    animals.save_to_disk(tmp_path / "animals")
    source = read(f"{tmp_path / 'animals'}:size=4,groups=sex")
    assert source.block(slice(None))[0].shape == (N, 3, 4, 4)
    assert (source.name, source.groups["sex"].tolist()) == ("animals", SEX)
    datasets.DatasetDict(test=animals).save_to_disk(tmp_path / "both")
    with pytest.raises(InputError, match=r"both holds several splits; name the folder of one"):
        read(tmp_path / "both")
    assert len(read(tmp_path / "both" / "test")) == N


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda animals: datasets.DatasetDict(test=animals), r"has several splits; pass one of them: data\['test'\]"),
        (lambda animals: animals.to_iterable_dataset(), "pass a data set that is not streamed"),
        (lambda animals: animals.select([]), "no rows"),
        (lambda animals: animals.remove_columns("label"), "which field of the data set is meant by label"),
        (lambda animals: animals.remove_columns("image"), "which field of the data set is meant by x"),
        (lambda _: table(a=[1.0], label=[None]), "the field 'label' of the data set has no label in row 0"),
        (lambda _: table(a=[1.0], label=[0.5]), "holds 0.5 in row 0; labels are classes"),
    ],
)
def test_data_sets_that_are_refused(animals, make, says):
    with pytest.raises(InputError, match=says):
        read(make(animals))


def test_fields_that_are_not_there(animals):
    with pytest.raises(InputError, match="no field 'race'; it has: 'image', 'label', 'sex'"):
        read_dataset(animals, groups=["race"])


def test_a_hidden_label_is_none(animals):
    hidden = datasets.Dataset.from_dict({"image": pictures(), "label": [-1] * N, "sex": SEX}, features=FEATURES)
    with pytest.raises(InputError, match="no label in row 0"):
        read(hidden)


@pytest.mark.parametrize("odd", [Image.new("RGB", (9, 9)), Image.new("L", (5, 6))], ids=["size", "mode"])
def test_a_row_of_another_shape_is_named(odd):
    mixed = datasets.Dataset.from_dict(
        {"image": [*pictures()[:4], odd], "label": LABELS, "sex": SEX}, features=FEATURES
    )
    with pytest.raises(
        InputError, match=r"row 4 of the data set 'dataset' has shape .*row 0 has \(3, 6, 5\).*frame=224"
    ):
        read(mixed)
    assert read_dataset(mixed, frame=Frame((6, 5), mode="RGB")).block(slice(None))[0].shape == (N, 3, 6, 5)


class Rows(torch.utils.data.Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, row):
        return self.items[row]


ITEMS = [
    {"x": torch.full((2, 3), float(number)), "label": torch.tensor(LABELS[number]), "sex": SEX[number]}
    for number in range(N)
]


@pytest.mark.parametrize(
    ("dataset", "fields"),
    [
        (Rows(ITEMS), {"groups": ["sex"]}),
        (Rows([tuple(item.values()) for item in ITEMS]), {"groups": {"sex": 2}}),
        (Rows([{"in": item["x"], "out": LABELS[0], "sex": "m"} for item in ITEMS]), {"x": "in", "label": "out"}),
    ],
    ids=["dicts", "tuples", "named"],
)
def test_torch_data_sets_of_dicts_and_tuples(dataset, fields):
    source = read_dataset(dataset, **fields)
    x, y = source.block(np.array([3, 0]))
    assert torch.equal(x, torch.stack([ITEMS[3]["x"], ITEMS[0]["x"]]))
    assert y.tolist() == ([1, 0] if "groups" in fields else [0, 0])
    assert source.bounds is None
    if "groups" in fields:
        assert source.groups["sex"].tolist() == SEX


def test_torch_data_sets_of_pictures_as_torchvision_gives_them():
    source = read_dataset(Rows(list(zip(pictures(), LABELS, strict=True))))
    assert torch.equal(source.block(slice(None))[0], expected(range(N)))


class Shaky(Rows):
    def __getitem__(self, row):
        item = self.items[row]
        return item | {"x": item["x"] + torch.rand(())}


@pytest.mark.parametrize(
    ("dataset", "fields", "says"),
    [
        (Rows([]), {}, "no rows"),
        (Rows([torch.zeros(3)]), {}, "an item of the data set is a Tensor"),
        (Rows([{"a": 1.0, "b": 1}]), {}, "which field of the data set is meant by label"),
        (Rows([{"a": 1.0, "label": 1}]), {}, "which field of the data set is meant by x.*'a', 'label'"),
        (Rows(ITEMS), {"groups": ["age"]}, "no field 'age'; it has: 'x', 'label', 'sex'"),
        (Shaky(ITEMS), {}, "leave random transforms"),
        (Rows([(torch.tensor([1.0, float("nan")]), 1)]), {}, "nan in row 0"),
        (Rows([(torch.tensor([1.0]), 0.5)]), {}, "holds 0.5 in row 0"),
    ],
)
def test_torch_data_sets_that_are_refused(dataset, fields, says):
    with pytest.raises(InputError, match=says):
        read_dataset(dataset, **fields)


def test_a_stream_is_a_type_error():
    with pytest.raises(InputTypeError, match="not streamed"):
        read_dataset(iter(ITEMS))


def test_fields_of_one_number_each_name_the_columns(animals):
    assert columns_of(read(table(age=[30.0, 41.0], hours=[40.0, 20.0], label=[0, 1]))) == ("age", "hours")
    assert columns_of(read(animals)) is None
