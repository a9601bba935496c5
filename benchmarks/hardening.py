"""What can be had in how long: trainings against a clock, judged by the harder of two audits."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import nn

import brinell as br
from brinell.data import read
from brinell.defenses import Recipe
from settings import Settings, say
from subjects import EPS
from tables import Promise, Table

MNIST, SIGNS = br.Linf(EPS), br.Linf("8/255")
GAIN = 0.05  # of the best recipe over plain PGD training at the same cost


class DigitCNN(nn.Sequential):
    """SmallCNN, twice as wide and with a third convolution: (N, 1, 28, 28) in [0, 1] to 10 logits."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 32, 4, stride=2, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10),
        )  # fmt: skip


class SignCNN(nn.Sequential):
    """SmallCNN, wider and with dropout, for 43 traffic signs: (N, 3, 32, 32) in [0, 1] to 43 logits."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 32, 4, stride=2, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 4, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Dropout(), nn.Linear(4096, 128), nn.ReLU(), nn.Dropout(), nn.Linear(128, 43),
        )  # fmt: skip


class Course(NamedTuple):
    """A training, and what it has to reach: seconds at most, robust and clean accuracy at least."""

    name: str
    data: str
    threat: br.Linf
    net: Callable[[], nn.Module]
    recipe: Recipe
    epochs: int
    options: br.Training
    most: float
    robust: float = 0.0
    clean: float = 0.0
    batch: int = 128
    lr: float | None = None


# Few long steps, since the first steps of PGD gain most; a set larger than the one that is judged, where there are rows
# and capacity for it; averaged weights in place of a long end of small steps.
_BRISK = br.PGDTraining(steps=3, rel_step=0.6, warmup=0.2)
_SCARCE = br.Training(average=0.999, held_out=0.0, augment=(br.ColorJitter(), br.Affine(translate=0.03)))
PLAIN, BEST = "signs, plain PGD-10", "signs, 3 long steps, changed pictures, averaged weights"
COURSES = (
    Course("MNIST, 100 s", "mnist", MNIST, br.SmallCNN, replace(_BRISK, rel_eps=1.1), 4,
           br.Training(average=0.998), 100, robust=0.8293),
    Course("MNIST, 15 min", "mnist", MNIST, DigitCNN, replace(_BRISK, rel_eps=1.22), 14,
           br.Training(average=0.999), 900, robust=0.885, clean=0.98),
    Course(PLAIN, "gtsrb", SIGNS, SignCNN, br.PGDTraining(steps=10), 36, br.Training(split_by="track"), 1200),
    Course(BEST, "gtsrb", SIGNS, SignCNN, _BRISK, 66, _SCARCE, 1200, batch=64, lr=3e-3),
)  # fmt: skip


class Outcome(NamedTuple):
    """What a course came to; robust: the lower of two audits."""

    seconds: float
    cpu: float
    clean: br.Rate
    robust: br.Rate
    verdict: str


def run(settings: Settings) -> Table:
    """Every course, one after the other; hours."""
    rows, promises, robust = [], [], {}
    for course in COURSES:
        done = _taken(course, settings.quick)
        robust[course.name] = done.robust.value
        rows.append(
            (course.name, f"{done.seconds:.0f}", f"{done.cpu:.0f}", str(done.clean), str(done.robust), done.verdict)
        )
        promises += _promises(course, done)
    gain = robust[BEST] - robust[PLAIN]
    promises.append(Promise(f"signs: the best at least {GAIN:.0%} above plain PGD-10", f"{gain:+.1%}", gain >= GAIN))
    note = f"Robust: the lower of the thorough cascade and AutoAttack's; an upper bound. {settings.describe()}"
    return Table(
        "What can be had in how long", ("course", "s", "CPU s", "clean", "robust", "verdict"), rows, note, promises
    )


def _taken(course: Course, quick: bool) -> Outcome:
    say(f"training: {course.name}")
    train, test = read(f"{course.data}:train"), read(course.data)
    torch.manual_seed(0)
    wall, cpu = time.perf_counter(), time.process_time()
    model = br.harden(
        br.Classifier(course.net(), (0, 1)), train, course.threat, recipe=course.recipe, options=course.options,
        epochs=1 if quick else course.epochs, lr=course.lr, batch_size=course.batch,
    )  # fmt: skip
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    x, y = test.block(slice(0, 50 if quick else len(test)))
    say(f"judging: {course.name}")
    ours = br.audit(model, (x, y), course.threat, effort="quick" if quick else "thorough")
    theirs = ours if quick else br.audit(model, (x, y), course.threat, cascade=br.cascades.autoattack(), diagnose=False)
    robust = min(ours.robust_accuracy, theirs.robust_accuracy, key=lambda rate: rate.value)
    return Outcome(wall, cpu, ours.clean_accuracy, robust, ours.diagnosis.verdict if ours.diagnosis else "-")


def _promises(course: Course, done: Outcome) -> list[Promise]:
    made = [
        Promise(f"{course.name}: at most {course.most:.0f} s", f"{done.seconds:.0f} s", done.seconds <= course.most)
    ]
    for what, least, rate in (("robust", course.robust, done.robust), ("clean", course.clean, done.clean)):
        if least:
            text = f"{course.name}: {what} at least {least:.2%}"
            made.append(Promise(text, f"{rate.value:.2%}", rate.value >= least))
    return made
