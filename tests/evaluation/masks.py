"""Networks that hide their gradients, in the ways that people find, about a network that does not; and the plain ones.

Each mask stands in front of a network, inside it or behind it. ``MASKS`` are built about a trained network; ``HIDDEN``
are activations that a network is trained with."""

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Layer(nn.Module):
    """A function as a module."""

    def __init__(self, call: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.call = call

    def forward(self, x: Tensor) -> Tensor:
        return self.call(x)


def straight_through(exact: Tensor, x: Tensor) -> Tensor:
    """The value of the first, the slope of the second, as defenders write it."""
    return x + (exact - x).detach()


def quantised(x: Tensor, levels: int = 4) -> Tensor:
    return torch.round(x * levels) / levels


def quantised_straight(x: Tensor, levels: int = 4) -> Tensor:
    return straight_through(quantised(x, levels), x)


def bit_depth(x: Tensor, bits: int = 3) -> Tensor:
    return torch.floor(x * (2**bits - 1) + 0.5) / (2**bits - 1)


def thermometer(x: Tensor, levels: int = 8) -> Tensor:
    marks = torch.linspace(0, 1, levels + 1)[1:].reshape(-1, *[1] * x.dim())
    return (x > marks - 0.5 / levels).float().mean(0)


def nearest_level(x: Tensor, levels: int = 6) -> Tensor:
    marks = torch.linspace(0, 1, levels)
    return marks[(x[..., None] - marks).abs().argmin(-1)]


def jpeg_like(x: Tensor, size: int = 4, step: float = 0.2) -> Tensor:
    """Cosine transform of small blocks, coefficients rounded."""
    k = torch.arange(size)
    basis = torch.cos(math.pi / size * (k[:, None]) * (k[None] + 0.5)) * math.sqrt(2 / size)
    basis[0] /= math.sqrt(2)
    basis = basis.to(x.dtype)
    blocks = x.unfold(2, size, size).unfold(3, size, size)
    rounded = torch.round(basis @ blocks @ basis.T / step) * step
    back = (basis.T @ rounded @ basis).permute(0, 1, 2, 4, 3, 5)
    return back.reshape(x.shape)


def squashed(x: Tensor, steepness: float = 100.0) -> Tensor:
    return torch.sigmoid(steepness * (x - 0.5))


def resized(x: Tensor) -> Tensor:
    """Random size, then random padding back to the old size."""
    side = x.shape[-1]
    small = int(torch.randint(side - 6, side, ()))
    left, top = (int(torch.randint(0, side - small + 1, ())) for _ in range(2))
    shrunk = F.interpolate(x, (small, small), mode="bilinear")
    return F.pad(shrunk, (left, side - small - left, top, side - small - top))


def noisy(x: Tensor, size: float = 0.2) -> Tensor:
    return x + size * torch.randn_like(x)


def dropped(x: Tensor) -> Tensor:
    return F.dropout(x, 0.3, training=True)


def partly_detached(x: Tensor) -> Tensor:
    """Only the first third of the rows of an image lets gradients through."""
    cut = x.shape[-2] // 3
    return torch.cat([x[..., :cut, :], x[..., cut:, :].detach()], -2)


class HookedGradient(torch.autograd.Function):
    """The gradient comes back with its sign turned."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return -grad


def no_gradient(x: Tensor) -> Tensor:
    if x.requires_grad:
        x = x.clone()
        x.register_hook(torch.zeros_like)
    return x


def noisy_gradient(x: Tensor) -> Tensor:
    if x.requires_grad:
        x = x.clone()
        x.register_hook(lambda grad: torch.randn_like(grad) * grad.abs().mean())
    return x


def centred(z: Tensor) -> Tensor:
    """Logits less their mean over the batch, as a BatchNorm that never learned running statistics gives them."""
    return (z - z.mean(0)) / (z.std(0) + 1e-3) if len(z) > 1 else z


BEFORE: dict[str, Callable[[Tensor], Tensor]] = {
    "input quantised": quantised,
    "input quantised, fine": partial(quantised, levels=16),
    "input quantised, straight through": quantised_straight,
    "input quantised to 8 bits, straight through": partial(quantised_straight, levels=255),
    "bit depth": bit_depth,
    "thermometer": thermometer,
    "nearest level by argmin": nearest_level,
    "JPEG-like": jpeg_like,
    "JPEG-like, straight through": lambda x: straight_through(jpeg_like(x), x),
    "input squashed": squashed,
    "input squashed, gently": partial(squashed, steepness=30.0),
    "random resizing": resized,
    "noise on the input": noisy,
    "little noise on the input": partial(noisy, size=0.03),
    "dropout left on": dropped,
    "partly detached": partly_detached,
    "gradient turned round": HookedGradient.apply,
    "gradient zeroed by a hook": no_gradient,
    "gradient replaced by noise": noisy_gradient,
    "through numpy": lambda x: torch.from_numpy(x.detach().numpy().copy()),
    "binarised": lambda x: (x > 0.5).float(),
    "binarised, straight through": lambda x: straight_through((x > 0.5).float(), x),
}
AFTER: dict[str, Callable[[Tensor], Tensor]] = {
    "temperature 1000": lambda z: z * 1e3,
    "temperature 100": lambda z: z * 1e2,
    "logits rounded": lambda z: torch.round(z * 2) / 2,
    "logits rounded, straight through": lambda z: straight_through(torch.round(z), z),
    "logits clipped": lambda z: z.clamp(-1, 1),
    "logits through a steep sigmoid": lambda z: torch.sigmoid(50 * z),
    "logits through a steep tanh": lambda z: torch.tanh(20 * z),
    "noise on the logits": lambda z: z + 0.5 * torch.randn_like(z),
    "logits that depend on the batch": centred,
}


def k_winners(x: Tensor, share: float = 0.1) -> Tensor:
    """The largest units of a layer keep their value, the others are 0. Source: Xiao et al. 2020, arXiv:1905.10510."""
    flat = x.reshape(len(x), -1)
    kept = flat.topk(max(1, int(share * flat.shape[1])), dim=1).values[:, -1:]
    return (flat * (flat >= kept)).reshape(x.shape)


def soft_winners(x: Tensor, share: float = 0.1, width: float = 0.1) -> Tensor:
    """A smooth stand-in for ``k_winners``: a sigmoid at the edge of the winners, of a tenth of the row's spread."""
    flat = x.reshape(len(x), -1)
    edge = flat.topk(max(1, int(share * flat.shape[1])), dim=1).values[:, -1:]
    return (flat * torch.sigmoid((flat - edge) / (width * flat.std(1, keepdim=True)))).reshape(x.shape)


class Steep(torch.autograd.Function):
    """A sign with the slope of a gentle tanh: for training only."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.sign(x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (1 - torch.tanh(x) ** 2)


class Act(nn.Module):
    """One function while training, another afterwards."""

    def __init__(self, training: Callable[[Tensor], Tensor], after: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.during, self.after = training, after

    def forward(self, x: Tensor) -> Tensor:
        return self.during(x) if self.training else self.after(x)


HIDDEN: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "k-winners": (k_winners, k_winners),
    "sign": (Steep.apply, torch.sign),
    "sign, straight through": (Steep.apply, Steep.apply),
    "saturated sigmoid": (lambda x: torch.sigmoid(20 * x), lambda x: torch.sigmoid(200 * x)),
    "steps": (torch.relu, lambda x: torch.round(2 * torch.relu(x)) / 2),
}


def small_network(hidden: tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]] | None = None) -> nn.Sequential:
    """A small network for (N, 1, 28, 28), with ReLU or with a hidden mask at both of its layers."""
    acts = [nn.ReLU() if hidden is None else Act(*hidden) for _ in range(2)]
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2), acts[0], nn.Flatten(), nn.Linear(8 * 12 * 12, 48), acts[1], nn.Linear(48, 10)
    )


def masked(net: nn.Module, name: str) -> nn.Module:
    """``net`` behind or before the mask of that name."""
    if name in BEFORE:
        return nn.Sequential(Layer(BEFORE[name]), net)
    return nn.Sequential(net, Layer(AFTER[name]))
