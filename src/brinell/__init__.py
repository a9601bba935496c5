"""brinell: how much a model gives under attack, and for whom it gives first.

The public names are those in ``__init__.pyi``, the one list of exports; each is imported when it is first asked for,
so that ``import brinell`` does not load torch."""

from brinell.lazy import lazily

__version__ = "0.1.0"

__getattr__, __dir__ = lazily(__name__, __file__)
