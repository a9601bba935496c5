"""Text from models, files and users made safe for the formats that it stands in."""

import json
import re
from typing import Any

LONGEST = 80  # characters of a name; the table of examples has it whole
# What Markdown and HTML act on: anywhere, at the edge of a word, at the start of a line, and in addresses.
_ACTIVE = re.compile(r"[\\`*\[\]<&|~$]|(?<!\w)_|_(?!\w)|^[>#+=-]|(?<=:)/(?=/)|(?<=www)\.", re.IGNORECASE)
_NUMBERED = re.compile(r"^(\d+)([.)])(?=\s|$)")  # the start of an ordered list
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]")
_NOT_IN_YAML = re.compile(r"[\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def for_markdown(text: str) -> str:
    """One line of prose that Markdown and HTML show as it is; also nobody is notified by an @ in it."""
    line = _ACTIVE.sub(lambda found: f"&#{ord(found[0])};", " ".join(visible(text).split()))
    return _NUMBERED.sub(lambda found: f"{found[1]}&#{ord(found[2])};", line).replace("@", "@\u200b")


def name_for_markdown(value: Any) -> str:
    """The name of a group, a class, a model: set apart from the words around it, and not endless."""
    line = " ".join(visible(str(value)).split())
    return f"<code>{for_markdown(line if len(line) <= LONGEST else line[: LONGEST - 1] + '…') or ' '}</code>"


def for_xml(text: str) -> str:
    """Text without the characters that XML 1.0 has no way to write; the writer escapes the rest."""
    return _NOT_IN_XML.sub("\ufffd", text)


def visible(text: str) -> str:
    """Text in which control characters, and such as turn its direction, show as ``\ufffd``; lines become words."""
    return _UNSEEN.sub(lambda found: " " if found[0] in "\t\n\r\u2028\u2029" else "\ufffd", text)


def for_yaml(value: Any, indent: int = 0) -> str:
    """Dicts and lists as YAML, each item on a line of its own; strings and numbers as JSON writes them, which is YAML.

    Raises ValueError on NaN."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{_scalar(key)}:{_below(item, indent + 1)}" for key, item in value.items())
    if isinstance(value, list) and value:
        items = (for_yaml(item, indent + 1) for item in value)
        return "".join(f"{pad}- {item.lstrip()}" for item in items)
    return f"{pad}{_scalar(value)}\n"


def _below(value: Any, indent: int) -> str:
    nested = isinstance(value, dict | list) and value
    return f"\n{for_yaml(value, indent)}" if nested else f" {_scalar(value)}\n"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"[a-z][a-z_-]*", value) and value not in _WORDS:
        return value
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if isinstance(value, float):
        return re.sub(r"^(-?\d+)e", r"\1.0e", text)  # without the point YAML 1.1 takes it for text
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # which plain YAML takes for something else
