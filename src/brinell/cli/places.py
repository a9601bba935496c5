"""Where a setting was written, so that an error can point there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from brinell.errors import InputError

_KEY = "brinell.settings"


class _Settings(NamedTuple):
    """The command that took settings from a file, the file, and the line of each field."""

    ctx: Any
    file: str
    lines: dict[str, int]


@contextmanager
def about(field: str) -> Iterator[None]:
    """An InputError that is raised inside is about this field of the command."""
    try:
        yield
    except InputError as problem:
        if not hasattr(problem, "field"):
            problem.field = field  # type: ignore[attr-defined]
        raise


def remember(ctx: Any, file: str, lines: dict[str, int]) -> None:
    """That the command of this context takes settings from a file, each from its line."""
    ctx.meta[_KEY] = _Settings(ctx, file, lines)


def file_of(ctx: Any) -> str | None:
    """The file that settings came from, if any."""
    return ctx.meta[_KEY].file if ctx is not None and _KEY in ctx.meta else None


def overridden(ctx: Any, rivals: tuple[str, ...]) -> list[str]:
    """Of options that exclude each other, those of the file, where the command line gives another of them."""
    sources = {name: ctx.get_parameter_source(name).name for name in rivals}
    return [name for name, source in sources.items() if source == "DEFAULT_MAP" and "COMMANDLINE" in sources.values()]


def point(ctx: Any, problem: InputError) -> None:
    """Write file, line and field before the message, where it is about a field whose value came from the file."""
    field, settings = getattr(problem, "field", ""), ctx.meta.get(_KEY)
    if settings is None or field not in settings.lines:
        return
    if settings.ctx.get_parameter_source(field).name == "DEFAULT_MAP":
        problem.args = (f"{settings.file}:{settings.lines[field]}: {field}: {problem}",)
