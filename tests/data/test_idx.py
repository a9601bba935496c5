"""IDX files: all dtypes, gzip or not, and no damage goes unseen."""

import gzip
import struct

import numpy as np
import pytest
import torch

from brinell.data import idx, read
from brinell.errors import InputError, InputMissingError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def packed(values: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, CODES[values.dtype.str[1:]], values.ndim, *values.shape)
    return header + values.astype(values.dtype.newbyteorder(">")).tobytes()


IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2], dtype=np.uint8)


@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("shape", [(3,), (3, 2), (2, 3, 4, 5)], ids=str)
def test_reads_back_every_dtype(tmp_path, dtype, shape, wrap):
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    path = tmp_path / "values"
    path.write_bytes(wrap(packed(values)))
    found = idx.read_idx(path)
    assert isinstance(found, np.memmap)
    assert found.dtype.newbyteorder("=") == values.dtype
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("stem", ["t10k-{}-ubyte", "train-{}-ubyte", "a.{}", "{}"])
@pytest.mark.parametrize("gz", [("", ""), (".gz", ".gz"), ("", ".gz"), (".gz", "")])
def test_images_are_bytes_over_255_with_a_channel_and_find_their_labels(tmp_path, stem, gz):
    images = tmp_path / (stem.format("images-idx3") + gz[0])
    labels = tmp_path / (stem.format("labels-idx1") + gz[1])
    images.write_bytes(gzip.compress(packed(IMAGES)) if gz[0] else packed(IMAGES))
    labels.write_bytes(gzip.compress(packed(LABELS)) if gz[1] else packed(LABELS))
    source = read(images)
    x, y = source.block(slice(None))
    assert source.name == images.name
    assert torch.equal(x, torch.from_numpy(IMAGES)[:, None].float() / 255)
    assert y.tolist() == LABELS.tolist()


def test_two_files_of_any_name(tmp_path):
    (tmp_path / "a").write_bytes(packed(IMAGES.astype("f4")))
    (tmp_path / "b").write_bytes(packed(LABELS))
    x, y = read(f"{tmp_path}/a, {tmp_path}/b").block(slice(None))
    assert torch.equal(x, torch.from_numpy(IMAGES).float())
    assert y.tolist() == LABELS.tolist()


def test_labels_that_are_not_there(tmp_path):
    for name in ("some-images-idx3-ubyte", "plain"):
        path = tmp_path / name
        path.write_bytes(packed(IMAGES))
        with pytest.raises(InputMissingError, match=r"no labels to .*images\.idx,labels\.idx"):
            read(path)


GOOD = packed(IMAGES)
DAMAGED = {
    "cut off within the data": (GOOD[:-1], "cut off: 119 bytes of data where shape .* takes 120"),
    "cut off within the header": (GOOD[:9], "cut off within its header"),
    "followed by more": (GOOD + b"!", "followed by bytes"),
    "of another kind": (b"<html>", "begins with 3c 68 74 6d"),
    "of an unknown dtype": (b"\0\0\x0a\x01" + GOOD[4:], "begins with 00 00 0a 01"),
    "empty": (b"", "begins with nothing"),
    "gzip, cut off": (gzip.compress(GOOD)[:-9], "is damaged"),
    "gzip, changed": (gzip.compress(GOOD)[:-6] + b"??" + gzip.compress(GOOD)[-4:], "is damaged"),
    "gzip of too little": (gzip.compress(GOOD[:-1]), "cut off"),
    "gzip of too much": (gzip.compress(GOOD + b"!"), "followed by bytes"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damage_names_the_file(tmp_path, case):
    content, message = DAMAGED[case]
    path = tmp_path / "the-images"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"(?s)the-images.*{message}"):
        idx.read_idx(path)


def test_an_empty_array_is_no_data(tmp_path):
    (tmp_path / "x").write_bytes(packed(IMAGES[:0]))
    (tmp_path / "y").write_bytes(packed(LABELS[:0]))
    with pytest.raises(InputError, match="no rows"):
        read(f"{tmp_path}/x,{tmp_path}/y")
