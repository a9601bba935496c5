"""Input sanitisers, a detector and defensive distillation: what they keep of an attacker who does not know of them, and
of one who does."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

import brinell as br
from brinell.data import read
from settings import Settings, say
from subjects import data_name, published, undefended
from tables import Table

_EPOCHS = 3  # of the networks that are trained for distillation, the teacher's as many again
_HELD = 1000  # clean rows after those of the audit, from which a detector's threshold is chosen


class Target(NamedTuple):
    """A model and the attacker: rows x (N, ...), y (N,), and further clean rows of the same kind."""

    name: str
    model: br.Classifier
    x: Tensor
    y: Tensor
    held: Tensor
    threat: br.Linf
    effort: str = "quick"


def run(settings: Settings) -> Table:
    """One audit for each guard before each model: minutes for each model."""
    n = 40 if settings.quick else 500
    rows = [row for target in _targets(n, settings.quick) for row in _audits(target, settings.quick)]
    rows += _distilled(n, settings.quick)
    head = ("model", "before it", "n", "effort", "clean", "turned away", "static", "adaptive", "verdict")
    note = (
        "Static: examples made for the bare model, 40 steps. Adaptive: the cascade of the effort through what stands "
        "there, after the static examples; a row that falls to either is broken. Turned away: clean rows, false "
        "alarms. For SmallCNN, static is FGSM or PGD-40 on the cross-entropy, and adaptive the cascade alone. Not "
        f"every row that stands is robust: these are upper bounds. {settings.describe()}"
    )
    return Table("Sanitisers and distillation, static and adaptive", head, rows, note)


def _guards(quick: bool) -> dict[str, Callable[[Target], br.Classifier]]:
    def behind(*sanitisers: object) -> Callable[[Target], br.Classifier]:
        return lambda target: br.sanitised(target.model, *sanitisers)  # type: ignore[arg-type]

    def squeezing(*squeezers: object) -> Callable[[Target], br.Classifier]:
        return lambda target: br.FeatureSqueezing(target.model, squeezers).calibrated(target.held)  # type: ignore[arg-type]

    some: dict[str, Callable[[Target], br.Classifier]] = {
        "nothing": lambda target: target.model,
        "BitDepth(4)": behind(br.BitDepth(4)),
        "JPEG(75)": behind(br.JPEG(75)),
        "squeezing: 4 bits, median 3": squeezing(br.BitDepth(4), br.Median(3)),
    }
    more: dict[str, Callable[[Target], br.Classifier]] = {
        "BitDepth(1)": behind(br.BitDepth(1)),
        "JPEG(25)": behind(br.JPEG(25)),
        "Median(3)": behind(br.Median(3)),
        "RandomResizePad(0.8)": behind(br.RandomResizePad(0.8)),
        "squeezing: 1 bit, median 3": squeezing(br.BitDepth(1), br.Median(3)),
    }
    return some if quick else some | more


def _audits(target: Target, quick: bool) -> Iterator[tuple[str, ...]]:
    for name, guard in _guards(quick).items():
        say(f"{target.name}: {name}")
        audit = br.audit(guard(target), (target.x, target.y), target.threat, effort=target.effort)
        static, alarms = audit.static_accuracy, audit.false_alarms
        yield (
            f"{target.name}, linf:{target.threat.eps:.3g}", name, str(len(target.x)), target.effort,
            _percent(audit.clean_accuracy), _percent(alarms) if alarms else "", _percent(static) if static else "",
            _percent(audit.robust_accuracy), str(audit.verdict),
        )  # fmt: skip


def _percent(rate: br.Rate) -> str:
    return f"{rate.value:.1%}"


def _targets(n: int, quick: bool) -> Iterator[Target]:
    bare = undefended(n, quick)
    held = bare.x if quick else read(data_name()).block(slice(n, n + _HELD))[0]
    for eps, effort in ((0.1, "quick"),) if quick else ((0.1, "quick"), (0.1, "standard"), (0.3, "quick")):
        yield Target("MNIST, undefended", bare.model, bare.x, bare.y, held, br.Linf(eps), effort)
    if quick:
        return
    yield from _signs(n)
    if robust := published("locuslab-mnist-pgd", 200):
        yield Target("MNIST, PGD-trained", robust.model, robust.x, robust.y, held, br.Linf(0.3))


def _signs(n: int) -> Iterator[Target]:
    """Traffic signs, where they can be had."""
    try:
        source = read("gtsrb")
    except br.InputError:
        return
    say("training on gtsrb")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2048, 96), nn.ReLU(), nn.Linear(96, 43),
        )  # fmt: skip
    fresh = br.Classifier(net, bounds=(0, 1), normalize=(0.3, 0.25))
    model = br.harden(fresh, "gtsrb:train", br.Linf("4/255"), recipe=br.Standard(), epochs=8)
    x, y = source.block(slice(0, n))
    yield Target("GTSRB, undefended", model, x, y, source.block(slice(n, n + _HELD))[0], br.Linf("4/255"))


def _distilled(n: int, quick: bool) -> Iterator[tuple[str, ...]]:
    """Defensive distillation, and the same network without it: a mask in the network, and nothing before it."""
    data = "digits" if quick else data_name()
    x, y = read(data_name()).block(slice(0, n))
    for recipe in (br.Standard(), br.DefensiveDistillation()):
        say(f"training SmallCNN on {data}: {recipe}")
        with torch.random.fork_rng():
            torch.manual_seed(0)
            fresh = br.Classifier(br.SmallCNN(), bounds=(0.0, 1.0))
        model = br.harden(fresh, f"{data}:train", br.Linf(0.1), recipe=recipe, epochs=_EPOCHS)
        for threat in (br.Linf(0.1),) if quick else (br.Linf(0.1), br.Linf(0.3)):
            audit = br.audit(model, (x, y), threat, effort="quick")
            for attack in (br.FGSM(), br.PGD(steps=40)):
                naive = br.attack(attack, model, x, y, threat).robust_accuracy
                yield (
                    f"MNIST, SmallCNN, linf:{threat.eps:.3g}", f"nothing; {type(recipe).__name__}", str(n), "quick",
                    _percent(audit.clean_accuracy), "", f"{_percent(naive)} ({type(attack).__name__})",
                    _percent(audit.robust_accuracy), str(audit.verdict),
                )  # fmt: skip
