"""Models and data whose best attack is known, for commands to work on."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

N, FEATURES = 120, 8

# A process that Ctrl-C reaches, also where the tests run in the background of a shell, which has SIGINT ignored there.
INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from brinell.cli.app import main
main()
"""

NETS = '''
import os
import time

import torch
from torch import nn

import brinell


class Linear(nn.Linear):
    """The logit is the sum of the inputs less their middle: eps moves it by 8 eps, and no more."""

    def __init__(self):
        super().__init__(8, 1)
        nn.init.ones_(self.weight)
        nn.init.constant_(self.bias, -4.0)


class Slow(Linear):
    def forward(self, x):
        time.sleep(float(os.environ.get("NETS_SLEEP", 0)))
        return super().forward(x)


class Stops(Linear):
    """Ctrl-C at the third batch of a training, or at the twentieth otherwise."""

    batches = 0

    def forward(self, x):
        self.batches += 1
        if self.batches > (3 if self.training else 20):
            raise KeyboardInterrupt
        return super().forward(x)


class Breaks(Linear):
    """Takes one row at a time only."""

    def forward(self, x):
        1 / (len(x) == 1)
        return super().forward(x)


class Shaky(Linear):
    """Sees things another way in batches of six: of eight rows the judge makes six when it looks again."""

    def forward(self, x):
        return super().forward(x) * (-1 if len(x) == 6 else 1)


class Ends(Breaks):
    """The same, with the error that a read past the end of a file gives."""

    def forward(self, x):
        if len(x) > 1:
            raise EOFError("no more")
        return Linear.forward(self, x)


class Chatty(Linear):
    def forward(self, x):
        print("forward!")
        return super().forward(x)


class Rounds(Linear):
    """Rounds its input, and so hides its gradient."""

    def forward(self, x):
        return super().forward(torch.round(x * 20) / 20)


class Choosy(Linear):
    def forward(self, x):
        raise brinell.InputError("no such row")


class Jumpy(Linear):
    def forward(self, x):
        raise OverflowError("too much")


print("nets.py is imported")
instance = Linear()
number = 3


def classifier():
    return brinell.Classifier(Linear(), bounds=(0.0, 2.0))


def untrained():
    return nn.Linear(8, 3)


def dropping():
    return nn.Sequential(nn.Dropout(0.5), Linear())


def three():
    net = nn.Linear(8, 3)
    nn.init.zeros_(net.weight)
    nn.init.zeros_(net.bias)
    net.weight.data[0], net.weight.data[2] = -1.0, 1.0
    net.bias.data[0], net.bias.data[2] = 4.0, -4.0
    return net


def softmax():
    return nn.Sequential(nn.Linear(8, 3), nn.Softmax(1))


def wide():
    return nn.Linear(9, 2)


def with_argument(width):
    return nn.Linear(8, width)


def raises():
    raise RuntimeError("no such disk")


def leaves():
    raise SystemExit("usage: nets.py")


def returns_a_number():
    return 3
'''


class Ended(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


def arrays(path: str | Path) -> dict[str, np.ndarray]:
    """All arrays of an .npz file, which is closed again."""
    with np.load(path) as file:
        return dict(file)


def margins(x: np.ndarray) -> np.ndarray:
    """How far the logit of ``nets.py:Linear`` is from 0, (N,)."""
    return np.abs(x.sum(1) - FEATURES / 2)


def environment(**more: str) -> dict[str, str]:
    """That of a process of its own, with as many threads as this one."""
    import torch

    return os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())} | more
