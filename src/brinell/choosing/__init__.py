"""Which attacker to count with, which defense to try, and what it costs: advice by rules, and curves of trade-offs.

Names are those in ``__init__.pyi``, imported one by one: questions are asked before torch is there."""

from brinell.lazy import lazily

__getattr__, __dir__ = lazily(__name__, __file__)
