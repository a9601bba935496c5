"""Where a command works: ``--device`` read and tried."""

import os

import torch

from brinell.cli.places import about
from brinell.errors import InputError

AUTO = "auto"


def find(name: str) -> torch.device:
    """The device of that name; with "auto" the GPU if CUDA has one, else the CPU. Raises InputError."""
    if name == AUTO:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with about("device"):
        try:
            device = torch.device(name)
            torch.zeros(1, device=device).item()
        except (RuntimeError, AssertionError, NotImplementedError) as problem:
            there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
            raise InputError(
                f"the device is {name!r}, which cannot be used here ({str(problem).splitlines()[0].rstrip('.')}); "
                f"there are {', '.join(there)}; auto takes a GPU if there is one."
            ) from problem
    return device


def settle_training(name: str) -> None:
    """Let a training stay on the CPU where that is asked for. Raises InputError where there is no such device, and
    where several processes are to train, of which each has its own."""
    device = find(name)
    if name != AUTO and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(f"--device {name} is for one process; of several each takes its own: leave it out.")
    if name != AUTO and device.type == "cpu":
        os.environ["ACCELERATE_USE_CPU"] = "true"  # Accelerate would take a GPU that is there
