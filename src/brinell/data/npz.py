"""Arrays in an .npz file: ``x``, ``y``, any ``group_*``. Nothing is unpickled, ``x`` is not read whole."""

import io
import lzma
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from brinell.data.border import Array
from brinell.data.files import CHUNK, Layout, copied
from brinell.data.sources import Arrays
from brinell.errors import InputError

_PREFIX, _NAMES = "group_", ("classes", "columns")
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_LOCAL_HEADER = 30  # bytes, before the name and the extra field, whose lengths stand at 26 and 28
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    OSError,  # a table of contents that points to nowhere
    NotImplementedError,  # an unknown way of packing
    RuntimeError,  # a password is needed
)


def load(path: Path) -> Arrays:
    """The rows of an .npz file; ``group_speaker`` becomes the group ``speaker``. Where it has ``classes`` or
    ``columns``, arrays of text, they name the classes by number, and the values of a row.

    An array that is stored as it is gets mapped in place, a packed one from a temporary file without a name;
    the checksums of the archive are compared in passing. Raises InputError, naming the file, when it is
    damaged, when ``x`` or ``y`` is missing, and when an array holds Python objects.
    """
    arrays = read_arrays(path, ("x", "y"), (_PREFIX, *_NAMES))
    groups = {
        name.removeprefix(_PREFIX): np.array(values) for name, values in arrays.items() if name.startswith(_PREFIX)
    }
    classes, columns = (
        arrays[name].tolist() if name in arrays and arrays[name].dtype.kind == "U" else None for name in _NAMES
    )
    return Arrays(arrays["x"], arrays["y"], groups=groups, name=path.name, classes=classes, columns=columns)


def read_arrays(path: Path, required: tuple[str, ...], more: tuple[str, ...] = ()) -> dict[str, Array]:
    """The arrays of an .npz file that are ``required``, and those whose names begin with one of ``more``.

    Raises InputError as ``load`` does.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [entry.removesuffix(".npy") for entry in archive.namelist() if entry.endswith(".npy")]
            _require(required, names, path)
            chosen = [name for name in names if name in required or name.startswith(more)]
            return {name: _array(archive, path, name) for name in chosen}
    except InputError:
        raise
    except _DAMAGE as problem:
        raise InputError(
            f"{path} cannot be read: {problem}. If it is damaged or no .npz file, write it again: "
            f"np.savez(path, {', '.join(f'{name}={name}' for name in required)})."
        ) from problem


def _require(required: tuple[str, ...], names: list[str], path: Path) -> None:
    missing = [name for name in required if name not in names]
    if missing:
        remedy = "x=inputs, y=labels, group_speaker=speakers" if "x" in required else f"{missing[0]}=..."
        raise InputError(
            f"{path} has no array {' and no array '.join(missing)}; it has: {', '.join(names) or 'none'}. "
            f"Write it as np.savez(path, {remedy})."
        )


def _array(archive: zipfile.ZipFile, path: Path, name: str) -> Array:
    entry, what = archive.getinfo(f"{name}.npy"), f"{path}: the array {name}"
    with archive.open(entry) as member:
        if entry.compress_type != zipfile.ZIP_STORED:
            with copied(member) as file:
                return _layout(file, what).mapped(file, entry.file_size, what)
        while member.read(CHUNK):  # to its end, where the checksum is compared
            pass
    with path.open("rb") as file:
        start = _seek_data(file, entry)
        return _layout(file, what).mapped(file, start + entry.file_size, what)


def _layout(file: IO[bytes], what: str) -> Layout:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise InputError(f"{what} is in version {version} of the .npy format; save plain numbers or strings.")
    shape, by_columns, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise InputError(
            f"{what} holds Python objects, which would have to be unpickled, and a pickle can run code; save "
            "numbers or strings: x.astype('float32'), names.astype(str)."
        )
    return Layout(dtype, shape, "F" if by_columns else "C")


def _seek_data(file: IO[bytes], entry: zipfile.ZipInfo) -> int:
    file.seek(entry.header_offset)
    name, extra = struct.unpack_from("<HH", file.read(_LOCAL_HEADER), 26)
    return file.seek(name + extra, io.SEEK_CUR)
