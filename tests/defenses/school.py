"""A training in processes that are killed: ``python school.py FOLDER SEED STEPS``."""

import os
import random
import signal
import sys
import time
from typing import Any

import torch
import toys
from torch import Tensor, nn

import brinell as br
from brinell.defenses import Recipe
from brinell.models.weights import weights_sha256

CHOICES: dict[str, Any] = {"average": 0.9, "patience": 9, "augment": (br.Noise(0.01),), "checkpoint": 0.0}


class Moody(nn.Module):
    """BatchNorm and dropout: running statistics and draws from the global generator."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop = nn.BatchNorm1d(toys.VALUES), nn.Dropout(0.2)
        self.last = nn.Linear(toys.VALUES, 2)
        nn.init.constant_(self.last.weight, 0.1)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.drop(self.norm(x)))
        return out


def moody() -> br.Classifier:
    return br.Classifier(Moody(), bounds=(0, 1))


def run(
    folder: str | None, recipe: Recipe | None = None, *, model: br.Classifier | None = None, data: Any = None,
    threat: br.Linf = toys.EPS, **more: Any,
) -> br.Classifier:  # fmt: skip
    """Three epochs of eleven steps each, resumed where something lies in the folder."""
    options = br.Training(**(CHOICES | more.pop("choices", {})))
    settings = {"recipe": recipe or br.FastFGSM(), "epochs": 3, "batch_size": 40, "resume": folder is not None} | more
    return br.harden(model or moody(), data or toys.toy(440), threat, options=options, out=folder, **settings)


def killed(folder: str, steps: int, later: float) -> bool:
    """Whether a process that trains into the folder was killed, so many steps and ``later`` seconds after its first."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            run(folder, progress=lambda label, done, total: (os.write(writes, b"!"), time.sleep(0.002))[1])
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writes)
    with os.fdopen(reads, "rb", buffering=0) as signs:
        for _ in range(1 + steps):
            signs.read(1)
        time.sleep(later)
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


if __name__ == "__main__":  # how often it was killed, until it came to its end; and the weights then
    torch.set_num_threads(1)  # a pool of threads would not survive the fork
    wanted = weights_sha256(run(None))
    moments, kills = random.Random(int(sys.argv[2])), 0
    while killed(sys.argv[1], moments.randrange(int(sys.argv[3])), moments.uniform(0, 0.01)):
        kills += 1
    print(kills, weights_sha256(run(sys.argv[1])) == wanted)
