"""Certificates: what can be proved about a model. Add a kind of layer: a rule and a line in ``tables.py``."""

from brinell.certificates.base import Method, Proof
from brinell.certificates.bounds import IntervalBounds
from brinell.certificates.interval import Arithmetic, Interval
from brinell.certificates.margins import enclose, margins
from brinell.certificates.smoothing import Smoothing

METHODS: dict[str, type[Method]] = {"ibp": IntervalBounds, "smoothing": Smoothing}

__all__ = ["METHODS", "Arithmetic", "Interval", "IntervalBounds", "Method", "Proof", "Smoothing", "enclose", "margins"]
