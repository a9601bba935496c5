"""How much of a robust accuracy is the luck of one seed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from brinell.evaluation.audit import Audit
from brinell.statistics import Rate


@dataclass(frozen=True)
class Spread:
    """Robust accuracies of one model and cascade under several seeds.

    union: the rows that stand under every seed, which is the number to report: the same attacks, run more often."""

    seeds: tuple[int, ...]
    rates: tuple[Rate, ...]
    union: Rate

    @property
    def mean(self) -> float:
        """The mean robust accuracy."""
        return sum(rate.value for rate in self.rates) / len(self.rates)

    @property
    def low(self) -> float:
        """The lowest robust accuracy of a single seed."""
        return min(rate.value for rate in self.rates)

    @property
    def high(self) -> float:
        """The highest robust accuracy of a single seed."""
        return max(rate.value for rate in self.rates)

    def facts(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "seeds": list(self.seeds), "mean": self.mean, "low": self.low, "high": self.high,
            "rates": [rate.facts() for rate in self.rates], "union": self.union.facts(),
        }  # fmt: skip

    def __str__(self) -> str:
        return (
            f"Robust accuracy over {len(self.seeds)} seeds: mean {self.mean:.2%}, from {self.low:.2%} to "
            f"{self.high:.2%}; {self.union} of the rows stand under all of them."
        )


def spread_of(seeds: Sequence[int], audits: Iterable[Audit]) -> Spread:
    """What audits of the same rows, one for each seed, have to do with each other."""
    stands = [pc.is_null(audit.table["broken_by"]).to_numpy() for audit in audits]
    rates = tuple(Rate(int(mask.sum()), len(mask)) for mask in stands)
    every = np.logical_and.reduce(stands)
    return Spread(tuple(seeds), rates, Rate(int(every.sum()), len(every)))
