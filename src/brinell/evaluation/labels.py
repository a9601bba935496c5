"""Labels of classes that have names: numbers to count with, words to read."""

from collections import Counter
from collections.abc import Sequence


class Label(int):
    """The number of a class, equal to that number wherever it is compared, and shown by the name of the class."""

    name: str

    def __new__(cls, number: int, name: str) -> "Label":
        """A number of its own for each name: int's are shared."""
        label = super().__new__(cls, number)
        label.name = name
        return label

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"{int(self)} ({self.name})"


def labels_of(classes: Sequence[str] | None) -> dict[int, Label]:
    """The labels of all classes, by number; of classes that share a name, or have none, the number stands beside it."""
    shared = Counter(classes or ())
    return {
        number: Label(number, name if name and shared[name] == 1 else f"{name} ({number})".strip())
        for number, name in enumerate(classes or ())
    }
