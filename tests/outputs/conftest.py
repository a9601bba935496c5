"""Audits that several tests look at; each runs once."""

import pytest
from samples import EVIL, evil_groups, small_audit

from brinell.evaluation import Audit
from brinell.threats import L2, Linf


@pytest.fixture(scope="session")
def evil() -> Audit:
    """Pictures on the 256 levels, with a diagnosis, and hostile names wherever a name can stand."""
    origin = f"models.py:{EVIL[0]} | `{EVIL[3]}`"
    return small_audit((1, 8, 8), Linf("8/255"), levels=True, groups=evil_groups(), origin=origin, diagnose=True)


@pytest.fixture(scope="session")
def named() -> Audit:
    """Rows of five numbers whose classes have names."""
    return small_audit((5,), L2(0.3), classes=("<script>", "stop sign", "@yield"), groups=evil_groups())


@pytest.fixture(scope="session")
def table() -> Audit:
    """Rows of five numbers, without a diagnosis."""
    return small_audit((5,), L2(0.3))
