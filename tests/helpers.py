"""Small models, inputs and tables that many tests share."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from brinell.attacks import APGD, BIM, FAB, FGSM, PGD, Attack, BasinHopping, MomentumPGD, Square
from brinell.bounds import Bounds
from brinell.draws import Draws
from brinell.models import Classifier
from brinell.threats import L0, L1, L2, Ball, Linf


class Space(NamedTuple):
    """Where inputs live: the shape of one, and the bounds of its values."""

    shape: tuple[int, ...]
    low: Any
    high: Any

    @property
    def bounds(self) -> Bounds:
        return Bounds.of((self.low, self.high))

    @property
    def size(self) -> int:
        return torch.Size(self.shape).numel()

    @property
    def width(self) -> float:
        """The mean distance between the bounds."""
        return float(torch.as_tensor(self.bounds.width).mean())


IMAGE = Space((3, 4, 4), 0.0, 1.0)
BYTES = Space((1, 5, 5), 0.0, 255.0)
WAVE = Space((24,), -1.0, 1.0)
TABLE = Space((6,), [-1.0, 0.0, 0.0, 20.0, -3.0, 0.0], [1.0, 1.0, 10.0, 90.0, -2.5, 4.0])
CHANNELS = Space((3, 4, 4), [[[0.0]], [[-2.0]], [[0.0]]], [[[1.0]], [[2.0]], [[9.0]]])
SPACES = {"image": IMAGE, "bytes": BYTES, "wave": WAVE, "table": TABLE, "channels": CHANNELS}

ATTACKS: dict[str, Attack] = {
    "FGSM": FGSM(),
    "FGSM on margin": FGSM(objective="margin"),
    "BIM": BIM(steps=4),
    "PGD": PGD(steps=5),
    "PGD on margin, twice": PGD(steps=4, restarts=2, objective="margin"),
    "PGD from the center": PGD(steps=4, start="center", rel_step=0.4),
    "PGD, annealed": PGD(steps=4, schedule="annealed", objective="margin"),
    "PGD from a pattern": PGD(steps=3, start="structured"),
    "MomentumPGD": MomentumPGD(steps=4, decay=0.9),
    "APGD": APGD(steps=6),
    "APGD, averaged": APGD(steps=3, samples=2, start="center", objective="margin"),
    "APGD against targets": APGD(steps=4, objective="dlr", targets=2),
    "Square": Square(queries=40),
    "Square on cross-entropy, twice": Square(queries=20, restarts=2, objective="cross_entropy"),
    "FAB": FAB(steps=5, targets=2),
    "BasinHopping": BasinHopping(rounds=3, looks=4, steps=3, near=10.0),
    "FAB twice": FAB(steps=3, restarts=2, targets=9),
}
DRAWING = [
    name for name, attack in ATTACKS.items()
    if isinstance(attack, Square) or (isinstance(attack, PGD | APGD) and attack.start != "center")
]  # fmt: skip


def threats(space: Space, share: float = 0.15) -> dict[str, Ball]:
    """One set of each kind: larger than the distance of many points to the bounds, smaller than the space."""
    size, width = space.size, space.width
    return {
        "linf": Linf(share * width),
        "l2": L2(share * width * size**0.5),
        "l1": L1(share * width * size / 2),
        "l0": L0(max(1, round(share * size))),
    }


THREAT_NAMES = tuple(threats(IMAGE))


def sets_of(attack: Attack) -> tuple[str, ...]:
    """The names of the sets that an attack works within."""
    return THREAT_NAMES if attack.threats == "any" else tuple(attack.threats.split(", "))


def pairs(names: Iterable[str] = ATTACKS) -> pytest.MarkDecorator:
    """Every one of these attacks with every set that it works within."""
    rows = [(name, one) for name in names for one in sets_of(ATTACKS[name])]
    ids = ["-".join(row) for row in rows]
    return pytest.mark.parametrize(("attack", "name"), [(ATTACKS[name], one) for name, one in rows], ids=ids)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def points(space: Space, n: int = 9, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Random inputs (n, *shape), many of whose values stand at a bound."""
    share = torch.rand(n, *space.shape, generator=generator(seed), dtype=dtype) * 1.4 - 0.2
    bounds = space.bounds.to(share)
    return bounds.clip(bounds.low + share.clamp(0, 1) * bounds.width)


