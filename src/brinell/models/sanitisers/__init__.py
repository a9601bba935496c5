"""Input sanitisers: one file a kind; each a frozen value that knows how it is attacked."""

from brinell.models.sanitisers.base import Layer, Sanitiser, draws_of
from brinell.models.sanitisers.bitdepth import BitDepth
from brinell.models.sanitisers.jpeg import JPEG
from brinell.models.sanitisers.median import Median
from brinell.models.sanitisers.resize import RandomResizePad

SANITISERS: dict[str, type[Sanitiser]] = {
    "BitDepth": BitDepth,
    "JPEG": JPEG,
    "Median": Median,
    "RandomResizePad": RandomResizePad,
}

__all__ = ["SANITISERS", "BitDepth", "JPEG", "Layer", "Median", "RandomResizePad", "Sanitiser", "draws_of"]
