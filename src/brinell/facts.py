"""What records are made of: values that do not change, and that show when somebody changed them on disk."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from brinell.errors import OutputExistsError


class Frozen(BaseModel):
    """Facts that are set once; unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sealed(Frozen):
    """Facts with a sha256 over all the others, which an edit in the file breaks. It is no signature.

    Facts that nobody set are not among them: a file from before a fact was known keeps its sha256."""

    sha256: str = ""

    @property
    def seal(self) -> str:
        """The sha256 that the other facts have now."""
        return hashlib.sha256(self.model_dump_json(exclude={"sha256"}, exclude_unset=True).encode()).hexdigest()

    def sealed(self) -> Self:
        """The same facts with their sha256 filled in; all of them count as set."""
        whole = self.model_validate(self.model_dump())
        return whole.model_copy(update={"sha256": whole.seal})


def holds_something(folder: Path, resume: bool) -> bool:
    """Whether something lies in a run folder, to be resumed. Raises OutputExistsError where that is not wanted."""
    if folder.exists() and not folder.is_dir():
        raise OutputExistsError(f"{folder} is a file; name a folder that does not exist yet.")
    if not folder.exists() or not any(folder.iterdir()):
        return False
    if not resume:
        raise OutputExistsError(
            f"the folder {folder} exists and is not empty; resume it (--resume, resume=True) or name another."
        )
    return True


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to: once its bytes have reached the disk the file takes the name ``path``.

    So a kill at any moment leaves what was there before, or all of the new."""
    partial = path.with_name(f"{path.name}.part")
    yield partial
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def write_json(model: BaseModel, path: Path) -> None:
    """Write ``model`` so that a kill at any moment leaves either no file or a whole one."""
    with whole(path) as partial:
        partial.write_text(as_json(model), encoding="utf-8")


def as_json(model: BaseModel) -> str:
    """The text of ``model`` as it stands in a file."""
    return model.model_dump_json(indent=2, exclude_unset=isinstance(model, Sealed)) + "\n"


def differences(held: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = "") -> list[str]:
    """What is different in two tables of settings, with both values: what lies in a folder, and what is wanted."""
    told: list[str] = []
    for key, value in wanted.items():
        there = held.get(key)
        if isinstance(there, dict) and isinstance(value, dict):
            told += differences(there, value, f"{prefix}{key}.")
        elif there != value:
            told.append(f"{prefix}{key} is {there!r} there, {value!r} here")
    return told
