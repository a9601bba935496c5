"""Small audits whose model is linear, with names that mean something to Markdown, HTML, XML and YAML."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from brinell.api import audit
from brinell.attacks import FGSM, PGD
from brinell.data import Arrays
from brinell.evaluation import Audit
from brinell.models import Classifier
from brinell.threats import Threat

EVIL = (
    "<script>alert('1')</script>", "a|b|c", "`x` **bold** _it_ ~~no~~", "[click](http://evil.example)", "# heading",
    "@someone and #12", "tab\tand\nnewline\x00\x1b[31m\u202e", "]]> & &amp; \"quoted\" 'single'", "a: b\n- c",
    "$x$ \\|", "www.evil.example", "\U0001f600 grün", "1. first", "2)", "===",
    "--- x", "+ y", "> z",
)  # fmt: skip
CASCADE = (FGSM(), PGD(steps=3))


def rows(shape: tuple[int, ...], n: int = 150, levels: bool = False) -> tuple[nn.Module, Tensor, Tensor]:
    """A network, inputs in 0..1, on the 256 levels if asked for, and labels that are nearly all its own."""
    source = torch.Generator().manual_seed(0)
    layer = nn.Linear(int(np.prod(shape)), 3)
    net = nn.Sequential(nn.Flatten(), layer)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=source))
        layer.bias.copy_(-layer.weight.sum(1) / 2)
        x = torch.rand(n, *shape, generator=source)
        x = (x * 255).round() / 255 if levels else x
        y = net(x).argmax(1)
    y[0] = (y[0] + 1) % 3
    return net, x, y


def small_audit(
    shape: tuple[int, ...], threat: Threat, *, levels: bool = False, classes: tuple[str, ...] | None = None,
    **options: Any,
) -> Audit:  # fmt: skip
    net, x, y = rows(shape, levels=levels)
    return audit(
        Classifier(net, (0, 1)),
        Arrays(x, y, classes=classes),
        threat,
        **({"cascade": CASCADE, "diagnose": False} | options),
    )


def evil_groups(n: int = 150) -> dict[str, Any]:
    """Hostile names of groups in a hostile attribute, some rows in none."""
    names = np.array(EVIL, object)[np.arange(n) % len(EVIL)]
    names[10] = None
    return {"hand": np.where(np.arange(n) % 2, "left", "right"), "<b>evil</b>|`name`": names}
