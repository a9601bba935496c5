"""The files of a run folder that can be read without torch."""

import hashlib
import shutil
from pathlib import Path
from tempfile import mkdtemp
from weakref import finalize

import pyarrow as pa
import pyarrow.parquet as pq

from brinell.errors import InputError, InputMissingError

RECORD, EXAMPLES, ADVERSARIAL, GALLERY, CLOCK, CURVE = (
    "run.json", "examples.parquet", "adversarial.safetensors", "gallery.safetensors", "clock.json", "curve.json",
)  # fmt: skip


class Scratch:
    """A temporary folder, at ``path``, that goes with the last reference to this object."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="brinell-"))
        # TemporaryDirectory warns when it does this
        self._end = finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def spare(self) -> None:
        """Let the folder stay."""
        self._end.detach()


def sha256(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_table(path: Path) -> pa.Table:
    """The table in ``path``. Raises InputError where it is missing or damaged."""
    if not path.is_file():
        raise InputMissingError(f"there is no {path}; run the audit again, or with resume.")
    try:
        return pq.ParquetFile(path).read()  # pq.read_table would import pandas, where that is there
    except (pa.ArrowException, OSError) as problem:
        raise InputError(f"{path} is damaged: {problem}. Run the audit again.") from problem
