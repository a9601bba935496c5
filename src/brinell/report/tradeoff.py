"""Clean against robust accuracy, one point a model: a drawing in SVG that needs no script, and a page about it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from brinell import __version__
from brinell.report.html import environment
from brinell.report.words import percent
from brinell.statistics import LEVEL, Rate

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640.0, 460.0, 64.0, 26.0, 22.0, 58.0
_STEPS = ((0.12, 0.02), (0.3, 0.05), (0.6, 0.1), (math.inf, 0.2))  # up to a span, the distance of two ticks


class Dot(NamedTuple):
    """One model: the value of what is varied, the seed, its two rates, and how long it was trained."""

    value: str
    seed: int
    clean: Rate
    robust: Rate
    seconds: float | None
    verdict: str | None


class Mean(NamedTuple):
    """All models of one value: means over the seeds."""

    value: str
    clean: float
    robust: float


class Words(NamedTuple):
    """What the page says beside the picture."""

    title: str
    parameter: str
    scene: Sequence[tuple[str, str]]
    caveats: Sequence[str]


def page_of(dots: Sequence[Dot], means: Sequence[Mean], words: Words) -> str:
    """The whole page."""
    return environment().get_template("tradeoff.html.jinja").render(
        dots=dots, words=words, level=f"{LEVEL:.0%}", version=__version__, several=len(means) < len(dots),
        drawing=Markup(svg_of(dots, means, words.parameter, alone=False)),
    )  # fmt: skip


def svg_of(dots: Sequence[Dot], means: Sequence[Mean], parameter: str, *, alone: bool = True) -> str:
    """The drawing; ``alone`` it brings its colours with it, else it takes those of the page."""
    across = _Axis.over([dot.clean for dot in dots], _LEFT, _WIDTH - _RIGHT)
    up = _Axis.over([dot.robust for dot in dots], _HEIGHT - _BOTTOM, _TOP)
    told = (f"{parameter} {mean.value}: clean {percent(mean.clean)}, robust {percent(mean.robust)}" for mean in means)
    return environment().get_template("tradeoff.svg.jinja").render(
        dots=dots, means=means, across=across, up=up, alone=alone, parameter=parameter,
        size=(_WIDTH, _HEIGHT), frame=(_LEFT, _TOP, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM),
        says="; ".join(told),
    )  # fmt: skip


class _Axis(NamedTuple):
    """Where shares from ``low`` to ``high`` lie between two ends of the drawing."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, rates: Sequence[Rate], start: float, end: float) -> "_Axis":
        """An axis that has room for all intervals."""
        low, high = min(rate.wilson.low for rate in rates), max(rate.wilson.high for rate in rates)
        step = _step(high - low)
        return cls(max(0.0, math.floor(low / step) * step), min(1.0, math.ceil(high / step) * step), start, end)

    def at(self, share: float) -> str:
        """The place of a share, in the units of the drawing."""
        place = self.start + (share - self.low) / (self.high - self.low) * (self.end - self.start)
        return f"{place:.1f}"

    @property
    def ticks(self) -> list[float]:
        """Shares at which a line is drawn."""
        step = _step(self.high - self.low)
        return [self.low + step * number for number in range(round((self.high - self.low) / step) + 1)]


def _step(span: float) -> float:
    return next(step for most, step in _STEPS if span <= most)
