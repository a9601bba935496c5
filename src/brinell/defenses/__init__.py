"""Defenses: recipes to train a harder model. Add one: a file here and a line in ``RECIPES``."""

from brinell.defenses.awp import AWP
from brinell.defenses.base import Recipe
from brinell.defenses.fast import FastFGSM
from brinell.defenses.gaussian import Gaussian
from brinell.defenses.log import EpochResult, TrainingLog
from brinell.defenses.nfgsm import NFGSM
from brinell.defenses.pgd import PGDTraining
from brinell.defenses.standard import Standard
from brinell.defenses.trades import TRADES
from brinell.defenses.training import Course, OnEpoch, train
from brinell.defenses.tutorial import Tutorial

RECIPES: dict[str, type[Recipe]] = {
    "Standard": Standard,
    "Tutorial": Tutorial,
    "FastFGSM": FastFGSM,
    "NFGSM": NFGSM,
    "PGDTraining": PGDTraining,
    "TRADES": TRADES,
    "AWP": AWP,
    "Gaussian": Gaussian,
}

__all__ = [
    "Standard",
    "Tutorial",
    "FastFGSM",
    "NFGSM",
    "PGDTraining",
    "TRADES",
    "AWP",
    "Gaussian",
    "RECIPES",
    "Course",
    "EpochResult",
    "OnEpoch",
    "Recipe",
    "TrainingLog",
    "train",
]
