"""Attacks: frozen values that make candidates. Add one: a file here and a line in ``ATTACKS``."""

from brinell.attacks.apgd import APGD
from brinell.attacks.base import Attack, Found
from brinell.attacks.fab import FAB
from brinell.attacks.fgsm import FGSM
from brinell.attacks.pgd import BIM, PGD, MomentumPGD
from brinell.attacks.square import Square

ATTACKS: dict[str, type[Attack]] = {
    "FGSM": FGSM,
    "BIM": BIM,
    "PGD": PGD,
    "MomentumPGD": MomentumPGD,
    "APGD": APGD,
    "Square": Square,
    "FAB": FAB,
}

__all__ = ["FGSM", "BIM", "PGD", "MomentumPGD", "APGD", "Square", "FAB", "ATTACKS", "Attack", "Found"]
