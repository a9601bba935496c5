"""Small pictures in files, of known pixels."""

from pathlib import Path

import numpy as np
from PIL import Image

CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def pixels(number: int, size: tuple[int, int] = (6, 5), mode: str = "RGB") -> np.ndarray:
    """Random ones, (H, W) or (H, W, C) uint8; the same for the same number."""
    shape = (*size, CHANNELS[mode])[: 2 if mode == "L" else 3]
    return np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)


def draw(path: Path, number: int, size: tuple[int, int] = (6, 5), mode: str = "RGB") -> Path:
    """A lossless picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(number, size, mode)).save(path)
    return path
