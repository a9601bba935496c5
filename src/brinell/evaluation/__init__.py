"""Evaluation: the cascade over a data set, preflight, groups, and the audit with its record and its folder.

The names of the room stand in ``__init__.pyi``. Each is imported when it is first asked for: a record can be read,
compared and shown without torch."""

from brinell.lazy import lazily

__getattr__, __dir__ = lazily(__name__, __file__)
