"""What the cascade itself tells: rows that no gradient broke, and that fall to queries afterwards."""

from collections.abc import Sequence

from brinell.evaluation.diagnosis.trial import MARGIN, fine, surely_above
from brinell.evaluation.findings import Diagnosis, Finding
from brinell.evaluation.record import StageResult

_QUERIES = ("scores", "labels")
_LEVEL = 0.01


def with_stages(diagnosis: Diagnosis, stages: Sequence[StageResult], access: Sequence[str], n: int) -> Diagnosis:
    """The diagnosis with a finding on the cascade's stages, whose attacks have these kinds of access to the model.

    Where no attack on scores or labels comes after one on gradients, the cascade tells nothing."""
    seen, broken, tried = False, 0, False
    for stage, kind in zip(stages, access, strict=True):
        if kind in _QUERIES and seen:
            tried, broken = True, broken + stage.before - stage.after
        seen |= kind == "gradients"
    if not tried:
        return diagnosis
    return diagnosis.model_copy(update={"findings": (*diagnosis.findings, _finding(broken, n))})


def _finding(broken: int, n: int) -> Finding:
    """More than two points of the data, and surely more than one, speak against the gradients."""
    name = "what gradients leave stands against queries"
    figures = f"after the gradient attacks of the cascade, queries broke {broken} more of {n} rows."
    if broken <= MARGIN * n or surely_above(broken, n, _LEVEL) <= MARGIN / 2:
        return fine(name, figures)
    return Finding(
        name=name, outcome="warning", figures=figures,
        cause="The model hides its gradients on some rows (arXiv:1802.00420): single-step training bends the surface "
        "about the data, and so do saturated units.",
        remedy="Do not quote what gradient attacks alone leave standing; raise the effort: more starts, more queries.",
    )  # fmt: skip
