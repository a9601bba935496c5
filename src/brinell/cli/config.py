"""The file that ``brinell audit --config`` reads: its fields, and errors that point at a line."""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, ValidationError

from brinell.cli import audit_options as own
from brinell.cli import options
from brinell.cli.exits import SeveralError
from brinell.errors import InputError, InputMissingError, nearest

_EXTRA = 'reading YAML needs PyYAML: pip install "brinell[config]"'


def _listed(value: Any) -> Any:
    """One word may stand where several are allowed."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


def _as_text(value: Any) -> Any:
    """A budget of gradients is a number in YAML."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Texts: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_listed)]


def _help(option: Any, alias: str | None = None) -> Any:
    """The field's documentation: the words that ``--help`` has for the option."""
    return Field(default=None, description=get_args(option)[1].help, alias=alias)


class AuditConfig(BaseModel):
    """What ``brinell audit`` can be told in a file: its options, by their names on the command line, with ``_`` for
    ``-``. What is left out, or null, is what the command line says or, else, the default of the option."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    model: str | None = _help(options.Model)
    weights: str | None = _help(options.Weights)
    bounds: str | None = _help(options.BoundsText)
    sanitise: Texts | None = _help(options.Sanitise)
    detect: Texts | None = _help(options.Detect)
    detect_data: str | None = _help(own.DetectData)
    detect_threshold: float | None = _help(options.DetectThreshold)
    false_alarms: float | None = _help(own.FalseAlarms)
    data: str | None = _help(options.Data)
    n: PositiveInt | None = _help(options.Rows)
    group: Texts | None = _help(own.Group)
    threat: str | None = _help(options.Threat)
    target: int | None = _help(options.Target)
    effort: Literal["quick", "standard", "thorough", "none"] | None = _help(own.Effort)
    budget: Annotated[str | None, BeforeValidator(_as_text)] = _help(own.Budget)
    attack: Texts | None = _help(own.Attack)
    alone: bool | None = _help(own.Alone)
    examples_from: str | None = _help(own.ExamplesFrom)
    diagnose: bool | None = _help(own.Diagnose)
    certify: Literal["ibp"] | None = _help(own.Certify)
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] | None = _help(options.Seed)
    seeds: PositiveInt | None = _help(own.Seeds)
    batch_size: PositiveInt | None = _help(options.BatchSize)
    device: str | None = _help(options.Device)
    require: Texts | None = _help(own.Require)
    out: str | None = _help(own.Out)
    resume: bool | None = _help(own.Resume)
    examples: Literal["all", "none"] | None = _help(own.Examples)
    report: str | None = _help(own.Report)
    as_json: bool | None = _help(own.Json, alias="json")


FIELDS = {field.alias or name: field for name, field in AuditConfig.model_fields.items()}  # by their names in the file


_IN_WORDS = {"a valid integer": "a whole number", "a valid string": "text", "a valid boolean": "true or false",
             "Input should be": "it should be"}  # fmt: skip


class Settings(NamedTuple):
    """What a file says: the options by name, and the line of each."""

    given: dict[str, Any]
    lines: dict[str, int]


class _Entry(NamedTuple):
    """A value of the file, the line of its key, and the lines of its items."""

    value: Any
    line: int
    items: tuple[int, ...]


def read_config(path: Path) -> Settings:
    """The settings in a YAML file.

    Raises InputMissingError, and InputError with file, line, field, value and remedy for each thing that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as problem:
        raise InputMissingError(f"there is no file {path}; brinell init {path} writes one.") from problem
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(f"{path} cannot be read: {problem}.") from problem
    entries = _entries(path, text)
    try:
        config = AuditConfig(**{key: entry.value for key, entry in entries.items()})
    except ValidationError as problem:
        raise SeveralError("\n".join(_said(path, entries, problem))) from problem
    given = {key: value for key, value in config.model_dump(exclude_unset=True).items() if value is not None}
    return Settings(given, {key: entry.line for key, entry in entries.items()})


def _entries(path: Path, text: str) -> dict[str, _Entry]:
    """The keys of the file with their values and lines."""
    try:
        import yaml
    except ImportError as problem:
        raise InputMissingError(f"{path}: {_EXTRA}.") from problem
    from brinell.cli.yaml12 import Loader

    loader = Loader(text)
    try:
        root = loader.get_single_node()
        pairs = [] if root is None else root.value
        if root is not None and not isinstance(root, yaml.MappingNode):
            raise InputError(f"{path}:1: settings are lines of KEY: VALUE, such as threat: linf:8/255.")
        entries: dict[str, _Entry] = {}
        for key_node, node in pairs:
            key, line = str(loader.construct_object(key_node, deep=True)), key_node.start_mark.line + 1
            if key in entries:
                raise InputError(f"{path}:{line}: {key} stands in line {entries[key].line} already; keep one of them.")
            items = node.value if isinstance(node, yaml.SequenceNode) else ()
            lines = tuple(item.start_mark.line + 1 for item in items)
            entries[key] = _Entry(loader.construct_object(node, deep=True), line, lines)
        return entries
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line, what = mark.line + 1 if mark else 1, getattr(problem, "problem", None) or str(problem)
        raise InputError(
            f'{path}:{line}: this is no YAML ({what}); write KEY: VALUE, and text with ": " or " #" in it in quotes.'
        ) from problem
    finally:
        loader.dispose()


def _said(path: Path, entries: dict[str, _Entry], problem: ValidationError) -> list[str]:
    """Each thing that is wrong, line by line: file, line, field, value and remedy."""
    said: dict[int, str] = {}
    for error in problem.errors(include_url=False):
        field, *rest = error["loc"]
        entry = entries[str(field)]
        item = next((part for part in rest if isinstance(part, int)), len(entry.items))
        line = (*entry.items, entry.line)[item]
        if error["type"] == "extra_forbidden":
            near = nearest(str(field).replace("-", "_"), FIELDS, f"; there are {', '.join(FIELDS)}.")
            said.setdefault(line, f"{path}:{line}: there is no setting {field!r} (it is {entry.value!r}){near}")
        else:
            remedy = error["msg"]
            for theirs, ours in _IN_WORDS.items():
                remedy = remedy.replace(theirs, ours)
            said.setdefault(line, f"{path}:{line}: {field} is {error['input']!r}; {remedy}.")
    return [said[line] for line in sorted(said)]
