"""Data sources in words: ``people.csv:label=income,groups=sex+race``."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brinell.data.folders import read_images
from brinell.data.frames import Frame
from brinell.data.items import read_dataset
from brinell.data.sources import Source
from brinell.data.tables import is_table as is_table
from brinell.data.tables import read_table
from brinell.errors import InputError, InputMissingError
from brinell.progress import Progress

_OPTIONS = re.compile(r":(?=[a-z]+=)")
_LISTS = ("groups", "columns", "classes")
_FRAME = ("size", "shorter", "mode", "resample")


def split(text: str) -> tuple[str, dict[str, str]]:
    """The place and the options of ``"place:key=value,key=value"``. Raises InputError for an option twice there."""
    place, *rest = _OPTIONS.split(text, maxsplit=1)
    if not rest or Path(text).expanduser().exists():
        return text, {}
    options: dict[str, str] = {}
    for part in rest[0].split(","):
        key, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not value or key in options:
            raise InputError(f"{part!r} in {text!r} is no option; write key=value, each key once.")
        options[key] = value
    return place, options


def read_table_as(path: Path, options: Mapping[str, str]) -> Source:
    """A table with the options label, groups, columns and classes; the last three are joined by ``+``."""
    return read_table(path, **_read(options, ("label", *_LISTS), path))


def read_folder_as(folder: Path, options: Mapping[str, str], progress: Progress, frame: Frame | None) -> Source:
    """A folder of images, or one that ``Dataset.save_to_disk`` wrote, with their options.

    frame: the one to use where the options tell none.
    """
    if frame is None or any(key in options for key in _FRAME):
        frame = frame_of(options)
    rest = {key: value for key, value in options.items() if key not in _FRAME}
    if (folder / "dataset_dict.json").is_file():
        raise InputError(f"{folder} holds several splits; name the folder of one of them, such as {folder / 'test'}.")
    if (folder / "dataset_info.json").is_file() and (folder / "state.json").is_file():
        more = _read(rest, ("x", "label", "groups", "classes", *_FRAME), folder)
        return read_dataset(_saved(folder), frame=frame, name=folder.resolve().name, progress=progress, **more)
    more = _read(rest, ("table", "label", "groups", "classes", *_FRAME), folder)
    return read_images(folder, frame=frame, progress=progress, **more)


def frame_of(options: Mapping[str, str]) -> Frame:
    """The frame that the options size, shorter, mode and resample describe. Raises InputError."""
    size, shorter = (_number(options, key) for key in ("size", "shorter"))
    if shorter is not None and size is None:
        raise InputError("shorter is the length of the shorter side before the middle is cut out; give size as well.")
    square = None if size is None else (size, size)
    mode: Any = options.get("mode")
    return Frame(shorter or square, square if shorter else None, mode, options.get("resample", "bilinear"))


def refuse_options(options: Mapping[str, str], what: str) -> None:
    """Raise InputError where there are any."""
    if options:
        given = ", ".join(f"{key}={value}" for key, value in options.items())
        raise InputError(f"{what} has no options, and {given} is given.")


def _read(options: Mapping[str, str], known: tuple[str, ...], path: Path) -> dict[str, Any]:
    unknown = [key for key in options if key not in known]
    if unknown:
        raise InputError(f"{path} has no option {unknown[0]!r}; it has: {', '.join(known)}.")
    return {key: value.split("+") if key in _LISTS else value for key, value in options.items()}


def _number(options: Mapping[str, str], key: str) -> int | None:
    text = options.get(key)
    if text is None:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"{key} is {text!r}; give pixels, such as {key}=224.")
    return int(text)


def _saved(folder: Path) -> Any:
    try:
        from datasets import load_from_disk
    except ModuleNotFoundError as problem:
        raise InputMissingError(
            f"{folder} was written by the package datasets, which is not there: pip install datasets."
        ) from problem
    return load_from_disk(str(folder))
