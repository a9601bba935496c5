"""Compiled templates, kept as Python keeps its compiled modules."""

import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from pickle import UnpicklingError

import jinja2
from jinja2.bccache import Bucket, BytecodeCache


class Compiled(BytecodeCache):
    """Keeps them in ``__pycache__`` beside the templates in ``folder``: to compile takes a third of a report's time.

    A folder that cannot be written to is no error, nor is a file that is damaged: they are compiled again then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_source_checksum(self, source: str) -> str:
        """Another one for another jinja2, which may compile differently."""
        return super().get_source_checksum(f"{jinja2.__version__}\n{source}")

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket, if its template is there as it stands now."""
        with suppress(OSError, EOFError, UnpicklingError), self._file(bucket).open("rb") as file:
            bucket.load_bytecode(file)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the template, whole or not at all."""
        if sys.dont_write_bytecode:
            return
        with suppress(OSError):
            file = self._file(bucket)
            file.parent.mkdir(exist_ok=True)
            partial = file.with_suffix(".part")
            partial.write_bytes(bucket.bytecode_to_string())
            partial.replace(file)

    def _file(self, bucket: Bucket) -> Path:
        return Path(cache_from_source(str(self._folder / f"{bucket.key}.py")))
