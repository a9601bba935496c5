"""Small networks of every kind of layer that interval bounds know."""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helpers import drawn_parameters


class Block(nn.Module):
    """What residual networks are made of, with activations in place and shapes that are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2)
        self.act, self.last = nn.ReLU(inplace=True), nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x, 1 - 2 * x], 1)
        out = self.conv(x)
        out += x
        out = F.dropout(self.act(self.norm(out)), 0.3, self.training)
        both = torch.cat([F.leaky_relu(out, 0.2), -out / 3], dim=1)
        result: Tensor = self.last(both.view(both.size(0), -1))
        return result


class Means(nn.Module):
    """Means, slices, constants of the network's own, and logits in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("middle", torch.full((1, 4, 1), 0.5))
        self.first, self.last = nn.Conv1d(1, 4, 3, padding=1, padding_mode="circular"), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = x.unsqueeze(1)
        x = F.gelu(self.first(x) - self.middle)
        x = torch.cat([x.mean(2), x[:, :, :5].sum(dim=-1)], dim=1)
        return {"logits": self.last(x)}


def activation(layer: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), layer, nn.Linear(8, 3))


ACTIVATIONS = {
    str(layer): layer
    for layer in (
        nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.3), nn.PReLU(8, 0.1), nn.Sigmoid(), nn.Tanh(), nn.Softplus(),
        nn.Hardtanh(), nn.ELU(2.0), nn.SELU(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Mish(), nn.Hardswish(),
        nn.Hardsigmoid(), nn.LogSigmoid(), nn.Softsign(),
    )
}  # fmt: skip

NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    **{name: (activation(layer), (6,)) for name, layer in ACTIVATIONS.items()},
    "linear": (nn.Linear(6, 3), (6,)),
    "one logit": (nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 1)), (6,)),
    "flat logit": (nn.Sequential(nn.Linear(6, 1), nn.Flatten(0)), (6,)),
    "images": (
        nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 4),
        ),
        (1, 8, 8),
    ),
    "pools": (
        nn.Sequential(
            OrderedDict(pad=nn.ZeroPad2d(1), first=nn.Conv2d(1, 4, 3, groups=1), act=nn.ReLU(), pool=nn.AvgPool2d(2),
                        mean=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten())
        ),
        (1, 8, 8),
    ),
    "sounds": (
        nn.Sequential(
            nn.Unflatten(1, (1, 12)), nn.Conv1d(1, 3, 3, padding=1), nn.Tanh(), nn.AvgPool1d(2), nn.MaxPool1d(2),
            nn.Flatten(), nn.Linear(9, 2),
        ),
        (12,),
    ),
    "block": (Block(), (1, 4, 4)),
    "means": (Means(), (12,)),
    "norm first": (nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 3)), (6,)),
}  # fmt: skip
for place, (net, _) in enumerate(NETWORKS.values()):
    drawn_parameters(net, seed=place)
    for layer in net.modules():
        if isinstance(layer, nn.PReLU):
            layer.weight.data.abs_()
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            source = torch.Generator().manual_seed(place)
            layer.running_mean = torch.rand(layer.num_features, generator=source) - 0.5
            layer.running_var = torch.rand(layer.num_features, generator=source) + 0.5
