"""The whole way on full MNIST, figure by figure, beside what was measured before brinell was written."""

import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

import brinell as br
from brinell.defenses import Recipe
from brinell.models import evaluating
from brinell.models.networks import MNIST_MEAN, MNIST_STD
from peers import PGD40
from settings import Settings, say
from subjects import EPS, data_name, robust, test_rows
from tables import Table

LINF = br.Linf(EPS)
PGD50 = br.PGD(steps=50)
Lines = Iterator[tuple[str, str, str]]  # what, before, now


class Rows:
    """Test rows: all of them, and the first thousand for what is slow; and the name of the rows to train on."""

    def __init__(self, name: str, quick: bool) -> None:
        self.train, self.quick = f"{name}:train", quick
        self.x, self.y = test_rows(10_000 if name == "mnist" else 1_000, name)
        self.first = test_rows(200 if quick else 1_000, name)

    def harden(self, model: br.Classifier, recipe: Recipe, epochs: int) -> br.Classifier:
        """Train; for one epoch in a smoke run."""
        return br.harden(model, self.train, LINF, recipe=recipe, epochs=1 if self.quick else epochs)


def run(settings: Settings) -> Table:
    """Chapter after chapter; half an hour on two cores."""
    name = "digits" if settings.quick else data_name()
    rows, digits = Rows(name, settings.quick), Rows("digits", settings.quick)
    chapters = (_undefended(rows), _tutorial(rows), _fast(rows), _few_digits(digits), _published(rows))
    lines, began = [], time.perf_counter()
    for chapter in chapters:
        for what, before, now in chapter:
            say(f"{what}: {now} (before: {before})")
            lines.append((what, before, now, f"{time.perf_counter() - began:.0f}"))
            began = time.perf_counter()
    note = (
        f"Test rows of {name}: all {len(rows.x):,} for the undefended network and published clean accuracy, else "
        f"{len(rows.first[0]):,}. What an attack leaves is an upper bound. Seed 0; the seconds of a training stand in "
        f"the first line after it. {settings.describe()}"
    )
    return Table("The whole way, beside what was measured before", ("what", "before", "now", "s"), lines, note)


def _undefended(rows: Rows) -> Lines:
    model = rows.harden(_tutorial_network(), br.Standard(), 3)
    yield "TutorialCNN, 3 epochs: clean", "98.4 %", _clean(model, rows.x, rows.y)
    yield 'the usual snippet\'s "FGSM 0.3"', "92.5 %", _snippet(model, rows.x, rows.y, eps=EPS)
    yield "its clip to [0, 1] alone, without attack", "96.9 %", _snippet(model, rows.x, rows.y, eps=0)
    yield "TutorialCNN: left by FGSM 0.3 on pixels", "0.24 %", _left(br.FGSM(), model, rows.x, rows.y)
    yield "TutorialCNN: left by PGD 40 x 0.01", "0.0 %", _left(PGD40, model, *rows.first)


def _tutorial(rows: Rows) -> Lines:
    model = rows.harden(_tutorial_network(), br.Tutorial(), 5)
    yield "tutorial recipe, 5 epochs: clean", "98.3 %", _clean(model, *rows.first)
    yield "tutorial recipe: left by FGSM 0.3", "97.8 %", _left(br.FGSM(), model, *rows.first)
    yield "tutorial recipe: left by PGD 40 x 0.01", "0.0 %", _left(PGD40, model, *rows.first)


def _fast(rows: Rows) -> Lines:
    model = rows.harden(_small(), br.FastFGSM(), 10)
    yield "SmallCNN, FastFGSM, 10 epochs: clean", "98.6 %", _clean(model, *rows.first)
    yield "FastFGSM: left by PGD-50", "89.3 %", _left(PGD50, model, *rows.first)
    audit = br.audit(model, rows.first, LINF, effort="quick" if rows.quick else "thorough", examples="none")
    yield "FastFGSM: left by the thorough cascade", "at most 78.6 %", f"{audit.robust_accuracy.value:.1%}"


def _few_digits(rows: Rows) -> Lines:
    model = rows.harden(_small(), br.PGDTraining(), 30)
    yield "4,000 digits, PGDTraining, 30 epochs: clean", "97.8 %", _clean(model, *rows.first)
    yield "digits, PGDTraining: left by PGD-50", "86.4 %", _left(PGD50, model, *rows.first)
    model = rows.harden(_small(), br.FastFGSM(), 40)
    yield "4,000 digits, FastFGSM, 40 epochs: clean", "97.5 %", _clean(model, *rows.first)
    yield "digits, FastFGSM: left by PGD-50", "67.6 %", _left(PGD50, model, *rows.first)


def _published(rows: Rows) -> Lines:
    model = robust(1).model
    yield "published weights locuslab-mnist-pgd: clean", "98.99 %", _clean(model, rows.x, rows.y)
    yield "published weights: left by PGD 40 x 0.01", "90.8 %", _left(PGD40, model, *rows.first)


def _tutorial_network() -> br.Classifier:
    torch.manual_seed(0)
    return br.tutorial_classifier()


def _small() -> br.Classifier:
    torch.manual_seed(0)
    return br.Classifier(br.SmallCNN(), bounds=(0.0, 1.0))


def _clean(model: br.Classifier, x: Tensor, y: Tensor) -> str:
    with torch.no_grad():
        right = torch.cat([model(part).argmax(1) for part in torch.split(x, 1000)]) == y
    return f"{right.float().mean():.2%}"


def _left(attack: br.FGSM | br.PGD, model: br.Classifier, x: Tensor, y: Tensor) -> str:
    return f"{br.attack(attack, model, x, y, LINF).robust_accuracy.value:.2%}"


def _snippet(model: br.Classifier, x: Tensor, y: Tensor, eps: float) -> str:
    """What many pages show: a step of eps in normalised units, then a clip to [0, 1], where pixels no longer live."""
    with evaluating(model):
        z = ((x - MNIST_MEAN) / MNIST_STD).requires_grad_()
        logits = model.net(z)
        (grad,) = torch.autograd.grad(F.cross_entropy(logits, y, reduction="sum"), z)
        perturbed = torch.clamp(z.detach() + eps * grad.sign(), 0, 1)
        right = (logits.argmax(1) == y) & (model.net(perturbed).argmax(1) == y)
    return f"{right.float().mean():.1%}"
