"""Small reference networks for 28x28 digits: that of the usual tutorial, and that of the published robust weights."""

from torch import nn

from brinell.models.classifier import Classifier

MNIST_MEAN, MNIST_STD = 0.1307, 0.3081


class TutorialCNN(nn.Sequential):
    """The usual tutorial's network: normalised (N, 1, 28, 28) to 10 logits; 72,820 parameters."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 10, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(1440, 50), nn.ReLU(), nn.Linear(50, 10),
        )  # fmt: skip


class SmallCNN(nn.Sequential):
    """A small network that can be made robust: (N, 1, 28, 28) in [0, 1] to 10 logits; 166,406 parameters.

    The architecture, and the parameter names, of the weights that Wong et al. 2020 (arXiv:2001.03994) published."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(1568, 100), nn.ReLU(), nn.Linear(100, 10),
        )  # fmt: skip


def tutorial_classifier() -> Classifier:
    """An untrained ``TutorialCNN`` with its normalisation inside, so that attacks see pixels in [0, 1]."""
    return Classifier(TutorialCNN(), bounds=(0.0, 1.0), normalize=(MNIST_MEAN, MNIST_STD))
