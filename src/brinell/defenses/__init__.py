"""Defenses: recipes to train a harder model. Add one: a file here and a line in ``RECIPES``."""

from brinell.defenses.base import Lesson, Recipe, lesson_of
from brinell.defenses.fast import FastFGSM
from brinell.defenses.ibp import IBP
from brinell.defenses.log import EpochResult, TrainingLog
from brinell.defenses.options import Training
from brinell.defenses.pgd import PGDTraining
from brinell.defenses.standard import Standard
from brinell.defenses.step import Learner
from brinell.defenses.training import Course, OnEpoch, train
from brinell.defenses.tutorial import Tutorial

RECIPES: dict[str, type[Recipe]] = {
    "Standard": Standard,
    "Tutorial": Tutorial,
    "FastFGSM": FastFGSM,
    "PGDTraining": PGDTraining,
    "IBP": IBP,
}

__all__ = [
    "Standard",
    "Tutorial",
    "FastFGSM",
    "PGDTraining",
    "IBP",
    "RECIPES",
    "Course",
    "EpochResult",
    "Learner",
    "Lesson",
    "OnEpoch",
    "Recipe",
    "Training",
    "TrainingLog",
    "lesson_of",
    "train",
]
