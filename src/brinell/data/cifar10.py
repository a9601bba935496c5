"""CIFAR-10, Krizhevsky's small pictures: from a folder, the cache or the network. The version without pickles."""

import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import Literal

import numpy as np

from brinell.data.border import Array
from brinell.data.files import CHUNK
from brinell.data.shelf import Shelf
from brinell.data.sources import Arrays
from brinell.errors import InputError
from brinell.progress import Progress, silent

MIRRORS = ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")
ARCHIVE = "cifar-10-binary.tar.gz"
DIGESTS = {ARCHIVE: "md5:c32a1d4ab5d03f1284b67883e8d87530"}  # as its author publishes it
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_PARTS = {
    "test": ("cifar10", ("test_batch.bin",)),
    "train": ("cifar10:train", tuple(f"data_batch_{number}.bin" for number in range(1, 6))),
}
_ROW = 1 + 3 * 32 * 32  # bytes: the label, then red, green and blue


def load(part: Literal["test", "train"], progress: Progress = silent) -> Arrays:
    """The 10,000 test or 50,000 training images, (N, 3, 32, 32) in [0, 1], and their labels 0 to 9.

    Looked for in ``cifar10`` in the folder that BRINELL_DATA names, then in the cache; fetched (170 MB) otherwise.
    Raises InputError, InputMissingError. Source: Krizhevsky 2009, "Learning multiple layers of features from tiny
    images".
    """
    name, files = _PARTS[part]
    shelf = Shelf(title="CIFAR-10", folder="cifar10", mirrors=MIRRORS, digests=DIGESTS)
    rows = _rows(shelf.file(ARCHIVE, progress=progress), files)
    images = rows[:, 1:].reshape(-1, 3, 32, 32)
    return Arrays(images, rows[:, 0], name=name, scale=255.0, bounds=(0.0, 1.0), classes=CLASSES)


def _rows(archive: Path, files: tuple[str, ...]) -> Array:
    """The chosen files one after the other, (N, 3073) uint8, mapped from a temporary file without a name."""
    found = 0
    with tempfile.TemporaryFile() as copy:
        try:
            with tarfile.open(archive, "r:gz") as members:
                for member in members:
                    content = members.extractfile(member) if Path(member.name).name in files else None
                    if content is not None:
                        found += 1
                        while chunk := content.read(CHUNK):
                            copy.write(chunk)
        except (tarfile.TarError, EOFError, zlib.error) as problem:
            raise InputError(f"{archive} is damaged: {problem}. Fetch it again.") from problem
        if found != len(files) or copy.tell() == 0 or copy.tell() % _ROW:
            raise InputError(f"{archive} does not hold {', '.join(files)} in rows of {_ROW} bytes. Fetch it again.")
        copy.flush()
        return np.memmap(copy, np.uint8, "r", 0, (copy.tell() // _ROW, _ROW))
