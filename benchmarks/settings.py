"""How much to measure, and on what machine."""

import platform
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch


@dataclass(frozen=True, slots=True)
class Settings:
    """``quick``: a smoke run. ``rounds``: laps of each contestant in each of ``processes``. ``seeds``: for strength."""

    quick: bool
    rounds: int
    processes: int
    threads: int
    seeds: int

    def describe(self) -> str:
        """Versions and hardware, in a line."""
        hasty = " Smoke run: the times mean nothing." if self.quick else ""
        return (
            f"brinell {version('brinell')}, torch {torch.__version__}, Python {platform.python_version()}, "
            f"{self.threads} threads, {_processor()}.{hasty}"
        )


def say(text: str) -> None:
    """A line about what is going on, apart from the results; silent when nobody watches."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
