"""Is the output a function of the input, and of nothing else?"""

import torch

from brinell.evaluation.diagnosis.checks import Seen, averaged, check, random
from brinell.evaluation.diagnosis.trial import MARGIN, Trial, relative, share, surely_above, tolerance
from brinell.judge import logits_of
from brinell.objectives import margin

_ALONE = 8  # rows passed one by one


@check(
    "the output is not random",
    cause="The network draws random numbers in eval mode: noise, dropout, random resizing or random choices. A "
    "single pass shows an attack one draw of many, and a success may not happen again.",
    remedy="Attack the expectation: Classifier(EOT(net, samples=20), bounds=...) averages over seeded passes "
    "(arXiv:1707.07397). Call eval() where the randomness is meant for training.",
)
def steady(trial: Trial) -> Seen:
    """Two passes over the same rows give the same logits."""
    off = trial.unsteady > tolerance(trial.logits)
    figures = (
        f"two passes over the same rows differ on {share(int(off.sum()), len(trial))}, by up to "
        f"{float(trial.unsteady.max()):.2g} of a row's range of logits."
    )
    return Seen(figures, "ok" if trial.steady else "failed")


@check(
    "a row's output does not depend on its batch",
    cause="Rows influence one another: BatchNorm that uses the statistics of its batch in eval mode, or a "
    "normalisation or a choice across rows. An attack then tunes its neighbours, and a verdict holds in one "
    "layout only.",
    remedy="Call eval(), and use BatchNorm with running statistics (track_running_stats=True), or normalise each "
    "row by itself.",
    unless=(random, averaged),
)
def apart(trial: Trial) -> Seen:
    """A row's logits are the same alone, and among other rows."""
    case = trial.few(_ALONE)
    alone = torch.cat([logits_of(case.model, case.x[row : row + 1], 1) for row in range(len(case))])
    logits = trial.logits[: len(case)]
    off = relative(alone - logits, logits)
    figures = f"alone, rows differ from what they are in a batch by {float(off.median()):.2g} of their range of logits."
    close = float(off.median()) <= 10 * tolerance(logits)  # another algorithm may run for another batch size
    return Seen(figures, "ok" if close else "failed")


@check(
    "one logit is on top",
    cause="The output saturates, so that several classes share the top logit: a softmax, a steep sigmoid or tanh, "
    "clipped or rounded logits. A tie counts as right here, for the model and against the attacker: clean accuracy is "
    "too high as well, and attacks see a flat surface.",
    remedy='Judge what goes into the saturation: with_layers(net, {"NAME": nn.Identity()}) leaves a layer out that '
    "only squashes the logits, and changes no decision but ties.",
)
def decided(trial: Trial) -> Seen:
    """The true label does not share the top with another."""
    tied = int((margin(trial.logits, trial.case.y) == 0).sum())
    figures = f"another label has as large a logit as the true one on {share(tied, len(trial))}."
    return Seen(figures, "ok" if surely_above(tied, len(trial), trial.level) <= MARGIN else "failed")
