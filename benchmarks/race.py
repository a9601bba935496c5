"""Contestants take turns; each is timed by the clock and compared within the round."""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from settings import say


@dataclass(frozen=True, slots=True)
class Laps:
    """Seconds of each round, by contestant."""

    seconds: Mapping[str, list[float]]

    def lowest(self, name: str) -> float:
        """The quickest lap: what the machine can do when nothing else wants it."""
        return min(self.seconds[name])

    def middle(self, name: str) -> float:
        """The median lap."""
        return median(self.seconds[name])

    def ratio(self, name: str, to: str) -> float:
        """The median over the rounds of one's time as a multiple of the other's: slow spells hit both and cancel."""
        return median(a / b for a, b in zip(self.seconds[name], self.seconds[to], strict=True))


def race(contestants: Mapping[str, Callable[[], object]], rounds: int) -> Laps:
    """One lap each that does not count, then ``rounds`` of laps; who begins changes from round to round."""
    names = list(contestants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for lap in range(rounds + 1):
        say(f"round {lap} of {rounds}" if lap else "warming up")
        for name in names[lap % len(names) :] + names[: lap % len(names)]:
            gc.collect()
            began = time.perf_counter()
            contestants[name]()
            if lap:
                seconds[name].append(time.perf_counter() - began)
    return Laps(seconds)
