"""Adult, incomes from the census of 1994: from a folder, the cache or the network."""

import csv
import io
from pathlib import Path
from typing import Literal

import numpy as np

from brinell.data.border import Array
from brinell.data.files import opened
from brinell.data.shelf import Shelf
from brinell.data.sources import Arrays
from brinell.errors import InputError
from brinell.progress import Progress, silent

MIRRORS = ("https://archive.ics.uci.edu/ml/machine-learning-databases/adult/",)
DIGESTS = {  # sha256 of the unpacked bytes; the last two are copies with a line of column names
    "adult.data": "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
    "adult.test": "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
    "adult-train.csv.gz": "f2c62076f19504d99a38b22badf445a7f42530ade6b827acf78dd143fbce38bb",
    "adult-test.csv.gz": "f6b1801c5d231515ea5ff04d4444997bacd57e04876e94710cb9b9bd5549c033",
}
CLASSES = ("<=50K", ">50K")
COLUMNS = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")
_LOW = np.array([17, 1, 0, 0, 1], np.float32)
_HIGH = np.array([90, 16, 99_999, 4356, 99], np.float32)
_PLACES, _RACE, _SEX = (0, 4, 10, 11, 12), 8, 9  # among the columns of the file
_PARTS = {
    "test": ("adult", "adult-test.csv.gz", "adult.test"),
    "train": ("adult:train", "adult-train.csv.gz", "adult.data"),
}


def load(part: Literal["test", "train"], progress: Progress = silent) -> Arrays:
    """The 16,281 test or 32,561 training rows, (N, 5) in [0, 1], and whether somebody earns more than 50,000 dollars.

    Inputs are the numbers that say something about a person (``COLUMNS``), each brought from its range in the training
    part into [0, 1]: age 17 to 90, years of education 1 to 16, gains 0 to 99,999, losses 0 to 4,356, hours a week 1 to
    99. The rows' weights in the census are left out, and so are words. Groups: sex, race.
    Looked for in ``adult`` in the folder that BRINELL_DATA names, then in the cache; fetched otherwise.
    Raises InputError, InputMissingError. Source: Becker and Kohavi 1996, doi:10.24432/C5XW20.
    """
    name, *files = _PARTS[part]
    shelf = Shelf(title="Adult", folder="adult", mirrors=MIRRORS, digests=DIGESTS)
    rows = _rows(shelf.file(*files, progress=progress))
    values = np.array([[row[place] for place in _PLACES] for row in rows], np.float32)
    y = np.array([row[-1].rstrip(".") == CLASSES[1] for row in rows])
    groups = {"sex": np.array([row[_SEX] for row in rows]), "race": np.array([row[_RACE] for row in rows])}
    return Arrays(_unit(values), y, groups=groups, name=name, bounds=(0.0, 1.0), classes=CLASSES, columns=COLUMNS)


def _rows(path: Path) -> list[list[str]]:
    with opened(path) as stream:
        lines = io.StringIO(stream.read().decode("utf-8"), newline="")
    rows = [row for row in csv.reader(lines, skipinitialspace=True) if len(row) == 15 and row[0].isdecimal()]
    if not rows:
        raise InputError(f"{path} has no rows of 15 columns.")
    return rows


def _unit(values: Array) -> Array:
    return (values - _LOW) / (_HIGH - _LOW)
