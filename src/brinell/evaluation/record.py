"""The record of an audit: typed, versioned, and with everything that a replay needs."""

import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from brinell.errors import InputError
from brinell.statistics import Rate

SCHEMA = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelFacts(_Frozen):
    """What was attacked."""

    network: str
    sha256: str
    parameters: int
    classes: int
    bounds: str
    normalize: bool
    origin: str | None = None


class DataFacts(_Frozen):
    """What it was attacked on."""

    name: str
    sha256: str
    n: int
    shape: tuple[int, ...]
    groups: tuple[str, ...]


class Versions(_Frozen):
    """Software and hardware of the run."""

    brinell: str
    torch: str
    numpy: str
    python: str
    platform: str
    device: str
    threads: int


class AttackFacts(_Frozen):
    """One attack of the cascade, with every parameter, given or defaulted."""

    label: str
    kind: str
    access: str = "gradients"  # what it sees of the model
    parameters: dict[str, Any]


class Settings(_Frozen):
    """All that decides the outcome of an audit; two runs with equal settings end with the same record."""

    schema_version: Literal[1] = 1
    kind: Literal["audit"] = "audit"
    model: ModelFacts
    data: DataFacts
    threat: str
    goal: str
    effort: str
    cascade: tuple[AttackFacts, ...]
    alone: bool
    seed: int
    precision: str
    batch: int
    block: int
    examples: Literal["all", "none"]
    versions: Versions


class Count(_Frozen):
    """``hits`` of ``n``: what a rate is stored as."""

    hits: int
    n: int

    @property
    def rate(self) -> Rate:
        """The rate with its intervals."""
        return Rate(self.hits, self.n)


class StageResult(_Frozen):
    """What one attack did: rows standing before and after it in the cascade, and what it leaves alone, if asked."""

    label: str
    before: int
    after: int
    alone: Count | None
    gradients: int
    forwards: int


class AuditRecord(_Frozen):
    """Settings and results of a finished audit. Robust accuracy is an upper bound: a stronger attack may break more."""

    settings: Settings
    warnings: tuple[str, ...]
    clean: Count
    robust: Count
    stages: tuple[StageResult, ...]
    unstable: int


def versions_of(device: torch.device) -> Versions:
    """What this process runs on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return Versions(
        brinell=metadata.version("brinell"), torch=torch.__version__, numpy=np.__version__,
        python=platform.python_version(), platform=platform.platform(), device=name, threads=torch.get_num_threads(),
    )  # fmt: skip


def write_json(model: BaseModel, path: Path) -> None:
    """Write ``model`` so that a kill at any moment leaves either no file or a whole one."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(model.model_dump_json(indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def read_record(path: Path) -> AuditRecord:
    """The record in ``path``. Raises InputError where it is damaged or of a newer schema."""
    try:
        text = path.read_text(encoding="utf-8")
        version = json.loads(text)["settings"]["schema_version"]
        if version != SCHEMA:
            raise InputError(f"{path} has schema version {version}, this brinell reads {SCHEMA}; install a newer one.")
        return AuditRecord.model_validate_json(text)
    except (ValidationError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as problem:
        raise InputError(f"{path} is damaged: {str(problem).splitlines()[0]}. Run the audit again.") from problem
