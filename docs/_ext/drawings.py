"""The guide's drawings, each a function of a studio; what they show is measured when they are drawn."""

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
os.environ.setdefault("SOURCE_DATE_EPOCH", "0")  # the same drawing has the same bytes

import matplotlib.pyplot as plt
import numpy as np
import torch

import brinell as br
from brinell.data import read
from brinell.models import same_random_state

INK = {"light": "#3b4252", "dark": "#c9d1d9"}
BLUE, ORANGE, GREEN = "#3b83bd", "#d9822b", "#4c9a6a"
STYLE = {
    "font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "brinell",
    "figure.constrained_layout.use": True, "axes.titlesize": 10, "legend.frameon": False,
}  # fmt: skip
EPS = 0.1


class Studio:
    """What several drawings share: two networks, and digits to attack."""

    def __init__(self, quick: bool = False) -> None:
        self.quick = quick

    @cached_property
    def rows(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Test digits, every class equally often."""
        return read("digits").block(slice(0, 1000, 25 if self.quick else 3))

    def _trained(self, recipe: Any, epochs: int) -> br.Classifier:
        rows = read("digits:train").block(slice(0, 4000, 20 if self.quick else 1))
        with same_random_state(0):
            model = br.tutorial_classifier()
        return br.harden(model, rows, br.Linf(EPS), recipe=recipe, epochs=1 if self.quick else epochs)

    @cached_property
    def plain(self) -> br.Classifier:
        """The tutorial's network without a defense."""
        return self._trained(br.Standard(), 4)

    @cached_property
    def hard(self) -> br.Classifier:
        """The same network after a little PGD training."""
        return self._trained(br.PGDTraining(steps=4), 5)

    @cached_property
    def audits(self) -> dict[str, br.Audit]:
        """Both networks under the same cascade."""
        return {
            name: br.audit(model, self.rows, br.Linf(EPS), effort="quick", diagnose=False)
            for name, model in (("undefended", self.plain), ("PGD training", self.hard))
        }

    @cached_property
    def curves(self) -> dict[str, br.RobustnessCurve]:
        """Both networks over eps, up to twice what the second was trained for."""
        rows = tuple(part[::3] for part in self.rows)
        walk = (br.FGSM(), br.PGD(steps=15, schedule="annealed", objective="margin"))
        shares = [share / 2 for share in (0.25, 0.5, 1.0, 1.5, 2.0)]
        return {
            name: br.robustness_curve(model, rows, br.Linf(2 * EPS), shares=shares, cascade=walk)
            for name, model in (("undefended", self.plain), ("PGD training", self.hard))
        }


def published(draw: Callable[[str], Any], path: Path, style: str) -> None:
    """Draw it in light or in dark, without a background."""
    ink = INK[style]
    parts = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    with plt.rc_context({**STYLE, **dict.fromkeys(parts, ink)}):
        figure = draw(ink)
        figure.savefig(path, transparent=True, metadata={"Date": None})
        plt.close(figure)


Drawing = Callable[[Studio, str], Any]


def example(studio: Studio, ink: str) -> Any:
    """One digit of which FGSM makes another: input, change, result, with what the network says."""
    x, y = studio.rows
    threat = br.Linf(0.2)
    found = br.attack(br.PGD(steps=20), studio.plain, x, y, threat)
    row = int(found.success.nonzero()[len(y) // 4 % int(found.success.sum())]) if found.success.any() else 0
    says = studio.plain(torch.stack([x[row], found.x_adv[row]])).softmax(1)
    change = (found.x_adv[row] - x[row])[0]
    figure, axes = plt.subplots(1, 3, figsize=(7, 2.7))
    titles = (
        f"a {int(y[row])}: the network says {int(says[0].argmax())} ({says[0].max():.0%})",
        "the change, at most 0.2 a pixel",
        f"now it says {int(says[1].argmax())} ({says[1].max():.0%})",
    )
    for axis, picture, title in zip(axes, (x[row, 0], change, found.x_adv[row, 0]), titles, strict=True):
        signed = picture is change
        limits = (-0.25, 0.25) if signed else (0, 1)
        axis.imshow(picture, cmap="RdBu" if signed else "gray", vmin=limits[0], vmax=limits[1])
        axis.set(title=title, xticks=[], yticks=[])
        for side in axis.spines.values():
            side.set(visible=True, color=ink, linewidth=0.5)
    return figure


def balls(_studio: Studio, ink: str) -> Any:
    """The four threat sets about a point of the plane, cut off at the bounds."""
    figure, axes = plt.subplots(1, 4, figsize=(7.6, 2.3))
    center, eps = np.array([0.36, 0.42]), 0.3
    corners = {"l1": [(1, 0), (0, 1), (-1, 0), (0, -1)], "linf": [(1, 1), (-1, 1), (-1, -1), (1, -1)]}
    turn = np.linspace(0, 2 * np.pi, 120)
    corners["l2"] = list(zip(np.cos(turn), np.sin(turn), strict=True))
    for axis, (name, words) in zip(axes, _SETS.items(), strict=True):
        axis.add_patch(plt.Rectangle((0, 0), 1, 1, fill=False, edgecolor=ink, linewidth=0.8))
        if name in corners:
            shape = center + eps * np.array(corners[name])
            axis.add_patch(plt.Polygon(shape, facecolor=BLUE, alpha=0.45, edgecolor=BLUE))
        else:
            axis.plot([0, 1], [center[1]] * 2, color=BLUE, linewidth=3, alpha=0.7)
            axis.plot([center[0]] * 2, [0, 1], color=BLUE, linewidth=3, alpha=0.7)
        axis.plot(*center, "o", color=ORANGE, markersize=5)
        axis.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05), aspect="equal", title=words)
        axis.axis("off")
    return figure


_SETS = {
    "linf": "Linf: each value\nby at most eps",
    "l2": "L2: the Euclidean\nlength of the change",
    "l1": "L1: the sum of\nall changes",
    "l0": "L0: how many\nvalues change (here 1)",
}


def over_eps(studio: Studio, ink: str) -> Any:
    """Robust accuracy over eps, undefended and hardened."""
    figure, axis = plt.subplots(figsize=(6.4, 3))
    for (name, curve), color in zip(studio.curves.items(), (ORANGE, BLUE), strict=True):
        rates = [curve.clean_accuracy, *(point.robust_accuracy for point in curve.points)]
        eps = [0.0, *(point.eps for point in curve.points)]
        axis.plot(eps, [rate.value for rate in rates], "o-", color=color, label=name, markersize=4)
        axis.fill_between(eps, [rate.low for rate in rates], [rate.high for rate in rates], color=color, alpha=0.18)
    axis.axvline(EPS, color=ink, linewidth=0.6, linestyle=":")
    axis.text(EPS, 1.03, "trained for this eps", ha="center", fontsize=8)
    axis.set(xlabel="eps (Linf)", ylabel="right in spite of the attack", ylim=(0, 1.02))
    axis.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0))
    axis.legend(loc="lower left")
    return figure


