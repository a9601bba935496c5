"""How the core tells that it is alive: it calls back, and whoever called decides what a person sees of it."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Called as ``progress(label, done, total)``: what is going on, how many units are done, of how many.

``done`` counts up and ends at ``total``, which is None where nobody knows it in advance. A new label begins a
new count. What the callback raises goes through to the caller and so ends the work.
"""


def silent(label: str, done: int, total: int | None) -> None:
    """Show nothing: the default."""
