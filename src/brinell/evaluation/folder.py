"""The run folder: written block by block, so that a killed audit resumes, and memory stays flat."""

import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from brinell.errors import InputError, InputMissingError
from brinell.evaluation.files import ADVERSARIAL, EXAMPLES, GALLERY, RECORD, read_table, sha256
from brinell.evaluation.record import Settings
from brinell.evaluation.versions import MACHINE
from brinell.facts import differences, holds_something, whole, write_json

_SETTINGS, _PARTS = "settings.json", "parts"
_DTYPES: dict[torch.dtype, tuple[str, np.dtype[Any]]] = {
    torch.float32: ("F32", np.dtype("<f4")),
    torch.float64: ("F64", np.dtype("<f8")),
}


class RunFolder:
    """The files of one audit. Parts appear whole or not at all; ``run.json`` comes last and means finished."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tensor: dict[str, Any] | None = None  # where x_adv lies in its file

    @property
    def finished(self) -> bool:
        """Whether the record stands."""
        return (self.path / RECORD).is_file()

    @property
    def rows_done(self) -> int:
        """How many rows lie here, in a finished or in an interrupted run."""
        files = [self.path / EXAMPLES] if self.finished else (self.path / _PARTS).glob("*.parquet")
        return sum(int(pq.read_metadata(file).num_rows) for file in files)

    def open(self, settings: Settings, resume: bool) -> Settings:
        """Make the folder, or take up the unfinished run in it if its settings are the same but for the machine.

        Returns the settings of the run, with the machine on which it began.
        Raises OutputExistsError where something is there and ``resume`` is off, InputError where it is another run."""
        if holds_something(self.path, resume):
            settings = self._compare(settings)
        if not self.finished:
            (self.path / _PARTS).mkdir(parents=True, exist_ok=True)
            write_json(settings, self.path / _SETTINGS)
        return settings

    def _compare(self, settings: Settings) -> Settings:
        source = self.path / (RECORD if self.finished else _SETTINGS)
        try:
            held = json.loads(source.read_text(encoding="utf-8"))
        except (OSError, ValueError) as problem:
            raise InputError(
                f"{self.path} holds no audit that could be resumed ({problem}); name another."
            ) from problem
        held = held.get("settings") if self.finished and isinstance(held, dict) else held
        if not isinstance(held, dict):
            raise InputError(f"{source} is damaged: no settings in it. Name another folder.")
        wanted = json.loads(settings.model_dump_json())
        began = held.get("versions") or {}
        wanted["versions"] |= {name: began[name] for name in MACHINE if name in began}
        if held != wanted:
            differs = "; ".join(differences(held, wanted))
            raise InputError(f"{self.path} holds another audit: {differs}. Name another folder.")
        return Settings.model_validate_json(json.dumps(held))

    def has_part(self, number: int) -> bool:
        """Whether block ``number`` is done."""
        return self._part(number).is_file()

    def write_part(self, number: int, table: pa.Table) -> None:
        """Write the rows of a block; the block counts as done once the file has its name."""
        with whole(self._part(number)) as partial:
            pq.write_table(table, partial)

    def write_notes(self, number: int, notes: dict[str, Any]) -> None:
        """Write what has to be said of a block, before the block itself."""
        (self.path / _PARTS / f"{number:06d}.json").write_text(json.dumps(notes), encoding="utf-8")

    def notes(self, count: int) -> Iterator[dict[str, Any]]:
        """What had to be said of all blocks, in order."""
        for number in range(count):
            file = self.path / _PARTS / f"{number:06d}.json"
            yield json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

    def parts(self, count: int) -> Iterator[pa.Table]:
        """The rows of all blocks, in order."""
        for number in range(count):
            yield read_table(self._part(number))

    def _part(self, number: int) -> Path:
        return self.path / _PARTS / f"{number:06d}.parquet"

    def merge(self, count: int) -> None:
        """Join the parts into ``examples.parquet``, one part in memory at a time."""
        writer: pq.ParquetWriter | None = None
        with whole(self.path / EXAMPLES) as partial:
            for table in self.parts(count):
                writer = writer or pq.ParquetWriter(partial, table.schema)
                writer.write_table(table)
            if writer is not None:
                writer.close()

    def hashes(self) -> dict[str, str]:
        """The sha256 of each file that the record vouches for, by name."""
        names = (EXAMPLES, ADVERSARIAL, GALLERY)
        return {name: sha256(self.path / name) for name in names if (self.path / name).is_file()}

    def clean_up(self) -> None:
        """Drop what only a resume needs."""
        shutil.rmtree(self.path / _PARTS, ignore_errors=True)
        (self.path / _SETTINGS).unlink(missing_ok=True)

    def adversarial(self, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        """Reserve ``adversarial.safetensors`` for one tensor ``x_adv``, to be filled in block by block."""
        path = self.path / ADVERSARIAL
        name, kind = _DTYPES[dtype]
        size = int(np.prod(shape)) * kind.itemsize
        header = json.dumps({"x_adv": {"dtype": name, "shape": list(shape), "data_offsets": [0, size]}}).encode()
        header += b" " * (-len(header) % 8)
        offset = 8 + len(header)
        if not path.is_file() or path.stat().st_size != offset + size:
            for part in (self.path / _PARTS).glob("*"):  # rows whose inputs are lost are not done
                part.unlink()
            with path.open("wb") as file:
                file.write(struct.pack("<Q", len(header)) + header)
                file.truncate(offset + size)
        self._tensor = {"filename": path, "dtype": kind, "offset": offset, "shape": shape}

    def write_rows(self, rows: slice, x_adv: Tensor) -> None:
        """Write the adversarial inputs of a block, down to the disk."""
        if self._tensor is not None:
            mapped = np.memmap(**self._tensor, mode="r+")  # for this block only: mapped pages count as memory
            mapped[rows] = x_adv.cpu().numpy()
            mapped.flush()

    def read_rows(self, rows: slice) -> Tensor:
        """Read them back from the file."""
        assert self._tensor is not None
        return torch.from_numpy(np.array(np.memmap(**self._tensor, mode="r")[rows]))


def map_adversarial(path: Path) -> Tensor:
    """The tensor ``x_adv`` in ``path``, memory-mapped; changes to it stay in memory. Raises InputError."""
    if not path.is_file():
        raise InputMissingError(f"there is no {path}: this audit was run without keeping its examples.")
    try:
        with path.open("rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            facts = json.loads(file.read(length))["x_adv"]
        kind = next(kind for name, kind in _DTYPES.values() if name == facts["dtype"])
        mapped = np.memmap(path, dtype=kind, mode="c", offset=8 + length, shape=tuple(facts["shape"]))
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        struct.error,
        StopIteration,
        OverflowError,
        MemoryError,
    ) as problem:
        raise InputError(f"{path} is damaged: {problem}. Run the audit again.") from problem
    return torch.from_numpy(mapped)
