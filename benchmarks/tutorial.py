"""The Tutorial recipe's training step beside the usual loop: time, and peak memory beside a standard step's."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median

import torch

from race import Contestants, race
from settings import Settings, say
from steps import BATCH, NETWORKS, WAYS, classifier
from tables import Promise, Table

MOST_TIME, MOST_MEMORY = 0.75, 1.1
BATCHES = {"TutorialCNN": 60, "WideCNN": 8}  # in a lap
STANDARD, USUAL, OURS = "standard step", "usual loop", "Tutorial"


def run(settings: Settings) -> Table:
    """Both networks, all ways to train."""
    rows, promises = [], []
    for network in NETWORKS:
        say(network)
        batches = 2 if settings.quick else BATCHES[network]
        laps = race(settings, ways, network, batches)
        peaks = {name: _peak(name, network, 1 if settings.quick else 5) for name in WAYS}
        ms = {name: f"{1000 * laps.lowest(name) / batches:.1f}" for name in WAYS}
        middle = {name: f"{1000 * laps.middle(name) / batches:.1f}" for name in WAYS}
        rows += [
            (network, name, ms[name], middle[name], f"{laps.ratio(name, USUAL):.2f}", f"{peaks[name] / 1e6:.1f}",
             f"{peaks[name] / peaks[STANDARD]:.2f}") for name in WAYS
        ]  # fmt: skip
        time, memory = laps.ratio(OURS, USUAL), peaks[OURS] / peaks[STANDARD]
        promises += [
            Promise(f"{network}: time at most {MOST_TIME} x the usual loop's", f"{time:.2f}", time <= MOST_TIME),
            Promise(f"{network}: peak memory at most {MOST_MEMORY} x a standard step's", f"{memory:.2f}",
                    memory <= MOST_MEMORY),
        ]  # fmt: skip
    head = ("network", "way", "min ms", "median ms", "x usual", "peak MB", "x standard")
    note = (
        f"Milliseconds for a batch of {BATCH}, Adam included, {laps.rounds} rounds. Peak: by how much a process of "
        f"its own grows from before its first step, all of PyTorch's workspace included. {settings.describe()}"
    )
    return Table("The Tutorial recipe beside the usual loop", head, rows, note, promises)


def ways(network: str, batches: int) -> Contestants:
    """All ways to train, each on the same rows with a network of its own."""
    x, y = torch.rand(batches * BATCH, 1, 28, 28), torch.arange(batches * BATCH) % 10
    return {name: partial(way, classifier(network), x, y) for name, way in WAYS.items()}


def _peak(way: str, network: str, times: int) -> float:
    """Median growth in bytes over several processes; blocks from 64 kB on go back to the system when freed."""
    words = [sys.executable, str(Path(__file__).with_name("steps.py")), way, network]
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    runs = [subprocess.run(words, env=environment, capture_output=True, check=True, text=True) for _ in range(times)]
    return median(int(run.stdout) for run in runs)
