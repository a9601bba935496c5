"""Windows: boxes along the last two axes of an input (the last alone, for (N, D)), a place of its own for each row.

The axes before them are planes: the colours of an image. All is index arithmetic over whole blocks of rows.
"""

from functools import lru_cache

import torch
from torch import Tensor

from brinell.draws import Draws

BLOCK = 64  # patches whose luck is drawn at once: the hash costs as many small steps for one as for all


def grid(x: Tensor) -> Tensor:
    """``x`` (N, ..., H, W) as it is, and (N, D) as (N, 1, D)."""
    return x if x.dim() > 2 else x[:, None]


def planes(x: Tensor) -> int:
    """How many planes a row of a grid has."""
    return x[0].numel() // (x.shape[-2] * x.shape[-1])


def sides(x: Tensor, share: float) -> tuple[int, int]:
    """Height and width of a window that covers about ``share`` of a plane; each at least 1."""
    axes = [int(length) for length in x.shape[-2:]]
    root = share ** (1 / max(1, sum(length > 1 for length in axes)))
    height, width = (min(length, max(1, round(root * length))) for length in axes)
    return height, width


def odd_sides(x: Tensor, share: float) -> tuple[int, int]:
    """The same, odd and at least 3, where the axis is long enough."""
    height, width = (
        min(int(length), max(3, side | 1)) for length, side in zip(x.shape[-2:], sides(x, share), strict=True)
    )
    return height, width


def draw_luck(x: Tensor, draws: Draws, block: int) -> Tensor:
    """What is random about the next ``BLOCK`` patches of each row, (N, BLOCK, 5 + planes), uniform in [0, 1).

    A patch takes one line of it: where its window is (2 numbers), and a second one (2), which way, and signs."""
    return draws.uniform((BLOCK, 5 + planes(grid(x))), block, x.dtype)


def signs(x: Tensor, luck: Tensor) -> Tensor:
    """A random sign for each plane, broadcast against ``x``."""
    return ((luck[:, 5:] < 0.5).to(x.dtype) * 2 - 1).reshape(len(x), *x.shape[1:-2], 1, 1)


def within(x: Tensor, size: tuple[int, int], luck: Tensor) -> Tensor:
    """Which values stand in each row's random window, bool, broadcast against ``x``."""
    down, across = (
        (place >= 0) & (place < side)
        for place, side in zip(_offsets(x, size, luck), size, strict=True)
    )  # fmt: skip
    return (down[:, :, None] & across[:, None, :]).reshape(len(x), *[1] * (x.dim() - 3), *x.shape[-2:])


def cells(x: Tensor, size: tuple[int, int], luck: Tensor, second: bool = False) -> Tensor:
    """Where the values of each row's window, or second window, stand in a flat plane, (N, planes, values) int64."""
    top, left = _starts(x, size, luck[:, 2:4] if second else luck[:, :2])
    down = top[:, None] + torch.arange(size[0], device=x.device)
    across = left[:, None] + torch.arange(size[1], device=x.device)
    flat = (down[:, :, None] * x.shape[-1] + across[:, None, :]).reshape(len(x), 1, -1)
    return flat.expand(-1, planes(x), -1)


def middle(x: Tensor, size: tuple[int, int], luck: Tensor) -> Tensor:
    """The values in the middle of each row's window, (N, planes)."""
    top, left = _starts(x, size, luck)
    place = (top + size[0] // 2) * x.shape[-1] + left + size[1] // 2
    return x.reshape(len(x), planes(x), -1).gather(2, place[:, None, None].expand(-1, planes(x), 1))[:, :, 0]


def _offsets(x: Tensor, size: tuple[int, int], luck: Tensor) -> list[Tensor]:
    """How far each line of a plane lies behind the first of the window, by axis, (N, length)."""
    starts = _starts(x, size, luck)
    return [
        torch.arange(length, device=x.device) - start[:, None]
        for length, start in zip(x.shape[-2:], starts, strict=True)
    ]


def _starts(x: Tensor, size: tuple[int, int], luck: Tensor) -> tuple[Tensor, Tensor]:
    """The first line of a window along each axis, (N,) int64; all places are equally likely."""
    down, across = (length - side + 1 for length, side in zip(x.shape[-2:], size, strict=True))
    return (luck[:, 0] * down).long(), (luck[:, 1] * across).long()


def bumps(x: Tensor, size: tuple[int, int], luck: Tensor) -> Tensor:
    """A window filled with a hill beside its mirror image, of length 1, for each row, (N, 1, height * width).

    One is above the other or to its left, as luck has it. arXiv:1912.00049, section 4.2."""
    return _bumps(*size).to(x)[(luck[:, 4] < 0.5).long()][:, None]


def tiles(x: Tensor, count: int, draws: Draws) -> Tensor:
    """Such a pair in each of about ``count`` times ``count`` tiles, signs and ways random, shaped like ``x``."""
    height, width = (max(1, length // count) for length in x.shape[-2:])
    down, across = -(-x.shape[-2] // height), -(-x.shape[-1] // width)
    luck = draws.bits((*x.shape[1:-2], down, across))
    luck = luck.repeat_interleave(height, -2).repeat_interleave(width, -1)[..., : x.shape[-2], : x.shape[-1]]
    one, other = (way.reshape(height, width).repeat(down, across) for way in _bumps(height, width).to(x))
    one, other = (way[: x.shape[-2], : x.shape[-1]] for way in (one, other))
    return torch.where((luck & 1).bool(), one, other) * ((luck & 2) - 1).to(x.dtype)


@lru_cache(maxsize=256)
def _bumps(height: int, width: int) -> Tensor:
    across, down = _pair(height, width), _pair(width, height).T
    if min(height, width) == 1:  # there is but one way to split a line
        across = down = across if height > 1 else down
    return torch.stack([across.flatten(), down.flatten()])


def _pair(height: int, width: int) -> Tensor:
    upper = height // 2
    both = torch.cat([_hill(upper, width), -_hill(height - upper, width)]) if upper else _hill(height, width)
    pair: Tensor = both / both.norm()
    return pair


def _hill(height: int, width: int) -> Tensor:
    """Rectangles about the middle, each smaller one on top of the larger: 1 + 1/4 + 1/9 + ... in the middle."""
    down, across = (torch.arange(length) - length // 2 for length in (height, width))
    ring = torch.maximum(down.abs()[:, None], across.abs()[None, :])
    steps = 1 / torch.arange(1, max(height, width) // 2 + 2, dtype=torch.float64) ** 2
    hill = steps.flip(0).cumsum(0).flip(0)[ring]
    unit: Tensor = hill / hill.norm()
    return unit
