"""Data sets by name: found where the user keeps them, checked, fetched only when they are nowhere, and read right."""

import csv
import gzip
import hashlib
import io
import os
import struct
import tarfile
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import pixels
from PIL import Image

from brinell.data import (
    adult,
    bounds_of,
    cifar10,
    classes_of,
    columns_of,
    fashion,
    fetch,
    gtsrb,
    labels,
    read,
    read_dataset,
)
from brinell.data.shelf import cache_folder
from brinell.errors import InputError, InputMissingError

MODULES = {"fashion-mnist": fashion, "cifar10": cifar10, "gtsrb": gtsrb, "adult": adult}
RNG = np.random.default_rng(0)
CLOTHES = RNG.integers(0, 256, (4, 28, 28), dtype=np.uint8)
SMALL = RNG.integers(0, 256, (4, 1 + 3072), dtype=np.uint8)
SMALL[:, 0] = [3, 0, 9, 3]
PEOPLE = """39, State-gov, 77516, Bachelors, 13, Never-married, Adm, Unmarried, White, Male, 2174, 0, 40, ?, <=50K{dot}
90, Private, 1, 11th, 1, Married, Sales, Wife, Other, Female, 0, 4356, 99, Cuba, >50K{dot}

"""


def idx(array):
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def packed(name, content):
    buffer = io.BytesIO()
    if name.endswith(".gz") and not name.endswith(".tar.gz"):
        return gzip.compress(content, mtime=0)
    if name.endswith(".zip"):
        with zipfile.ZipFile(buffer, "w") as archive:
            for member, data in content.items():
                archive.writestr(member, data)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for member, data in content.items():
                entry = tarfile.TarInfo(member)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def sign(number, size):
    buffer = io.BytesIO()
    Image.fromarray(pixels(number, size)).save(buffer, "ppm")
    return buffer.getvalue()


TRAINING = {
    "GTSRB/Training/00001/00000_00000.ppm": sign(0, (20, 30)),
    "GTSRB/Training/00001/00000_00001.ppm": sign(1, (32, 32)),
    "GTSRB/Training/00001/GT-00001.csv": b"Filename;ClassId\n",
    "GTSRB/Training/00042/00007_00000.ppm": sign(2, (50, 50)),
}
TEST = {"GTSRB/Final_Test/Images/00000.ppm": sign(3, (32, 32)), "GTSRB/Final_Test/Images/00001.ppm": sign(4, (40, 25))}
TRUTH = {"GT-final_test.csv": b"Filename;Width;Height;ClassId\r\n00001.ppm;25;40;14\r\n00000.ppm;32;32;2\r\n"}
FILES = {
    fashion: {
        f"{part}-{kind}-ubyte.gz": packed(".gz", idx(array))
        for part in ("train", "t10k")
        for kind, array in (("images-idx3", CLOTHES), ("labels-idx1", np.arange(4, dtype=np.uint8)))
    },
    cifar10: {
        cifar10.ARCHIVE: packed(
            ".tar.gz",
            {f"cifar-10-batches-bin/data_batch_{n}.bin": SMALL[::-1].tobytes() for n in range(1, 6)}
            | {"cifar-10-batches-bin/test_batch.bin": SMALL.tobytes(), "cifar-10-batches-bin/readme.html": b"hello"},
        )
    },
    gtsrb: {
        gtsrb.TRAINING: packed(".zip", TRAINING), gtsrb.TEST: packed(".zip", TEST), gtsrb.TRUTH: packed(".zip", TRUTH),
        gtsrb.COPY: b"none",
    },
    adult: {
        "adult.data": PEOPLE.format(dot="").encode(),
        "adult.test": b"|1x3 Cross validator\n" + PEOPLE.format(dot=".").encode(),
        "adult-train.csv.gz": b"none", "adult-test.csv.gz": b"none",
    },
}  # fmt: skip
FETCHED = {"fashion-mnist": 2, "cifar10": 1, "gtsrb": 2, "gtsrb:train": 1, "adult": 1, "adult:train": 1}
NAMES = [f"{name}{part}" for name in MODULES for part in ("", ":train")]


def digest(name, content, like):
    return f"md5:{hashlib.md5(content).hexdigest()}" if like.startswith("md5:") else hashlib.sha256(content).hexdigest()


