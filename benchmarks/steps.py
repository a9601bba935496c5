"""Ways to train on batches of 64, and two networks; run as a script, one way in a process of its own: its memory.

`python steps.py WAY NETWORK` prints by how many bytes the process grew at most, from before its first step (Linux).
"""

import copy
import gc
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import brinell as br
from brinell.case import Case
from brinell.defenses import Learner, Recipe, Training, lesson_of
from brinell.draws import Draws
from brinell.goals import Away
from race import Contestants
from subjects import EPS, data_name, test_rows

BATCH = 64
Way = Callable[[br.Classifier, Tensor, Tensor], object]
Slope = Callable[[Tensor, Tensor], Tensor]


class WideCNN(nn.Sequential):
    """Three convolutions at full resolution: 600 kB of activations a row, 32,000 parameters."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(1568, 10),
        )  # fmt: skip


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "TutorialCNN": br.TutorialCNN, "SmallCNN": br.SmallCNN, "WideCNN": WideCNN,
}  # fmt: skip


def standard(model: br.Classifier, x: Tensor, y: Tensor) -> None:
    """Standard training: a forward and a backward pass."""
    optimizer = torch.optim.Adam(model.parameters())
    for data, target in zip(torch.split(x, BATCH), torch.split(y, BATCH), strict=True):
        optimizer.zero_grad()
        F.cross_entropy(model(data), target).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def usual(model: br.Classifier, x: Tensor, y: Tensor) -> None:
    """Clean and FGSM loss as they are usually written: backward for the attack, then backward through both losses.

    Without ``retain_graph`` the second backward pass would fail."""
    optimizer = torch.optim.Adam(model.parameters())
    for rows, target in zip(torch.split(x, BATCH), torch.split(y, BATCH), strict=True):
        data = rows.clone().requires_grad_()
        loss = F.cross_entropy(model(data), target)
        model.zero_grad()
        loss.backward(retain_graph=True)  # type: ignore[no-untyped-call]
        assert data.grad is not None
        perturbed = torch.clamp(data + EPS * data.grad.sign(), 0, 1)
        adversarial_loss = F.cross_entropy(model(perturbed), target)
        total = 0.5 * loss + 0.5 * adversarial_loss
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def by(recipe: Recipe, pieces: int = 1) -> Way:
    """The steps of a recipe, as ``harden`` takes them; what it learns from a teacher it learns from a copy."""

    def train(model: br.Classifier, x: Tensor, y: Tensor) -> None:
        recipe.prepare(model, 0)
        learner = Learner(model, recipe, Training(accumulate=pieces).over(recipe), recipe.lr)
        teacher = copy.deepcopy(model).eval() if recipe.teacher() else None
        for data, target in zip(torch.split(x, BATCH), torch.split(y, BATCH), strict=True):
            draws = Draws(0, torch.arange(len(data)))
            case = Case(model, data, target, br.Linf(EPS), Away(), draws, model.bounds, BATCH)
            learner.step(lesson_of(case, teacher=teacher), done=0.5)

    return train


def usual_pgd(model: br.Classifier, x: Tensor, y: Tensor, slope: Slope) -> None:
    """PGD-7 training as it is usually written, the steps and the lesson alike in train mode or out of it."""
    optimizer = torch.optim.Adam(model.parameters())
    for data, target in zip(torch.split(x, BATCH), torch.split(y, BATCH), strict=True):
        delta = torch.empty_like(data).uniform_(-EPS, EPS)
        delta = torch.clamp(data + delta, 0, 1) - data
        model.eval()
        for _ in range(7):
            delta.requires_grad_()
            grad = slope(F.cross_entropy(model(data + delta), target), delta)
            delta = torch.clamp(delta.detach() + 2.5 / 7 * EPS * grad.sign(), -EPS, EPS)
            delta = torch.clamp(data + delta, 0, 1) - data
        model.train()
        optimizer.zero_grad()
        F.cross_entropy(model(data + delta), target).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def to_all(loss: Tensor, delta: Tensor) -> Tensor:
    """The slope of ``loss`` in ``delta`` by a backward pass through everything, weights too."""
    loss.backward()  # type: ignore[no-untyped-call]
    assert delta.grad is not None
    return delta.grad


def to_input(loss: Tensor, delta: Tensor) -> Tensor:
    """The slope of ``loss`` in ``delta`` alone."""
    return torch.autograd.grad(loss, delta)[0]


def harden(model: br.Classifier, x: Tensor, y: Tensor) -> None:
    """The recipe as users call it: checks, shuffling, and a copy of the model, so that theirs stays as it was."""
    br.harden(model, (x, y), br.Linf(EPS), recipe=br.Tutorial(), epochs=1, batch_size=BATCH)


STANDARD, USUAL, USUAL_PGD = "standard step", "usual loop", "usual PGD-7"
RECIPES = (
    br.Standard(), br.Tutorial(), br.FastFGSM(), br.NFGSM(), br.PGDTraining(), br.TRADES(), br.AWP(), br.Gaussian(),
    br.DefensiveDistillation(),
)  # fmt: skip
WAYS: dict[str, Way] = {
    STANDARD: standard, USUAL: usual, USUAL_PGD: partial(usual_pgd, slope=to_all),
    f"{USUAL_PGD}, input alone": partial(usual_pgd, slope=to_input), "harden(Tutorial)": harden,
    **{type(recipe).__name__: by(recipe) for recipe in RECIPES},
}  # fmt: skip


def way_of(name: str) -> Way:
    """One of ``WAYS``, or the steps of a recipe with batches in pieces: ``"TRADES in 2"``."""
    recipe, cut, pieces = name.partition(" in ")
    return by(br.RECIPES[recipe](), int(pieces)) if cut else WAYS[name]


def classifier(network: str) -> br.Classifier:
    """Untrained, on pixels in [0, 1], always with the same weights."""
    torch.manual_seed(0)
    return br.Classifier(NETWORKS[network](), bounds=(0.0, 1.0), normalize=(0.1307, 0.3081)).train()


def ways(network: str, batches: int, names: Sequence[str]) -> Contestants:
    """Ways to train, each on the same digits, and in every lap from the same weights.

    A network that goes on training on noise ends with slopes so small that arithmetic itself is slow, in one way sooner
    than in another."""
    x, y = test_rows(batches * BATCH, f"{data_name()}:train")
    return {name: partial(_lap, way_of(name), classifier(network), x, y) for name in names}


def _lap(way: Way, model: br.Classifier, x: Tensor, y: Tensor) -> None:
    way(copy.deepcopy(model), x, y)


def peak(way: str, network: str, times: int) -> float:
    """Median growth in bytes over several processes; blocks from 64 kB on go back to the system when freed."""
    words = [sys.executable, str(Path(__file__)), way, network]
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    runs = [subprocess.run(words, env=environment, capture_output=True, check=True, text=True) for _ in range(times)]
    return median(int(run.stdout) for run in runs)


def _memory(entry: str) -> int:
    """``VmRSS`` or ``VmHWM`` of this process, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(entry))


def main() -> None:
    """Warm up on two rows, then three batches."""
    way, network = way_of(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(1)
    x, y = torch.rand(3 * BATCH, 1, 28, 28), torch.arange(3 * BATCH) % 10
    model = classifier(network)
    way(model, x[:2], y[:2])
    model.zero_grad(set_to_none=True)
    gc.collect()
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the high-water mark starts anew
    way(model, x, y)
    print(_memory("VmHWM") - before)


if __name__ == "__main__":
    main()
