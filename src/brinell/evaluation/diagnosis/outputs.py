"""Is the output a function of the input, and of nothing else?"""

import torch

from brinell.evaluation.diagnosis.trial import Trial, fine, relative, share, skip, tolerance
from brinell.evaluation.findings import Finding
from brinell.judge import logits_of

_ALONE = 8  # rows passed one by one


def steady(trial: Trial) -> Finding:
    """Two passes over the same rows give the same logits."""
    name = "the output is not random"
    off = trial.unsteady > tolerance(trial.logits)
    figures = (
        f"two passes over the same rows differ on {share(int(off.sum()), len(trial))}, by up to "
        f"{float(trial.unsteady.max()):.2g} of a row's range of logits."
    )
    if trial.steady:
        return fine(name, figures)
    return Finding(
        name=name, outcome="failed", figures=figures,
        cause="The network draws random numbers in eval mode: noise, dropout, random resizing or random choices. A "
        "single pass shows an attack one draw of many, and a success may not happen again.",
        remedy="Attack the expectation: Classifier(EOT(net, samples=20), bounds=...) averages over seeded passes "
        "(arXiv:1707.07397). Call eval() where the randomness is meant for training.",
    )  # fmt: skip


def apart(trial: Trial) -> Finding:
    """A row's logits are the same alone, and among other rows."""
    name = "a row's output does not depend on its batch"
    if not trial.steady:
        return skip(name, "the output is random, so layouts cannot be compared.")
    if trial.averaged:
        return skip(name, "an EOT layer draws by the place in the batch, on purpose.")
    case = trial.few(_ALONE)
    alone = torch.cat([logits_of(case.model, case.x[row : row + 1], 1) for row in range(len(case))])
    logits = trial.logits[: len(case)]
    off = relative(alone - logits, logits)
    figures = f"alone, rows differ from what they are in a batch by {float(off.median()):.2g} of their range of logits."
    if float(off.median()) <= 10 * tolerance(logits):  # another algorithm may run for another batch size
        return fine(name, figures)
    return Finding(
        name=name, outcome="failed", figures=figures,
        cause="Rows influence one another: BatchNorm that uses the statistics of its batch in eval mode, or a "
        "normalisation or a choice across rows. An attack then tunes its neighbours, and a verdict holds in one "
        "layout only.",
        remedy="Call eval(), and use BatchNorm with running statistics (track_running_stats=True), or normalise each "
        "row by itself.",
    )  # fmt: skip