@pytest.fixture
def place(tmp_path, mirror, monkeypatch):
    """A machine that has none of them, and a mirror near it that has all."""
    for module, files in FILES.items():
        monkeypatch.setattr(module, "MIRRORS", (mirror.url,))
        known = {name: digest(name, files[name], like) for name, like in module.DIGESTS.items()}
        monkeypatch.setattr(module, "DIGESTS", known)
        mirror.files.update(files)
    monkeypatch.setenv("BRINELL_DATA", str(tmp_path / "named"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def check(name, source):
    x, y = source.block(slice(None))
    assert source.name == name
    assert bounds_of(source) == (0.0, 1.0)
    assert 0 <= x.min() <= x.max() <= 1
    kind, _, part = name.partition(":")
    CHECKS[kind](x, y.tolist(), source, bool(part))


def check_clothes(x, y, source, train):
    assert torch.equal(x, torch.from_numpy(CLOTHES)[:, None].float() / 255)
    assert y == [0, 1, 2, 3]
    assert classes_of(source)[9] == "Ankle boot"


def check_small(x, y, source, train):
    rows = np.concatenate([SMALL[::-1]] * 5) if train else SMALL
    assert torch.equal(x, torch.from_numpy(rows[:, 1:].copy()).reshape(-1, 3, 32, 32).float() / 255)
    assert y == rows[:, 0].tolist()
    assert classes_of(source)[3] == "cat"


def check_signs(x, y, source, train):
    assert x.shape == (3 if train else 2, 3, 32, 32)
    kept = (1, pixels(1, (32, 32))) if train else (1, pixels(3, (32, 32)))  # those that had the size
    assert torch.equal(x[kept[0]], torch.from_numpy(kept[1]).permute(2, 0, 1).float() / 255)
    assert y == ([1, 1, 42] if train else [14, 2])
    assert {name: each.tolist() for name, each in source.groups.items()} == (
        {"track": ["1/0", "1/0", "42/7"]} if train else {}
    )
    assert (len(classes_of(source)), classes_of(source)[14]) == (43, "Stop")


def check_people(x, y, source, train):
    assert y == [0, 1]
    assert x[1].tolist() == [1, 0, 0, 1, 1]
    torch.testing.assert_close(x[0], torch.tensor([22 / 73, 12 / 15, 2174 / 99_999, 0, 39 / 98]))
    assert (source.groups["sex"].tolist(), source.groups["race"].tolist()) == (["Male", "Female"], ["White", "Other"])
    assert classes_of(source) == ("<=50K", ">50K")
    assert columns_of(source) == ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")


CHECKS = {"fashion-mnist": check_clothes, "cifar10": check_small, "gtsrb": check_signs, "adult": check_people}


@pytest.mark.parametrize("name", NAMES)
def test_is_fetched_into_the_cache_once(place, mirror, name):
    for _ in range(2):
        check(name, read(name))
    asked = [path for path, _ in mirror.asked]
    assert len(asked) == len(set(asked)) == FETCHED.get(name, FETCHED.get(name.partition(":")[0]))
    assert len(list((place / "cache" / "brinell" / name.partition(":")[0]).iterdir())) == len(asked)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_in_the_named_folder_is_enough(place, mirror, name):
    folder = place / "named" / name.partition(":")[0]
    folder.mkdir(parents=True)
    for file, content in FILES[MODULES[folder.name]].items():
        if content != b"none":
            (folder / file).write_bytes(content)
    check(name, read(name))
    assert mirror.asked == []


@pytest.mark.parametrize("name", MODULES)
def test_a_file_that_is_not_the_original_is_refused(place, mirror, name):
    folder = place / "named" / name
    folder.mkdir(parents=True)
    for file, content in FILES[MODULES[name]].items():
        (folder / file).write_bytes(content + b"!")
    with pytest.raises(InputError, match=r"is not the original file of .*: its checksum is .*Replace it"):
        read(name)
    assert mirror.asked == []


@pytest.mark.parametrize("name", MODULES)
def test_other_bytes_than_expected_are_not_kept(place, mirror, monkeypatch, name):
    monkeypatch.setattr(fetch, "_FIRST_WAIT", 0)
    mirror.files = {file: content + b"!" for file, content in mirror.files.items()}
    with pytest.raises(InputMissingError, match="sent other bytes than expected") as problem:
        read(name)
    assert all(file in str(problem.value) for file in MODULES[name].DIGESTS)
    assert list(cache_folder(name).glob("[!.]*[!t]")) == []


@pytest.mark.parametrize(
    ("module", "file", "content", "says"),
    [
        (cifar10, cifar10.ARCHIVE, packed(".tar.gz", {"test_batch.bin": b"short"}), "does not hold test_batch.bin"),
        (cifar10, cifar10.ARCHIVE, packed(".tar.gz", {"other.bin": SMALL.tobytes()}), "does not hold test_batch.bin"),
        (cifar10, cifar10.ARCHIVE, FILES[cifar10][cifar10.ARCHIVE][:200], "is damaged"),
        (gtsrb, gtsrb.TEST, b"no archive", "is damaged"),
        (adult, "adult.test", b"nothing to see", "has no rows of 15 columns"),
    ],
)
def test_archives_of_another_content(place, monkeypatch, module, file, content, says):
    """As if the original were so: its checksum is taken to be theirs."""
    known = module.DIGESTS | {file: digest(file, content, module.DIGESTS[file])}
    monkeypatch.setattr(module, "DIGESTS", known)
    name = next(each for each, it in MODULES.items() if it is module)
    (place / "named" / name).mkdir(parents=True)
    (place / "named" / name / file).write_bytes(content)
    with pytest.raises(InputError, match=says):
        read(name)


@pytest.mark.data
@pytest.mark.parametrize(("name", "n", "rich"), [("adult", 16_281, 3846), ("adult:train", 32_561, 7841)])
def test_the_real_adult(name, n, rich):
    source = read(name)
    x, y = source.block(slice(None))
    assert (x.shape, int(y.sum())) == ((n, 5), rich)
    assert (x.min(0).values.max(), x.max(0).values[:1].item()) == (0, 1)
    assert set(source.groups["sex"]) == {"Male", "Female"}
    assert len(set(source.groups["race"])) == 5


@pytest.mark.data
@pytest.mark.parametrize("part", ["train", "test"])
def test_the_original_files_of_adult_have_the_published_checksum(part, tmp_path, monkeypatch):
    """Written anew from the copies, which differ in white space, a line of names and the dots after labels."""
    with gzip.open(Path(os.environ["BRINELL_DATA"]) / "adult" / f"adult-{part}.csv.gz", "rt", newline="") as file:
        rows = list(csv.reader(file))[1:]
    first, dot, name = ("", "", "adult.data") if part == "train" else ("|1x3 Cross validator\n", ".", "adult.test")
    (tmp_path / "adult").mkdir()
    (tmp_path / "adult" / name).write_text(first + "".join(", ".join(row) + f"{dot}\n" for row in rows) + "\n")
    copy = read("adult" if part == "test" else "adult:train")
    monkeypatch.setenv("BRINELL_DATA", str(tmp_path))
    original = read(copy.name)
    assert torch.equal(original.block(slice(None))[0], copy.block(slice(None))[0])
    assert torch.equal(labels(original), labels(copy))
    assert original.groups["sex"].tolist() == copy.groups["sex"].tolist()


@pytest.mark.data
@pytest.mark.parametrize(("name", "n", "tracks"), [("gtsrb", 3690, 0), ("gtsrb:train", 9030, 301)])
def test_the_copy_of_traffic_signs(name, n, tracks):
    source = read(name)
    x, y = source.block(slice(0, 50))
    assert (len(source), x.shape, x.max().item() <= 1) == (n, (50, 3, 32, 32), True)
    assert source.name == name.replace("gtsrb", "gtsrb-32")
    assert len(set(labels(source).tolist())) == 43
    assert len(set(source.groups.get("track", np.array([])))) == tracks
    assert y.tolist() == labels(source)[:50].tolist()


class Recordings(torch.utils.data.Dataset):
    """Spoken digits, half a second each: a waveform, the digit and the speaker."""

    def __init__(self, path, n):
        self.archive = zipfile.ZipFile(path)
        names = sorted(name for name in self.archive.namelist() if name.endswith(".wav"))
        self.names = names[:: len(names) // n]

    def __len__(self):
        return len(self.names)

    def __getitem__(self, row):
        digit, speaker, _ = Path(self.names[row]).stem.split("_")
        with self.archive.open(self.names[row]) as file, wave.open(file) as sound:
            samples = np.frombuffer(sound.readframes(4000), "<i2").astype(np.float32) / 32768
        return {"wave": np.pad(samples, (0, 4000 - len(samples))), "digit": int(digit), "speaker": speaker}


@pytest.mark.data
def test_spoken_digits_by_speaker():
    recordings = Recordings(Path(os.environ["BRINELL_DATA"]) / "fsdd" / "fsdd.zip", 60)
    source = read_dataset(recordings, x="wave", label="digit", groups=["speaker"])
    x, y = source.block(slice(None))
    assert x.shape == (60, 4000)
    assert -1 <= x.min() < x.max() <= 1
    assert sorted(set(y.tolist())) == list(range(10))
    assert len(set(source.groups["speaker"])) == 6
    recordings.archive.close()
