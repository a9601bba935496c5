"""The shortest way onto a plane within bounds, for sets whose shortest moves are ``min(t * rate, room)`` by value.

Source: the box-constrained projections of Croce and Hein 2020, arXiv:1907.02044, section 2.2; here without sorting.
"""

import torch
from torch import Tensor

from brinell.bounds import Bounds
from brinell.rows import flat


def shortest(x: Tensor, slope: Tensor, rise: Tensor, bounds: Bounds, rate: Tensor) -> Tensor:
    """The shortest move from ``x`` (N, ...) in the bounds along which a linear function rises by ``rise`` (N,).

    slope: (N, ...), of the function; rate: (N, D), at least 0, how fast each value goes. A negative rise is a fall.
    Where the bounds allow no such rise, the move goes as far as it can. Exact up to rounding."""
    toward = flat(slope) * rise.sign()[:, None]
    room = flat(bounds.room(x, toward.reshape(x.shape)))
    time = _least(toward.abs(), rise.abs(), rate, room)
    return (toward.sign() * torch.minimum(time * rate, room)).reshape(x.shape)


def _least(steep: Tensor, rise: Tensor, rate: Tensor, room: Tensor) -> Tensor:
    """The least ``t``, (N, 1), with ``sum(steep * min(t * rate, room)) = rise``; very large where there is none.

    The sum rises ever more slowly with ``t`` and bends where a value meets its room: Newton's steps from 0 come from
    below, pass at least one bend each, and end at the solution itself. A handful is usual."""
    limits = torch.finfo(steep.dtype)
    scale = steep.amax(1, keepdim=True).clamp(min=limits.tiny)
    speed, most, wanted = steep / scale * rate, steep / scale * room, rise[:, None] / scale
    time = torch.zeros_like(wanted)
    for _ in range(steep.shape[1] + 1):
        moving = time * rate < room
        pace, gained = (speed * moving).sum(1, keepdim=True), (most * ~moving).sum(1, keepdim=True)
        before, time = (
            time,
            torch.maximum(time, ((wanted - gained).clamp(min=0) / pace.clamp(min=limits.tiny)).clamp(max=limits.max)),
        )
        if torch.equal(time, before):
            break
    return time
