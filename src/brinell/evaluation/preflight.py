"""What is legal but suspicious: looked at before an audit, and kept in its record."""

from torch import nn

from brinell.case import Case
from brinell.evaluation.cascades import describe
from brinell.evaluation.efforts import Cascade
from brinell.goals import Away, Toward
from brinell.judge import logits_of
from brinell.models.classifier import Classifier
from brinell.statistics import Rate

_MODAL = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


def preflight(case: Case, modes: dict[nn.Module, bool]) -> tuple[str, ...]:
    """Warnings about ``case``, the first rows of the data; ``modes`` is how the model's modules were handed over.

    The model must be in eval mode."""
    found = [
        case.threat.suspicion(case.x, case.bounds), _near_chance(case), _normalised_twice(case),
        _was_training(modes), _wanted_is_true(case),
    ]  # fmt: skip
    return tuple(warning for warning in found if warning)


def notes(cascade: Cascade, classes: int) -> tuple[str, ...]:
    """What the attacks of a cascade do otherwise than their names say, on a model with so many classes."""
    said = [(facts.label, attack.note(classes)) for facts, attack in zip(describe(cascade), cascade, strict=True)]
    return tuple(f"{label}: {note}" for label, note in said if note)


def _clean(case: Case, model: Classifier) -> tuple[Rate, int]:
    logits = logits_of(model, case.x, case.batch)
    right = int((~Away().reached(logits, case.y)).sum())
    return Rate(right, len(case)), logits.shape[1]


def _near_chance(case: Case) -> str | None:
    rate, classes = _clean(case, case.model)
    if rate.low > 1 / classes:
        return None
    return (
        f"clean accuracy is {rate}, near chance ({1 / classes:.1%} for {classes} classes): check weights, "
        "normalisation and the order of the labels before believing anything that follows."
    )


def _normalised_twice(case: Case) -> str | None:
    """A network that does better without the Classifier's normalisation probably normalises by itself."""
    if not case.model.normalizes:
        return None
    bare = Classifier(case.model.net, case.bounds)
    with_it, without = _clean(case, case.model)[0], _clean(case, bare)[0]
    if without.hits - with_it.hits <= max(2, 0.02 * len(case)):
        return None
    return (
        f"clean accuracy is {with_it.value:.1%} with normalize=(mean, std) and {without.value:.1%} without it: the "
        "network seems to normalise by itself. Leave normalize out."
    )


def _was_training(modes: dict[nn.Module, bool]) -> str | None:
    kinds = sorted({type(module).__name__ for module, mode in modes.items() if mode and isinstance(module, _MODAL)})
    if not kinds:
        return None
    return (
        f"the model was handed over in train mode with {', '.join(kinds)}; it is measured in eval mode, and put back. "
        "Call model.eval() before you deploy it."
    )


def _wanted_is_true(case: Case) -> str | None:
    if not isinstance(case.goal, Toward):
        return None
    same = int((case.goal.labels == case.y).sum())
    if not same:
        return None
    return f"{same} of the first {len(case)} rows truly have the wanted label; being right is no success: they stand."
