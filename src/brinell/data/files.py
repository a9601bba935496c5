"""Files read as a stream and arrays mapped from them: what .npz and IDX share."""

import gzip
import hashlib
import io
import math
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import numpy as np

from brinell.data.border import Array
from brinell.errors import InputError

CHUNK = 1 << 20  # bytes read at a time


def is_gzip(path: Path) -> bool:
    """Whether a file is gzip, which its first bytes say, not its name."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedIOBase]:
    """The bytes of a file, unpacked where it is gzip.

    Raises InputError, also while it is read, when the gzip data are damaged.
    """
    try:
        with gzip.open(path) if is_gzip(path) else path.open("rb") as stream:
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise InputError(f"{path} is damaged: {problem}. Fetch or write it again.") from problem


def sha256(path: Path) -> str:
    """The sha256 (64 hex digits) of the bytes of a file, unpacked where it is gzip."""
    digest = hashlib.sha256()
    with opened(path) as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def checksum(path: Path, like: str) -> str:
    """The checksum of a file, of the kind of ``like``: the sha256 of its unpacked bytes, 64 hex digits, or
    ``"md5:"`` and 32 of them, of its bytes as they are, which is how older data sets are published."""
    if not like.startswith("md5:"):
        return sha256(path)
    with path.open("rb") as file:
        return f"md5:{hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()}"


@contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    """A file that can be mapped: the one at ``path``, or, where that is gzip, a temporary unpacked copy."""
    if is_gzip(path):
        with opened(path) as stream, copied(stream) as copy:
            yield copy
    else:
        with path.open("rb") as file:
            yield file


@contextmanager
def copied(stream: IO[bytes] | io.BufferedIOBase) -> Iterator[IO[bytes]]:
    """The rest of ``stream`` in a temporary file without a name, which is gone when nothing maps it."""
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy, CHUNK)
        copy.seek(0)
        yield copy


class Layout(NamedTuple):
    """How the bytes of an array lie in a file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: Literal["C", "F"] = "C"

    def mapped(self, file: IO[bytes], end: int, what: str) -> Array:
        """The array that fills ``file`` from where it is read to byte ``end``, read-only and mapped.

        What is not looked at takes no memory. Raises InputError, beginning with ``what``, when the array is
        longer or shorter.
        """
        start, size = file.tell(), self.dtype.itemsize * math.prod(self.shape)
        if end - start != size:
            fault = "cut off" if end - start < size else "followed by bytes that do not belong to it"
            raise InputError(
                f"{what} is damaged, {fault}: {end - start} bytes of data where shape {self.shape} of "
                f"{self.dtype} takes {size}. Fetch or write the file again."
            )
        if size == 0:  # which cannot be mapped
            return np.empty(self.shape, self.dtype)
        return np.memmap(file, self.dtype, "r", start, self.shape, self.order)
