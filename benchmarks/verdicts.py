"""How often the diagnosis cries wolf: its verdict on plain and on adversarially trained models of many kinds.

``python -m benchmarks.verdicts [FIRST LAST]`` trains those models (a few seconds each, on 2,000 digits), audits them on
300 rows (some ten seconds each) and counts the sound ones; all of them should be."""

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

import brinell as br
from brinell.data import read, stratified


class Residual(nn.Module):
    """A convolution with a way around it, and BatchNorm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.body(x)
        return added


class Attention(nn.Module):
    """Patches of 7x7, one layer of self-attention, and their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 32, 7, stride=7)
        self.layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True, activation="gelu")
        self.out = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.out(self.layer(self.patches(x).flatten(2).transpose(1, 2)).mean(1))
        return logits


def convolutional(act: Callable[[], nn.Module]) -> nn.Module:
    """Two layers with this activation."""
    layers = [nn.Conv2d(1, 8, 5, stride=2), act(), nn.Flatten(), nn.Linear(8 * 144, 48), act(), nn.Linear(48, 10)]
    return nn.Sequential(*layers)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "ReLU": lambda: convolutional(nn.ReLU),
    "tanh": lambda: convolutional(nn.Tanh),
    "sigmoid": lambda: convolutional(nn.Sigmoid),
    "GELU": lambda: convolutional(nn.GELU),
    "perceptron": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10)),
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)),
    "max-pooling": br.TutorialCNN,
    "BatchNorm, residual": lambda: nn.Sequential(
        nn.Conv2d(1, 8, 4, stride=2), Residual(8), nn.MaxPool2d(2), nn.Dropout(0.2), nn.Flatten(), nn.Linear(288, 10)
    ),
    "attention": Attention,
    "SmallCNN": br.SmallCNN,
}
THREATS = (br.Linf(0.3), br.Linf(0.1), br.L2(2.0), br.L1(10.0))


class Subject(NamedTuple):
    """A network, what it is trained against (None: nothing), and what it is judged under."""

    network: str
    trained: br.Linf | br.L2 | None
    judged: br.Linf | br.L2 | br.L1
    seed: int


def subjects() -> list[Subject]:
    """Each network plain and adversarially trained, under different threat sets."""
    found = []
    for position, network in enumerate(NETWORKS):
        found.append(Subject(network, None, THREATS[position % len(THREATS)], position))
        found.append(Subject(network, None, br.Linf(0.3), 100 + position))
        hard = (br.Linf(0.1), br.Linf(0.2), br.L2(1.5))[position % 3]
        found.append(Subject(network, hard, hard, 200 + position))
    return found


def main(first: int, last: int) -> None:
    """Train, audit, and count."""
    torch.set_num_threads(1)
    rows, test = read("digits:train").block(slice(0, 4000, 2)), stratified(read("digits"), 300, 0)
    sound = 0
    chosen = subjects()[first:last]
    for subject in chosen:
        torch.manual_seed(subject.seed)
        model = br.Classifier(NETWORKS[subject.network](), (0, 1), normalize=(0.1307, 0.3081))
        recipe = br.PGDTraining(steps=3) if subject.trained else br.Standard()
        epochs = 4 if subject.trained else 3
        model = br.harden(model, rows, subject.trained or subject.judged, recipe=recipe, epochs=epochs, seed=0)
        started = time.process_time()
        found = br.audit(model, test, subject.judged, examples="none").diagnosis
        seconds = time.process_time() - started
        sound += found is not None and found.verdict == "sound"
        how = f"trained on {subject.trained}" if subject.trained else "plain"
        print(f"{subject.network:20} {how:22} judged under {subject.judged!s:9} {seconds:4.1f} s  {found}", flush=True)
    print(f"{sound} of {len(chosen)} are sound")


if __name__ == "__main__":
    main(*(map(int, sys.argv[1:]) if len(sys.argv) > 1 else (0, 1000)))
