"""Pictures are kept in 8 bits: what is left of an attack when its values are."""

import torch
from torch import Tensor

from brinell.bounds import Bounds
from brinell.shapes import image_like

_SLACK = 5e-5  # of a level: what rounding to float32 does to a value that lies on one


def are_pictures(shape: tuple[int, ...], bounds: Bounds) -> bool:
    """Whether inputs of ``shape`` are pictures whose bounds, such as 0..1 or 0..255, make 256 levels."""
    return image_like(shape) and not isinstance(bounds.width, Tensor) and bounds.width in (1.0, 255.0)


def toward(x_adv: Tensor, x: Tensor, bounds: Bounds) -> Tensor:
    """``x_adv`` (N, ...) with every value moved toward ``x`` onto the next of 256 levels; as ``x`` has it if none is
    between.

    So no value moves farther from the clean one, and the point stays in every set that holds all between the two."""
    assert not isinstance(bounds.low, Tensor)
    assert not isinstance(bounds.high, Tensor)
    level = (bounds.high - bounds.low) / 255
    place = (x_adv.double() - bounds.low) / level
    below, above = ((place + _SLACK).floor(), (place - _SLACK).ceil())
    down = torch.maximum((bounds.low + below * level).to(x), x)
    up = torch.minimum((bounds.low + above * level).to(x), x)
    return torch.where(x_adv > x, down, torch.where(x_adv < x, up, x))
