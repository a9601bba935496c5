"""The PNG encoder: what goes in comes out, by the format's own rules."""

import base64

import numpy as np
import pytest
from pages import decode

from brinell.report.png import data_uri, encode


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (3, 7), (7, 3), (1, 1, 3), (5, 9, 3), (32, 32, 3)])
def test_pictures_survive(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(decode(encode(pixels)), pixels)


def test_views_survive() -> None:
    pixels = np.moveaxis(np.arange(60, dtype=np.uint8).reshape(3, 4, 5), 0, 2)
    assert np.array_equal(decode(encode(pixels)), pixels)


def test_the_data_uri_holds_the_file() -> None:
    pixels = np.eye(4, dtype=np.uint8)
    kind, _, text = data_uri(pixels).partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(text, validate=True) == encode(pixels)
