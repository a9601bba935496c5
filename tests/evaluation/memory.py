"""A program: audit ``ROWS`` rows of 64 kB that are made when asked for, and print the peak memory in MB.

Each of several numbers of rows gets a process of its own, made from one that has loaded all the code.
"""

import os
import resource
import sys

import torch
from torch import Tensor

import brinell as br
from brinell.api import audit  # before the forks, each of which would load it

VALUES = 16384


class Rows(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Rows by number."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return torch.full((VALUES,), 0.4 + 0.2 * (row % 2) + 0.1 * (row / self.n - 0.5)), row % 2


def main(n: int) -> None:
    """Two classes, told apart by the mean."""
    torch.set_num_threads(1)
    net = torch.nn.Linear(VALUES, 2)
    with torch.no_grad():
        net.weight[0], net.weight[1] = 0.0, 0.01
        net.bias[0], net.bias[1] = 0.0, -0.005 * VALUES
    model = br.Classifier(net, bounds=(0, 1))
    options = {"cascade": (br.FGSM(),), "batch_size": 16}
    found = audit(model, Rows(n), br.Linf(0.1), **options)  # type: ignore[arg-type]
    assert found.clean_accuracy.value == 1
    assert 0.3 < found.robust_accuracy.value < 0.7
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    for rows in map(int, sys.argv[1:]):
        if not (child := os.fork()):
            main(rows)
            sys.stdout.flush()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
