"""What this process runs on, for the record."""

import platform
from importlib import metadata

import numpy as np
import torch

from brinell.evaluation.record import Versions


def versions_of(device: torch.device) -> Versions:
    """What this process runs on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return Versions(
        brinell=metadata.version("brinell"), torch=torch.__version__, numpy=np.__version__,
        python=platform.python_version(), platform=platform.platform(), device=name, threads=torch.get_num_threads(),
    )  # fmt: skip
