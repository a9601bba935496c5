"""Cascades: attacks from cheap to expensive, each working only on the rows that still stand."""

from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeAlias

import torch
from torch import Tensor

from brinell.attacks import Attack
from brinell.attacks.base import Found
from brinell.case import Case
from brinell.errors import InputError, InputTypeError
from brinell.evaluation.efforts import EFFORTS, Cascade, preset
from brinell.evaluation.record import AttackFacts
from brinell.models.classifier import Classifier
from brinell.threats import Threat

Foreigner: TypeAlias = Callable[[Classifier, Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Foreign(Attack):
    """Somebody else's attack, ``call(model, x, y) -> x_adv``, judged like ours.

    The model it gets is the Classifier: raw inputs in, logits out. Passes are counted where they go through it."""

    source = "the user's own"
    access = "whatever it asks of the model"
    call: Foreigner

    @property
    def label(self) -> str:
        """What records call it."""
        return _name(self.call)

    def search(self, case: Case) -> Found:
        """Call it once on the pool; its cost is shared out evenly over the rows."""
        seen = {True: 0, False: 0}

        def count(_module: Any, inputs: tuple[Tensor, ...]) -> None:
            seen[torch.is_grad_enabled() and inputs[0].requires_grad] += len(inputs[0])

        hook = case.model.register_forward_pre_hook(count)
        try:
            x_adv = self.call(case.model, case.x.clone(), case.y.clone())
        finally:
            hook.remove()
            case.model.eval()  # the next attack is ours again
        if not isinstance(x_adv, Tensor) or x_adv.shape != case.x.shape:
            came = tuple(x_adv.shape) if isinstance(x_adv, Tensor) else type(x_adv).__name__
            raise InputError(f"{_name(self.call)} returned {came}; it must return a tensor {tuple(case.x.shape)}.")
        found = Found.nothing(case)
        return found._replace(
            x_adv=x_adv.detach().to(case.x), nominated=~found.nominated,
            gradients=found.gradients + seen[True] // len(case), forwards=found.forwards + seen[False] // len(case),
        )  # fmt: skip


def choose(cascade: str | Sequence[Any] | None, effort: str, threat: Threat) -> Cascade:
    """The cascade that was asked for: a preset's name, attacks of one's own, or that of the effort.

    Raises InputError, InputTypeError."""
    wanted = effort if cascade is None else cascade
    if isinstance(wanted, str):
        if wanted not in EFFORTS:
            raise InputError(f"effort is {wanted!r}; choose one of {', '.join(EFFORTS)}.")
        return preset(wanted, threat)
    attacks = [wanted] if callable(wanted) else list(wanted)
    if not attacks:
        raise InputError("the cascade is empty; give at least one attack, such as (PGD(),).")
    for attack in attacks:
        if isinstance(attack, type) or not callable(attack):
            raise InputTypeError(
                f"the cascade holds {attack!r}; give attacks such as PGD(), or f(model, x, y) -> x_adv."
            )
    return tuple(attack if isinstance(attack, Attack) else Foreign(attack) for attack in attacks)


def describe(cascade: Cascade) -> tuple[AttackFacts, ...]:
    """Label, kind and all parameters of each attack; equal labels are numbered."""
    labels = ["clean"]  # what the table says of rows that are wrong without an attack
    for attack in cascade:
        label = _label(attack)
        again = sum(other == label or other.startswith(f"{label} #") for other in labels)
        labels.append(f"{label} #{again + 1}" if again else label)
    return tuple(
        AttackFacts(
            label=label,
            kind=type(attack).__name__,
            access=attack.access,
            probes=attack.probes,
            carries=attack.carries,
            parameters=_parameters(attack),
        )
        for label, attack in zip(labels[1:], cascade, strict=True)
    )


def _parameters(attack: Attack) -> dict[str, Any]:
    told = [field.name for field in fields(attack) if field.repr]  # type: ignore[arg-type] # not arrays
    values = {name: getattr(attack, name) for name in told}
    return {name: _name(value) if callable(value) else value for name, value in values.items()}


def _label(attack: Attack) -> str:
    """The name, and the parameters that differ from their defaults: ``PGD(margin, structured, restarts=4)``."""
    own: str | None = getattr(attack, "label", None)
    if own is not None:
        return own
    changed = []
    for field in fields(attack):  # type: ignore[arg-type]
        value = getattr(attack, field.name)
        if field.default is MISSING or value != field.default:
            text = _name(value) if callable(value) else f"{value:g}" if isinstance(value, float) else str(value)
            changed.append(text if field.name in ("objective", "start", "schedule") else f"{field.name}={text}")
    return f"{type(attack).__name__}({', '.join(changed)})" if changed else type(attack).__name__


def _name(value: Any) -> str:
    return str(getattr(value, "__qualname__", None) or type(value).__qualname__)
