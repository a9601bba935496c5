"""Data as a verb is given them."""

from collections.abc import Mapping
from typing import Any

from brinell.data import Source, read
from brinell.models import Classifier
from brinell.progress import Progress


def read_for(model: object, data: Any, groups: Mapping[str, Any] | None, progress: Progress) -> Source:
    """The data, as far as the model knows them in its frame and with its names of the classes."""
    if not isinstance(model, Classifier):
        return read(data, groups, progress)
    return read(data, groups, progress, frame=model.frame, classes=model.classes)
