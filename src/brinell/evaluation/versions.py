"""What this process runs on, for the record."""

import platform
from importlib import metadata

import numpy as np
import torch

from brinell.evaluation.record import Versions

MACHINE = ("platform", "threads")  # what decides rounding at most, so that a run may go on under another


def differences(there: Versions, here: Versions) -> str:
    """What differs, in words; empty where nothing does."""
    pairs = {name: (getattr(there, name), getattr(here, name)) for name in type(here).model_fields}
    return ", ".join(f"{name} {one} there, {other} here" for name, (one, other) in pairs.items() if one != other)


def versions_of(device: torch.device) -> Versions:
    """What this process runs on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return Versions(
        brinell=metadata.version("brinell"), torch=torch.__version__, numpy=np.__version__,
        python=platform.python_version(), platform=platform.platform(), device=name, threads=torch.get_num_threads(),
    )  # fmt: skip
