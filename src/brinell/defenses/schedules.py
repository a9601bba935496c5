"""Learning rates over a training, as shares of their peak."""

import math

import numpy as np

from brinell.defenses.base import Schedule


def height(done: float, schedule: Schedule) -> float:
    """The share of the peak when a share ``done`` of the training, in [0, 1), is over."""
    match schedule:
        case "cyclic":
            return float(np.interp(done, [0, 0.4, 1], [0, 1, 0]))
        case "cosine":
            return (1 + math.cos(math.pi * done)) / 2
        case "step":
            return 1.0 if done < 0.75 else 0.1 if done < 0.9 else 0.01
        case "constant":
            return 1.0
