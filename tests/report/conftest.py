"""Small audits of every kind of input, each run once, and pages made of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pages import EVIL, Page
from torch import nn

from brinell.api import audit
from brinell.attacks import FGSM, PGD
from brinell.data import Arrays
from brinell.evaluation import Audit
from brinell.models import Classifier
from brinell.report import write_html
from brinell.threats import L2, Linf, Threat

CASCADE = (FGSM(), PGD(steps=3))


def small_audit(
    shape: tuple[int, ...], threat: Threat, n: int = 150, names: tuple[str, ...] = (),
    about: dict[str, Any] | None = None, **options: Any,
) -> Audit:  # fmt: skip
    """A linear model that gets nearly all of ``n`` rows in 0..1 right. names: the values of the group "class".
    about: what the data know of themselves."""
    source = torch.Generator().manual_seed(0)
    layer = nn.Linear(int(np.prod(shape)), 3)
    net = nn.Sequential(nn.Flatten(), layer)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=source))
        layer.bias.copy_(-layer.weight.sum(1) / 2)  # so that the classes share the rows about evenly
        x = torch.rand(n, *shape, generator=source)
        y = net(x).argmax(1)
    y[0] = (y[0] + 1) % 3
    if names:
        options["groups"] = {"class": np.array(names, object)[y.numpy()]} | options.get("groups", {})
    data = Arrays(x, y, **(about or {}))
    return audit(Classifier(net, (0, 1)), data, threat, **({"cascade": CASCADE} | options))


def groups(n: int = 150) -> dict[str, Any]:
    """Groups of many rows, of few rows, of hostile names, and rows of no group."""
    position = np.arange(n)
    names = np.where(position < 6, EVIL, np.where(position % 2, "left", "right")).astype(object)
    names[10] = None
    return {"hand": names, 'the "big" half': position >= n // 3}


@pytest.fixture(scope="session")
def image() -> Audit:
    """Grey images, every attack also alone, and an origin full of characters that HTML gives a meaning."""
    origin = f"models.py:\"a\" & 'b' {EVIL}"
    return small_audit((1, 8, 8), Linf("8/255"), groups=groups(), alone=True, origin=origin)


@pytest.fixture(scope="session")
def other() -> Audit:
    """The same images without groups, without pictures, each attack only on what stands."""
    return small_audit((1, 8, 8), L2(0.2), examples="none")


@pytest.fixture(scope="session")
def named() -> Audit:
    """Classes and groups with hostile names."""
    return small_audit((1, 8, 8), Linf("8/255"), names=(EVIL, "</style><b>two", "'three\"\u2028"), groups=groups())


@pytest.fixture(scope="session")
def large() -> Audit:
    """Ten thousand rows in fifty groups."""
    n = 10_000
    who = np.array([f"group {i % 50}" for i in range(n)], object)
    return small_audit((3, 16, 16), Linf("2/255"), n, groups={"who": who}, diagnose=False)


@pytest.fixture(scope="session")
def colour() -> Audit:
    return small_audit((3, 6, 5), Linf(0.1))


@pytest.fixture(scope="session")
def table() -> Audit:
    return small_audit((5,), L2(0.3))


@pytest.fixture(scope="session")
def people() -> Audit:
    """A table whose classes and columns have names, some of them hostile."""
    about = {"classes": ("up to 50K", EVIL, "above"), "columns": ("age", f"gain {EVIL}", "hours & days", "a", "b")}
    return small_audit((5,), Linf(0.1), about=about, groups=groups())


@pytest.fixture(scope="session")
def wave() -> Audit:
    return small_audit((2, 300), Linf(0.02))


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Page]:
    """Write a report and read it back; the page of an audit alone is made once."""
    path = tmp_path_factory.mktemp("reports") / "deep" / "report.html"
    known: list[tuple[Any, Page]] = []

    def write(audits: Any, **options: Any) -> Page:
        for before, written in known:
            if before is audits and not options:
                return written
        written = Page(write_html(audits, path, **options).read_text(encoding="utf-8"))
        known.append((None if options else audits, written))
        return written

    return write
