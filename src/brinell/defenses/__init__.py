"""Defenses: recipes to train a harder model. Add one: a file here and a line in ``RECIPES``."""

from brinell.defenses.augmentations import AUGMENTATIONS, Affine, ColorJitter, Flip, Noise, Shift
from brinell.defenses.awp import AWP
from brinell.defenses.base import Lesson, Recipe, lesson_of
from brinell.defenses.cost import TrainingCost, least_pieces, measure
from brinell.defenses.distillation import DefensiveDistillation
from brinell.defenses.fast import FastFGSM
from brinell.defenses.folder import TrainingFolder
from brinell.defenses.gaussian import Gaussian
from brinell.defenses.ibp import IBP
from brinell.defenses.log import EpochResult, TrainingLog
from brinell.defenses.nfgsm import NFGSM
from brinell.defenses.options import Training
from brinell.defenses.pgd import PGDTraining
from brinell.defenses.standard import Standard
from brinell.defenses.step import Learner
from brinell.defenses.task import Course, Task
from brinell.defenses.trades import TRADES
from brinell.defenses.training import OnEpoch, train
from brinell.defenses.tutorial import Tutorial

RECIPES: dict[str, type[Recipe]] = {
    "Standard": Standard,
    "Tutorial": Tutorial,
    "FastFGSM": FastFGSM,
    "NFGSM": NFGSM,
    "PGDTraining": PGDTraining,
    "IBP": IBP,
    "TRADES": TRADES,
    "AWP": AWP,
    "Gaussian": Gaussian,
    "DefensiveDistillation": DefensiveDistillation,
}

__all__ = [
    "Standard",
    "Tutorial",
    "FastFGSM",
    "NFGSM",
    "PGDTraining",
    "IBP",
    "TRADES",
    "AWP",
    "Gaussian",
    "DefensiveDistillation",
    "RECIPES",
    "AUGMENTATIONS",
    "Affine",
    "ColorJitter",
    "Flip",
    "Noise",
    "Shift",
    "Course",
    "EpochResult",
    "Learner",
    "Lesson",
    "OnEpoch",
    "Recipe",
    "Task",
    "Training",
    "TrainingCost",
    "TrainingFolder",
    "TrainingLog",
    "least_pieces",
    "lesson_of",
    "measure",
    "train",
]
