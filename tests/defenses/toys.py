"""A toy problem on which robust and standard training part: one strong value, many weak ones that tell more."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

import brinell as br

VALUES = 21
EPS, WIDE = br.Linf(0.15), br.Linf(0.2)


class Toy(NamedTuple):
    """Rows and labels."""

    x: Tensor
    y: Tensor


def toy(n: int = 600, seed: int = 0) -> Toy:
    """Value 0 is right in 95 % of the rows by a distance of 0.3; the other 20 lean a little to the right side."""
    source = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 2
    sign = (2 * y - 1).float()[:, None]
    honest = torch.where(torch.rand(n, 1, generator=source) < 0.95, 1.0, -1.0)
    strong = 0.5 + 0.3 * sign * honest
    weak = 0.5 + 0.08 * sign + 0.08 * torch.randn(n, VALUES - 1, generator=source)
    return Toy(torch.cat([strong, weak], 1).clamp(0, 1), y)


def untrained(seed: int = 0, hidden: int = 16) -> br.Classifier:
    """A small network with weights of its own, normalised about the middle."""
    net = nn.Sequential(nn.Linear(VALUES, hidden), nn.ReLU(), nn.Linear(hidden, 2))
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in (net[0], net[2]):
            assert isinstance(layer, nn.Linear)
            layer.weight.normal_(0, layer.in_features**-0.5, generator=source)
            layer.bias.zero_()
    return br.Classifier(net, bounds=(0, 1), normalize=(0.5, 0.5))


def robust(model: br.Classifier, toy: Toy, threat: br.Linf = EPS) -> float:
    """What PGD leaves standing."""
    return br.attack(br.PGD(steps=20), model, *toy, threat).robust_accuracy.value
