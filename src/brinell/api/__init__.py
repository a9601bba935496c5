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
from brinell.api.training import harden, save_memory, training_cost

__all__ = [
    "AttackResult",
    "attack",
    "audit",
    "certify",
    "diagnose",
    "harden",
    "robustness_curve",
    "save_memory",
    "spread",
    "training_cost",
    "verify",
]
