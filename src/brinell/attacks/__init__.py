"""Attacks: frozen values that make candidates. Add one: a file here and a line in ``ATTACKS``."""

from brinell.attacks.apgd import APGD
from brinell.attacks.base import Attack, Found
from brinell.attacks.fgsm import FGSM
from brinell.attacks.pgd import BIM, PGD, MomentumPGD

ATTACKS: dict[str, type[Attack]] = {
    "FGSM": FGSM,
    "BIM": BIM,
    "PGD": PGD,
    "MomentumPGD": MomentumPGD,
    "APGD": APGD,
}

__all__ = ["FGSM", "BIM", "PGD", "MomentumPGD", "APGD", "ATTACKS", "Attack", "Found"]
