"""YAML read by the core schema of version 1.2, in which ``no`` is a word and ``-1:1`` no number of seconds.

Imported where PyYAML is there: the extra ``config``."""

import re

import yaml


class Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML tells no types
    """PyYAML's safe loader, which follows version 1.1, with other rules for what a plain word means."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own


_MEANINGS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
}
for _tag, (_form, _first) in _MEANINGS.items():
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_form})$"), list(_first))
