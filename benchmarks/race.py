"""Contestants take turns; each is timed by the clock and compared within the round.

Where its memory happens to lie makes a process some percent faster or slower at one thing than at another. So a race
is run in several processes, one after the other, and the rounds of all of them count.
"""

import gc
import multiprocessing
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from settings import Settings, say

Contestants = Mapping[str, Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Laps:
    """Seconds of each round, by contestant."""

    seconds: Mapping[str, list[float]]

    @property
    def rounds(self) -> int:
        """How many rounds there were."""
        return len(next(iter(self.seconds.values())))

    def lowest(self, name: str) -> float:
        """The quickest lap: what the machine can do when nothing else wants it."""
        return min(self.seconds[name])

    def middle(self, name: str) -> float:
        """The median lap."""
        return median(self.seconds[name])

    def ratio(self, name: str, to: str) -> float:
        """The median over the rounds of one's time as a multiple of the other's: slow spells hit both and cancel."""
        return median(a / b for a, b in zip(self.seconds[name], self.seconds[to], strict=True))


def race(settings: Settings, field: Callable[..., Contestants], *given: Any) -> Laps:
    """Race the contestants that ``field(*given)`` makes, in each of several new processes.

    field: a function at the top of its module, so that a new process finds it."""
    seconds: dict[str, list[float]] = {}
    for number in range(settings.processes):
        say(f"process {number + 1} of {settings.processes}")
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            laps = process.submit(_race_here, settings, field, given).result()
        for name, times in laps.seconds.items():
            seconds.setdefault(name, []).extend(times)
    return Laps(seconds)


def take_turns(contestants: Contestants, rounds: int) -> Laps:
    """One lap each that does not count, then ``rounds`` of laps; who begins changes from round to round."""
    names = list(contestants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for lap in range(rounds + 1):
        for name in names[lap % len(names) :] + names[: lap % len(names)]:
            gc.collect()
            began = time.perf_counter()
            contestants[name]()
            if lap:
                seconds[name].append(time.perf_counter() - began)
    return Laps(seconds)


def _race_here(settings: Settings, field: Callable[..., Contestants], given: tuple[Any, ...]) -> Laps:
    torch.set_num_threads(settings.threads)
    return take_turns(field(*given), settings.rounds)
