"""The text of a settings file: every setting with its comment, those that are given with their values."""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import typer

from brinell.cli import names
from brinell.cli.config import FIELDS

_EXAMPLES = {
    "model": "nets.py:model", "weights": "weights.safetensors", "bounds": "0:1",
    "sanitise": "[\"jpeg:quality=75\"]", "detect": "[\"median:size=3\"]", "detect_data": "held.npz",
    "detect_threshold": "0.5", "false_alarms": "0.05", "data": "data.npz", "n": "1000",
    "group": "[class]", "threat": "linf:8/255", "target": "0", "effort": "standard", "budget": "5m",
    "attack": '["PGD:steps=100,restarts=2"]', "alone": "true", "examples_from": "theirs.npz", "diagnose": "false",
    "certify": "ibp", "seed": "0", "seeds": "3", "batch_size": "128", "device": "cpu",
    "require": '["robust_accuracy>=0.5", sound]', "out": "runs/first",
    "resume": "true", "examples": "none", "report": "report.html", "json": "true",
}  # fmt: skip
_HEAD = """\
# What brinell audit is to measure: brinell audit --config THIS_FILE
# Options on the command line go before what stands here. Paths are seen from where brinell is run.
"""
_PLAIN = re.compile(r"[A-Za-z_./][\w./,+-]*(:[\w./,+-]+)*")  # text that YAML takes as it is


_NO_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # to some reader of YAML


def filled(given: Mapping[str, str]) -> str:
    """A file that gives these settings; all others stand in it as comments, each with an example."""
    return _HEAD + "".join(f"\n{part}" for part in _parts(given))


def _parts(given: Mapping[str, str]) -> Iterator[str]:
    for name, field in FIELDS.items():
        comment = textwrap.fill(field.description or "", 98, initial_indent="# ", subsequent_indent="# ")
        line = f"{name}: {_quoted(given[name])}" if name in given else f"# {name}: {_EXAMPLES[name]}"
        yield f"{comment}\n{line}\n"


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _NO_TEXT else json.dumps(text)


def read_answer(field: str, text: str) -> str:
    """An answer that can stand in the file. Raises BadParameter, upon which it is asked for again."""
    answer = text.strip()
    if field == "effort" and answer not in names.EFFORTS:
        raise typer.BadParameter(f"{answer!r} is no effort; choose one of {', '.join(names.EFFORTS)}.")
    if field == "threat" and not re.fullmatch(r"\w+:\s*[\d.]+(e-?\d+)?(/\d+)?(@\s*\d+\s*bit)?", answer):
        raise typer.BadParameter(f"{answer!r} is no threat set; write SET:EPS, such as {', '.join(names.THREATS)}.")
    if field == "model" and not (":" in answer.strip(":") or answer.endswith((".pt", ".pt2"))):
        raise typer.BadParameter(f"{answer!r} names no model; write file.py:function or package.module:function.")
    return answer


def checked(answers: Mapping[str, str]) -> Iterator[str]:
    """What is not there yet, or what to expect, of the answers."""
    model, weights, data = (answers[name] for name in ("model", "weights", "data"))
    place = model.rpartition(":")[0]
    for name in (place if place.endswith(".py") else "", weights, "" if data in names.data() else data):
        ways = (name, name.partition(",")[0], name.partition(":")[0])  # IDX files, and what stands behind a file
        if name and not any(Path(way.strip()).expanduser().exists() for way in ways):
            yield f"there is no file {name} yet."
    if not weights and model.startswith("brinell.models:"):
        yield f"{model} is untrained without weights; brinell harden trains it."
