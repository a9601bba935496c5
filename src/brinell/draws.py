"""Random numbers that are a function of what they are for, not of when they are drawn.

A value depends on (seed, row id, stage, restart, draw number, position) alone, through an integer hash of whole
blocks: batch size, sharding, resuming and rows that left change no draw, and CPU and GPU give the same bits.
The mixing steps are the finalisers of splitmix64 (for keys) and "lowbias32" (for positions).
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed 64-bit integer
_MIX_A = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX_B = -7723592293110705685  # 0x94D049BB133111EB
_LOW_A = 0x7FEB352D
_LOW_B = 0x846CA68B - (1 << 32)
_WORD = 1 << 64


def _shift64(x: Tensor, by: int) -> Tensor:
    return (x >> by) & ((1 << (64 - by)) - 1)  # logical: the sign bit moves too


def _mix64(x: Tensor) -> Tensor:
    x = (x ^ _shift64(x, 30)) * _MIX_A
    x = (x ^ _shift64(x, 27)) * _MIX_B
    return x ^ _shift64(x, 31)


def _mix32_(x: Tensor) -> Tensor:
    """Mix in place: blocks are large, and memory is what this costs."""
    x.bitwise_xor_((x >> 16).bitwise_and_(0xFFFF)).mul_(_LOW_A)
    x.bitwise_xor_((x >> 15).bitwise_and_(0x1FFFF)).mul_(_LOW_B)
    return x.bitwise_xor_((x >> 16).bitwise_and_(0xFFFF))


def _signed64(value: int) -> int:
    value %= _WORD
    return value - _WORD if value >= _WORD // 2 else value


@dataclass(frozen=True, slots=True)
class Draws:
    """Where random numbers come from: ``ids`` (N,) int64 are the row ids, the rest says what the draw is for.

    restart: one for all rows, or (N,) int64."""

    seed: int
    ids: Tensor
    stage: int = 0
    restart: int | Tensor = 0

    def take(self, rows: Tensor | slice) -> "Draws":
        """The draws of the chosen rows; they do not change by being chosen."""
        restart = self.restart[rows] if isinstance(self.restart, Tensor) else self.restart
        return replace(self, ids=self.ids[rows], restart=restart)

    def bits(self, shape: tuple[int, ...], draw: int = 0) -> Tensor:
        """32 random bits for each row and position, (N, *shape) int32."""
        key = _mix64(self.ids.to(torch.int64) + _signed64(self.seed * _GOLDEN))
        for part in (self.stage, self.restart, draw):
            step = (part + 1) * _GOLDEN  # a tensor's wraps around by itself
            key = _mix64(key + (step if isinstance(step, Tensor) else _signed64(step)))
        low, high = key.to(torch.int32), _shift64(key, 32).to(torch.int32)
        position = torch.arange(math.prod(shape), dtype=torch.int32, device=key.device)
        mixed = _mix32_(_mix32_(position ^ low[:, None]).add_(high[:, None]))
        return mixed.reshape(len(key), *shape)

    def uniform(self, shape: tuple[int, ...], draw: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
        """Uniform numbers in [0, 1) with 24 bits each, (N, *shape); the same in every dtype that holds 24 bits."""
        return ((self.bits(shape, draw) >> 8).bitwise_and_(0xFFFFFF)).to(dtype).mul_(2.0**-24)

    def normal(self, shape: tuple[int, ...], draw: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
        """Standard normal numbers, (N, *shape): the inverse distribution function of a 24-bit uniform."""
        middle = self.uniform(shape, draw, torch.float64) + 2.0**-25
        values: Tensor = torch.special.ndtri(middle)
        return values.to(dtype)

    def integers(self, high: int, shape: tuple[int, ...] = (), draw: int = 0) -> Tensor:
        """Integers in [0, high), (N, *shape) int64."""
        return (self.uniform(shape, draw, torch.float64) * high).long()
