"""What a check is: a look at a model on trial, and what to say of what was seen."""

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple, TypeAlias

from brinell.evaluation.diagnosis.trial import Trial
from brinell.evaluation.findings import Finding, Outcome

Check: TypeAlias = Callable[[Trial], Finding]
Reason: TypeAlias = Callable[[Trial], str]  # why a check says nothing of this model; empty where it does

# What remedies say: how a stand-in comes to the place of a layer.
STAND_IN = (
    'BPDA(layer, backward=...), inside a network by with_layers(net, {"NAME": lambda layer: BPDA(layer, ...)}) '
    "(arXiv:1802.00420)"
)


class Seen(NamedTuple):
    """What a check measured, in words, and what to think of it; a cause and a remedy where they are special."""

    figures: str
    outcome: Outcome
    cause: str = ""
    remedy: str = ""


def check(
    name: str, cause: str, remedy: str, unless: tuple[Reason, ...] = ()
) -> Callable[[Callable[[Trial], Seen]], Check]:
    """Make a check of a look. ``name`` is what should hold of a model whose robust accuracy can be believed.

    cause and remedy: what a finding that is not ok may come from, and what to do. unless: reasons to skip the look."""

    def with_words(look: Callable[[Trial], Seen]) -> Check:
        @wraps(look)
        def made(trial: Trial) -> Finding:
            for reason in unless:
                if words := reason(trial):
                    return Finding(name=name, outcome="skipped", figures=words)
            seen = look(trial)
            if seen.outcome == "ok":
                return Finding(name=name, outcome="ok", figures=seen.figures)
            return Finding(
                name=name, outcome=seen.outcome, figures=seen.figures,
                cause=seen.cause or cause, remedy=seen.remedy or remedy,
            )  # fmt: skip

        return made

    return with_words


def slopeless(trial: Trial) -> str:
    """There is no gradient to look at."""
    return "the model gives no gradient." if trial.slopeless else ""


def hopeless(trial: Trial) -> str:
    """The model is no better than chance: that little moves its answers is no sign of hidden gradients."""
    return trial.chance if trial.chance and not trial.slopeless else ""


def random(trial: Trial) -> str:
    """Two passes over one row differ."""
    return "" if trial.steady else "the output is random."


def substituted(trial: Trial) -> str:
    """The slope is not that of the forward pass because somebody wanted it so; and one level of a rounding, or more,
    may pass before it comes true."""
    return "a BPDA layer stands in for the slope, on purpose." if trial.substituted else ""


def averaged(trial: Trial) -> str:
    """Random draws depend on the place in the batch, and nothing can be done about it."""
    return "an EOT layer draws by the place in the batch, on purpose." if trial.averaged else ""


def inexact(trial: Trial) -> str:
    """Rounding would hide what is looked for."""
    return "the network cannot be copied to float64." if trial.exact is None else ""
