"""What is legal but suspicious: looked at before an audit, and kept in its record."""

import torch
from scipy.optimize import linear_sum_assignment
from torch import nn

from brinell.case import Case
from brinell.evaluation.cascades import describe
from brinell.evaluation.diagnosis import ROWS, outputs
from brinell.evaluation.diagnosis.trial import Trial
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
        case.threat.suspicion(case.x, case.bounds), _another_size(case), _near_chance(case), _labels_permuted(case),
        _normalised_twice(case), _are_shares(case), _was_training(modes), _wanted_is_true(case), *_outputs(case),
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


def _labels_permuted(case: Case) -> str | None:
    """Labels in another order than the model's classes: some renaming of its predictions fits far better.

    The renaming is fitted on every other row and counted on the rest, so a poor model is not taken for a permuted
    one. Intervals at 99 %."""
    predicted = logits_of(case.model, case.x, case.batch).argmax(1)
    classes = int(max(predicted.max(), case.y.max())) + 1
    fitted, held = slice(0, None, 2), slice(1, None, 2)
    table = torch.zeros(classes, classes, device=case.y.device)
    table.index_put_((predicted[fitted], case.y[fitted]), torch.ones(len(case.y[fitted])).to(table), accumulate=True)
    _, name = linear_sum_assignment(table.cpu().numpy(), maximize=True)
    renamed = torch.as_tensor(name, device=case.y.device)[predicted]
    as_is, better = (
        Rate(int((labels[held] == case.y[held]).sum()), len(case.y[held]), 0.99) for labels in (predicted, renamed)
    )
    if better.low <= as_is.high:
        return None
    pairs = [f"{label} for {own}" for own, label in enumerate(name.tolist()) if own != label][:4]
    return (
        f"the labels seem to be in another order than the model's classes: clean accuracy is {as_is.value:.1%} as it "
        f"is, and {better.value:.1%} after renaming ({', '.join(pairs)} ...). Check the order of the classes, and "
        "whether labels start at 0."
    )


def _are_shares(case: Case) -> str | None:
    """Outputs that all lie in 0..1 but do not sum to 1: a sigmoid for each class."""
    logits = logits_of(case.model, case.x, case.batch)
    own = logits[:, 1:] if bool((logits[:, 0] == 0).all()) and logits.shape[1] == 2 else logits
    if len(case) < 8 or not bool(((own >= 0) & (own <= 1)).all()) or not bool((own != own[:1]).any()):
        return None
    return (
        f"every output lies within 0..1, such as {own[0, -1].item():.4g}: it looks like a sigmoid, and attacks need "
        "logits. Return what goes into it."
    )


def _outputs(case: Case) -> list[str]:
    """Random outputs, and outputs that depend on the batch, as the diagnosis finds them."""
    trial = Trial(case.take(slice(0, ROWS)), level=0.01, attacked=0)
    findings = [outputs.steady(trial), outputs.apart(trial)]
    return [f"{found.figures} {found.cause} {found.remedy}" for found in findings if found.outcome == "failed"]


def _normalised_twice(case: Case) -> str | None:
    """A network that does better without the Classifier's normalisation probably normalises by itself."""
    model = case.model.bare
    if not model.normalizes:
        return None
    with_it, without = _clean(case, model)[0], _clean(case, Classifier(model.net, case.bounds))[0]
    if without.hits - with_it.hits <= max(2, 0.02 * len(case)):
        return None
    return (
        f"clean accuracy is {with_it.value:.1%} with normalize=(mean, std) and {without.value:.1%} without it: the "
        "network seems to normalise by itself. Leave normalize out."
    )


def _another_size(case: Case) -> str | None:
    """Pictures of another size than those that the model was made for: many networks take them and do worse."""
    size = case.model.frame.size if case.model.frame else None
    if size is None or case.x.dim() != 4 or tuple(case.x.shape[2:]) == size:
        return None
    return (
        f"the inputs are {case.x.shape[2]}x{case.x.shape[3]} and the model was made for {size[0]}x{size[1]}: pass "
        "model.frame to what reads the pictures, or bring them to that size."
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
