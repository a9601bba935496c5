"""MNIST is found where the user keeps it, checked, and fetched only when it is nowhere."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from brinell.data import fetch, labels, mnist, read
from brinell.data.shelf import cache_folder
from brinell.errors import InputError, InputMissingError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
LABELS = np.arange(5, dtype=np.uint8)
FILES = {
    f"{part}-{kind}": content
    for part in ("train", "t10k")
    for kind, content in {
        "images-idx3-ubyte": struct.pack(">4B3I", 0, 0, 8, 3, *IMAGES.shape) + IMAGES.tobytes(),
        "labels-idx1-ubyte": struct.pack(">4BI", 0, 0, 8, 1, len(LABELS)) + LABELS.tobytes(),
    }.items()
}


@pytest.fixture
def place(tmp_path, mirror, monkeypatch):
    """A machine of which nothing is known: no folder is named, the cache is empty, the mirror is near."""
    monkeypatch.setattr(mnist, "MIRRORS", (mirror.url,))
    monkeypatch.setattr(mnist, "DIGESTS", {name: hashlib.sha256(it).hexdigest() for name, it in FILES.items()})
    monkeypatch.delenv("BRINELL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def put(folder: Path, wrap=bytes, ending="") -> None:
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / (name + ending)).write_bytes(wrap(content))


def check(source, name):
    x, y = source.block(slice(None))
    assert source.name == name
    assert torch.equal(x, torch.from_numpy(IMAGES)[:, None].float() / 255)
    assert y.tolist() == LABELS.tolist()


@pytest.mark.parametrize("wrap", [(bytes, ""), (gzip.compress, ".gz")], ids=["plain", "gzip"])
@pytest.mark.parametrize("folder", ["named", "named/mnist", "shared/data/mnist", "shared/data", "cache/brinell/mnist"])
@pytest.mark.parametrize("name", ["mnist", "mnist:train"])
def test_is_found_without_a_download(place, mirror, monkeypatch, folder, wrap, name):
    put(place / folder, *wrap)
    if folder.startswith("named"):
        monkeypatch.setenv("BRINELL_DATA", str(place / "named"))
    check(read(name), name)
    assert mirror.asked == []


@pytest.mark.parametrize("name", ["mnist", "mnist:train"])
def test_is_fetched_into_the_cache_once(place, mirror, name):
    mirror.files = {f"{each}.gz": gzip.compress(content) for each, content in FILES.items()}
    told = []
    for _ in range(2):
        check(read(name, progress=lambda *news: told.append(news)), name)
    assert len(mirror.asked) == 2
    assert len(list((place / "cache" / "brinell" / "mnist").iterdir())) == 2
    assert {label for label, *_ in told} == {path.strip("/") for path, _ in mirror.asked}


def test_a_corrupt_file_in_the_cache_is_fetched_anew(place, mirror):
    mirror.files = {f"{each}.gz": gzip.compress(content) for each, content in FILES.items()}
    put(place / "cache" / "brinell" / "mnist", lambda content: gzip.compress(content + b"!"), ".gz")
    check(read("mnist"), "mnist")


@pytest.mark.parametrize("folder", ["shared/data/mnist", "cache/brinell/mnist"])
def test_a_file_of_the_users_that_is_not_the_original_is_refused_and_kept(place, mirror, folder):
    put(place / folder, lambda content: content + b"!")
    with pytest.raises(InputError, match=r"t10k-images-idx3-ubyte is not the original file of MNIST.*Replace it"):
        read("mnist")
    assert len(list((place / folder).iterdir())) == 4
    assert mirror.asked == []


def test_without_network_the_error_names_folder_and_files(place, monkeypatch):
    monkeypatch.setattr(mnist, "MIRRORS", ())
    monkeypatch.setattr(fetch, "_FIRST_WAIT", 0)
    with pytest.raises(InputMissingError) as problem:
        read("mnist")
    said = str(problem.value)
    assert all(word in said for word in (str(place / "cache" / "brinell" / "mnist"), "BRINELL_DATA", *FILES))


def test_the_cache_is_in_the_home_folder_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder("mnist") == Path.home() / ".cache" / "brinell" / "mnist"


@pytest.mark.data
@pytest.mark.parametrize(("name", "n", "first"), [("mnist", 10_000, [7, 2, 1]), ("mnist:train", 60_000, [5, 0, 4])])
def test_the_real_thing(name, n, first):
    source = read(name)
    assert len(source) == n
    assert labels(source)[:3].tolist() == first
    x, _ = source.block(slice(0, 100))
    assert (x.shape, x.min(), x.max()) == ((100, 1, 28, 28), 0, 1)
