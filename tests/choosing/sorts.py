"""Situations of every sort."""

import itertools
from collections.abc import Iterator

import brinell as br


def situations() -> Iterator[br.Situation]:
    """One of each sort."""
    shapes = ((1, 28, 28), (3, 32, 32), (3, 224, 224), (14,), (1, 16000))
    for shape, knows, wants, proof, gpu in itertools.product(
        shapes, ("gradients", "scores", "labels", "nothing"), ("any", "class", "undetected"), (False, True),
        (False, True),
    ):  # fmt: skip
        groups = ("sex",) if proof else ()
        yield br.Situation(
            shape=shape, knows=knows, wants=wants, proof=proof, gpu=gpu, groups=groups, rows=500 if gpu else 50_000
        )
