"""An .npz file is mapped, not loaded; nothing is unpickled, and no damage goes unseen."""

import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
import torch

from brinell.data import read
from brinell.errors import InputError

SAVES = [np.savez, np.savez_compressed]
X = np.random.default_rng(0).random((7, 3, 2), dtype=np.float32)
Y = np.arange(7) % 3


@pytest.fixture(params=SAVES, ids=lambda save: save.__name__)
def save(request):
    return request.param


def test_reads_back_inputs_labels_and_groups(tmp_path, save):
    path = tmp_path / "rows.npz"
    speakers = np.array(list("abcabca"))
    save(path, x=X, y=Y, group_speaker=speakers, group_age=np.arange(7.0), unused=np.ones(3))
    source = read(path, groups={"age": np.arange(7)})
    x, y = source.block(slice(2, 5))
    assert torch.equal(x, torch.from_numpy(X[2:5]))
    assert y.tolist() == Y[2:5].tolist()
    assert source.name == "rows.npz"
    assert set(source.groups) == {"speaker", "age"}
    assert source.groups["speaker"].tolist() == speakers.tolist()
    assert source.groups["age"].dtype == np.int64


@pytest.mark.parametrize("dtype", ["u1", "<f8", ">f4", "f2", ">i2", "?"])
@pytest.mark.parametrize("order", "CF")
def test_any_dtype_byte_order_and_memory_order(tmp_path, save, dtype, order):
    x = np.asarray(X * 9, dtype=dtype, order=order)
    save(tmp_path / "rows.npz", y=Y, x=x)
    found, _ = read(str(tmp_path / "rows.npz")).block(np.array([5, 1]))
    np.testing.assert_array_equal(found.numpy(), x[[5, 1]])
    assert found.is_contiguous()


def test_memory_does_not_grow_with_the_rows(tmp_path, save):
    x = np.zeros((2000, 32, 32, 3), dtype=np.float32)
    save(tmp_path / "rows.npz", x=x, y=np.zeros(2000, dtype=np.int8))
    tracemalloc.start()
    try:
        source = read(tmp_path / "rows.npz")
        source.block(slice(1000, 1010))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < x.nbytes / 4


def test_an_array_within_another_kind_of_zip(tmp_path):
    path = tmp_path / "rows.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, values in (("x", X), ("y", Y)):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, values)
    assert torch.equal(read(path).block(slice(None))[0], torch.from_numpy(X))


def test_missing_arrays_are_named_beside_what_is_there(tmp_path, save):
    save(tmp_path / "rows.npz", x=X, labels=Y)
    with pytest.raises(InputError, match=r"rows\.npz has no array y; it has: x, labels"):
        read(tmp_path / "rows.npz")


@pytest.mark.parametrize("name", ["x", "y", "group_speaker"])
def test_python_objects_are_refused(tmp_path, save, name):
    arrays = {"x": X, "y": Y, "group_speaker": Y}
    save(tmp_path / "rows.npz", **(arrays | {name: np.array([{}] * 7, dtype=object)}))
    with pytest.raises(InputError, match=rf"rows\.npz: the array {name} holds Python objects"):
        read(tmp_path / "rows.npz")


def test_a_group_of_another_length(tmp_path, save):
    save(tmp_path / "rows.npz", x=X, y=Y, group_speaker=Y[:3])
    with pytest.raises(InputError, match="group 'speaker' has 3 values for 7 rows"):
        read(tmp_path / "rows.npz")


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all"])
def test_no_archive(tmp_path, content):
    (tmp_path / "rows.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"rows\.npz cannot be read: .*write it again"):
        read(tmp_path / "rows.npz")


def test_a_newer_format_is_refused(tmp_path):
    path = tmp_path / "rows.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x03\x00")
        archive.writestr("y.npy", b"")
    with pytest.raises(InputError, match=r"the array x is in version \(3, 0\)"):
        read(path)


def test_an_array_shorter_than_its_header_says(tmp_path):
    path = tmp_path / "rows.npz"
    np.savez(path, x=X, y=Y)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("x.npy", members["x.npy"][:-4])
            archive.writestr("y.npy", members["y.npy"])
        with pytest.raises(InputError, match=r"the array x is damaged, cut off: 164 bytes .* takes 168"):
            read(path)


def same_or_refused(path) -> bool:
    """Whether the damage is noticed; raises where it comes through as other data, or as another exception."""
    try:
        x, y = read(path).block(slice(None))
    except InputError:
        return True
    assert torch.equal(x, torch.from_numpy(X))
    assert y.tolist() == Y.tolist()
    return False


def test_every_cut_is_noticed(tmp_path, save):
    path = tmp_path / "rows.npz"
    save(path, x=X, y=Y)
    whole = path.read_bytes()
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        assert same_or_refused(path)


def test_no_flipped_byte_changes_the_data(tmp_path, save):
    path = tmp_path / "rows.npz"
    save(path, x=X, y=Y)
    whole = path.read_bytes()
    noticed = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of names that occur twice
        for place in range(0, len(whole), 3):
            damaged = bytearray(whole)
            damaged[place] ^= 0xFF
            path.write_bytes(damaged)
            noticed += same_or_refused(path)
    assert noticed > len(whole) / 6
