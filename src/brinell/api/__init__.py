"""The public verbs, composed from the rooms."""

from brinell.api.measuring import (
    AttackResult,
    attack,
    audit,
    certify,
    diagnose,
    robustness_curve,
    spread,
    verify,
)
from brinell.api.training import harden, training_cost

__all__ = [
    "AttackResult",
    "attack",
    "audit",
    "certify",
    "diagnose",
    "harden",
    "robustness_curve",
    "spread",
    "training_cost",
    "verify",
]
