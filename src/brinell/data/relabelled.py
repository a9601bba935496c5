"""Labels in the order of a model's classes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from brinell.data.border import Rows
from brinell.data.sources import About, Source, classes_of
from brinell.errors import InputError


class Relabelled(About):
    """Another source whose labels are numbered as in ``classes``, the names of all classes in the order of a model.

    Raises InputError for a source that knows no names, or that has one which is not among them.
    """

    def __init__(self, source: Source, classes: Sequence[str]) -> None:
        self.source, self.name, self.groups = source, source.name, source.groups
        self._classes = tuple(classes)
        names = classes_of(source)
        unknown = sorted(set(names or ()) - set(classes))
        if names is None or unknown:
            what = f"has the class {unknown[0]!r}, which is not among them" if unknown else "does not name its own"
            raise InputError(f"the labels of {source.name} cannot be numbered by names of classes: it {what}.")
        self.numbers = torch.tensor([self._classes.index(name) for name in names])

    @property
    def classes(self) -> tuple[str, ...]:
        """As given."""
        return self._classes

    def __len__(self) -> int:
        return len(self.source)

    def block(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """The chosen rows, as in ``Source``."""
        x, y = self.source.block(rows)
        return x, self.numbers[y]


def follow(source: Source, classes: Sequence[str] | None) -> Source:
    """``source`` with its labels in the order of ``classes``, where both are known and name the same things."""
    names = classes_of(source)
    if not classes or not names or names == tuple(classes) or not set(names) <= set(classes):
        return source
    return Relabelled(source, classes)