def noise(space: Space, n: int = 9, seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    """Normal noise (n, *shape) in units of each value's width."""
    draw = torch.randn(n, *space.shape, generator=generator(seed), dtype=dtype)
    return draw * space.bounds.to(draw).width


def draws(n: int = 9, seed: int = 0) -> Draws:
    return Draws(seed, torch.arange(n))


def drawn_parameters(net: nn.Module, seed: int, scale: float = 1.0) -> nn.Module:
    """Give every parameter of ``net`` normal values that do not depend on the global random state."""
    source = generator(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 1
            parameter.copy_(torch.randn(parameter.shape, generator=source) * scale / fan_in**0.5)
    return net


def linear(space: Space, classes: int = 3, seed: int = 0) -> nn.Module:
    """A linear network; its logits are ``classes``."""
    return drawn_parameters(nn.Sequential(nn.Flatten(), nn.Linear(space.size, classes)), seed)


def last(net: nn.Module) -> nn.Linear:
    """The last layer of a network that ends in a linear one."""
    layer = [*net.modules()][-1]
    assert isinstance(layer, nn.Linear)
    return layer


class Incline(NamedTuple):
    """A linear model of two classes that no attack breaks, so that all effort is spent, with rows of the first class.

    How far the margin can rise is known, since its slope is the same everywhere."""

    model: Classifier
    x: Tensor
    y: Tensor
    slope: Tensor

    def rise(self, x_adv: Tensor) -> Tensor:
        """By how much the margin rose from ``x`` to ``x_adv``, (N,)."""
        return (self.slope * (x_adv - self.x)).flatten(1).sum(1)

    def share_of_corner(self, x_adv: Tensor, eps: float) -> float:
        """The least share of what the best corner of the cube about each row would gain."""
        room = self.model.bounds.room(self.x, self.slope).clamp(max=eps)
        return float((self.rise(x_adv) / (self.slope.abs() * room).flatten(1).sum(1)).min())


def incline(space: Space, x: Tensor | None = None) -> Incline:
    """A linear model in float64 with a lead for the first class that is out of reach; 8 random rows unless given."""
    net = linear(space, 2).double()
    with torch.no_grad():
        last(net).bias.copy_(torch.tensor([50.0, 0.0]))
    x = points(space, 8, dtype=torch.float64) if x is None else x
    slope = (last(net).weight[1] - last(net).weight[0]).detach().reshape(x[0].shape)
    model = Classifier(net, bounds=(space.low, space.high)).eval()
    return Incline(model, x, torch.zeros(len(x), dtype=torch.int64), slope)


def curved(space: Space, classes: int = 3, seed: int = 0) -> nn.Module:
    """A small smooth network with steep slopes, so that attacks have something to find."""
    layers = [nn.Flatten(), nn.Linear(space.size, 12), nn.Tanh(), nn.Linear(12, classes)]
    return drawn_parameters(nn.Sequential(*layers), seed, scale=2.0)


def convolutional(space: Space, classes: int = 3, seed: int = 0) -> nn.Module:
    """A small convolutional network for images."""
    channels, height, width = space.shape
    layers = [nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU(), nn.Flatten()]
    return drawn_parameters(nn.Sequential(*layers, nn.Linear(4 * height * width, classes)), seed, scale=1.5)


def classifier(space: Space, net: nn.Module, dtype: torch.dtype = torch.float32) -> Classifier:
    """``net`` with inputs brought to about -1..1 inside."""
    low, high = torch.as_tensor(space.low), torch.as_tensor(space.high)
    model = Classifier(net, bounds=(space.low, space.high), normalize=((low + high) / 2, (high - low) / 2))
    return model.to(dtype).eval()


class Problem(NamedTuple):
    """A model and rows of which it gets all right but the first."""

    model: Classifier
    x: Tensor
    y: Tensor
    classes: int


def problem(
    space: Space = IMAGE, classes: int = 3, n: int = 9, dtype: torch.dtype = torch.float32, seed: int = 0
) -> Problem:
    model = classifier(space, curved(space, classes, seed), dtype)
    x = points(space, n, seed, dtype)
    with torch.no_grad():
        y = model(x).argmax(1)
    y[0] = (y[0] + 1) % classes
    return Problem(model, x, y, classes)
