"""The default cascades: what an audit runs if nobody chooses attacks. Parameters are chosen once, for all models."""

from typing import TypeAlias

from brinell.attacks import APGD, FGSM, PGD, Attack, BasinHopping
from brinell.evaluation.budget import Budget
from brinell.threats import Threat

Cascade: TypeAlias = tuple[Attack, ...]

# One step for the undefended; short walks with falling steps, first on cross-entropy, where the margin is flat; then
# all effort to the rows near the boundary: a few of them decide how many fall.
_WALK = PGD(steps=10, schedule="annealed", start="center")
_CLIMB = PGD(steps=20, schedule="annealed", objective="margin")
_STRIPES = PGD(steps=20, schedule="annealed", objective="margin", start="structured")

_LEAST = 60  # gradients a row, under which there is not enough for all walks, and one longer walk does more

EFFORTS: dict[str, Cascade] = {
    "quick": (FGSM(), _WALK, _CLIMB, BasinHopping(rounds=12)),
    "standard": (FGSM(), _WALK, _CLIMB, _STRIPES, BasinHopping()),
    "thorough": (
        FGSM(), _WALK, _CLIMB, _STRIPES, BasinHopping(), APGD(steps=50, objective="dlr", targets=5),
        BasinHopping(rounds=300, near=0.3),
    ),
}  # fmt: skip

# Sets without patches (L1, L0): restarts from patterns take the place of basin hopping.
_WITHOUT_PATCHES: dict[str, Cascade] = {
    "quick": (FGSM(), PGD(steps=20), PGD(steps=20, objective="margin", start="structured")),
    "standard": (FGSM(), PGD(steps=40), PGD(steps=40, objective="margin", start="structured", restarts=4)),
    "thorough": (
        FGSM(), PGD(steps=100, restarts=2), PGD(steps=100, objective="margin", start="structured", restarts=10),
    ),
}  # fmt: skip


# As far as a budget goes. What comes last has no end of its own: all rows are near enough, and rounds many.
_HOPS = (BasinHopping(), BasinHopping(rounds=300, near=0.3), BasinHopping(rounds=5000, near=1.0))
_CLIMBS = (PGD(steps=50, objective="margin", start="structured"),) * 50


def within(budget: Budget, threat: Threat) -> Cascade:
    """The cascade that makes the best of a budget."""
    rest = _HOPS if hasattr(threat, "patch") else _CLIMBS
    if budget.gradients is not None and budget.gradients < _LEAST:
        steps = max(1, int(budget.gradients) - 2)
        return FGSM(), PGD(steps=steps, schedule="annealed", objective="margin"), *rest
    walks = (_WALK, _CLIMB, _STRIPES) if hasattr(threat, "patch") else (PGD(steps=40),)
    return FGSM(), *walks, *rest


def preset(effort: str, threat: Threat) -> Cascade:
    """The cascade of an effort, one of ``EFFORTS``, for a threat set."""
    return (EFFORTS if hasattr(threat, "patch") else _WITHOUT_PATCHES)[effort]