def by_digit(studio: Studio, ink: str) -> Any:
    """Clean and robust accuracy of each digit after PGD training, the most vulnerable first."""
    audit = studio.audits["PGD training"]
    rows = sorted(audit.by_group("class"), key=lambda row: row.robust_accuracy.value)
    figure, axis = plt.subplots(figsize=(6.4, 3.4))
    for place, row in enumerate(rows):
        robust, clean = row.robust_accuracy, row.clean_accuracy
        axis.plot([robust.low, robust.high], [place, place], color=BLUE, linewidth=2, alpha=0.6)
        axis.plot(robust.value, place, "o", color=BLUE, label="under attack, 95 % interval" if not place else None)
        axis.plot(clean.value, place, "|", color=ink, markersize=11, label="without an attack" if not place else None)
    axis.axvline(audit.robust_accuracy.value, color=ink, linewidth=0.6, linestyle=":")
    axis.set(yticks=range(len(rows)), yticklabels=[str(row.group) for row in rows], ylabel="digit", xlim=(0, 1.02))
    axis.invert_yaxis()
    axis.xaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0))
    axis.set_title(f"{len(studio.rows[1])} test digits, Linf {EPS}; dotted: all digits together", loc="left")
    axis.legend(loc="lower left")
    return figure


def masking(studio: Studio, ink: str) -> Any:
    """The margin along one line, for a network and for the same network behind a staircase."""
    x, y = studio.rows
    found = br.attack(br.FGSM(), studio.plain, x, y, br.Linf(0.25))
    row = int(found.success.nonzero()[0]) if found.success.any() else 0
    way = torch.linspace(0, 1, 400).reshape(-1, 1, 1, 1)
    line = x[row] + way * (found.x_adv[row] - x[row])
    figure, axis = plt.subplots(figsize=(6.4, 2.8))
    steps = (line * 6).round() / 6
    for points, name, color in ((line, "the network", BLUE), (steps, "its inputs rounded to 7 levels", ORANGE)):
        with torch.no_grad():
            logits = studio.plain(points)
        own = logits[:, int(y[row])]
        others = logits.clone()
        others[:, int(y[row])] = -torch.inf
        axis.plot(0.25 * way.flatten(), others.amax(1) - own, color=color, label=name)
    axis.axhline(0, color=ink, linewidth=0.6, linestyle=":")
    axis.set(xlabel="how far along the FGSM direction (Linf)", ylabel="margin of the wrong classes")
    axis.legend(loc="upper left")
    return figure


def sample_size(_studio: Studio, _ink: str) -> Any:
    """How wide the exact interval is, for several rates, over the number of rows."""
    figure, axis = plt.subplots(figsize=(6.4, 2.8))
    sizes = np.unique(np.geomspace(10, 10_000, 60).astype(int))
    for share, color in ((0.5, BLUE), (0.8, GREEN), (0.95, ORANGE)):
        rates = [br.Rate(round(share * int(n)), int(n)) for n in sizes]
        axis.plot(sizes, [100 * (rate.high - rate.low) for rate in rates], color=color, label=f"{share:.0%}")
    axis.set(xscale="log", xlabel="rows audited", ylabel="width of the interval\nin points", ylim=(0, None))
    axis.legend(title="measured accuracy")
    return figure


def standing(studio: Studio, _ink: str) -> Any:
    """How many rows stand after how many gradients a row, in the cascade."""
    figure, axis = plt.subplots(figsize=(6.4, 2.8))
    for (name, audit), color in zip(studio.audits.items(), (ORANGE, BLUE), strict=True):
        table = audit.table
        spent = np.array(table["gradients"].to_pylist(), float)
        broken = np.array([value not in (None, "clean") for value in table["broken_by"].to_pylist()])
        most = max(spent.max(), 2)
        effort = np.unique(np.geomspace(1, most, 80).astype(int))
        right = np.array([value != "clean" for value in table["broken_by"].to_pylist()])
        left = [(right & ~(broken & (spent <= count))).mean() for count in effort]
        axis.step([0.5, *effort], [right.mean(), *left], where="post", color=color, label=name)
    axis.set(xscale="log", xlabel="gradients spent on a row", ylabel="rows that stand", ylim=(0, 1.02))
    axis.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0))
    axis.legend(loc="lower left")
    return figure


DRAWINGS: dict[str, Drawing] = {
    "example": example,
    "balls": balls,
    "over-eps": over_eps,
    "by-digit": by_digit,
    "masking": masking,
    "sample-size": sample_size,
    "standing": standing,
}
