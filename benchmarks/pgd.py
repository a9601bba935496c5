"""PGD-40 beside torchattacks, foolbox, adv-lib and ART: time, and strength beside it."""

import math
from functools import partial
from statistics import NormalDist, mean, variance

from peers import BATCH, STEPS, Attack, Peer, peers
from race import Contestants, Laps, race
from settings import Settings, say
from subjects import Subject, robust, standing, undefended
from tables import Promise, Table

OURS = 2  # the first entries are brinell's own
LIMITS = {"undefended": 5.0, "robust": 1.0}  # times as fast as the fastest peer


def run(settings: Settings) -> Table:
    """Both models, all contestants."""
    n = BATCH if settings.quick else 4 * BATCH
    rows, promises = [], []
    for kind, subject in (("undefended", undefended(n, settings.quick)), ("robust", robust(n))):
        field = peers(subject.model)
        say(f"{subject.name}: {', '.join(peer.name for peer in field)}")
        laps = race(settings, contestants, subject)
        left = {peer.name: _strength(subject, peer.attack, settings.seeds) for peer in field}
        rows += [_row(subject, peer, laps, left[peer.name], field[0].name) for peer in field]
        promises += _promises(subject, field, laps, left, LIMITS[kind])
    head = ("model", "toolkit", "min s", "median s", "x brinell", "accuracy left", "seeds")
    note = (
        f"PGD-{STEPS}, step 0.01, Linf 0.3, float32, {n:,} test rows in batches of {BATCH}, {laps.rounds} rounds. "
        f"{settings.describe()}"
    )
    return Table("PGD-40 beside other toolkits", head, rows, note, promises)


def contestants(subject: Subject) -> Contestants:
    """All toolkits, each with the whole job of attacking the rows."""
    return {peer.name: partial(peer.attack, subject.x, subject.y, 0) for peer in peers(subject.model)}


def _strength(subject: Subject, attack: Attack, seeds: int) -> list[float]:
    return [standing(subject, attack(subject.x, subject.y, seed)) for seed in range(seeds)]


def _row(subject: Subject, peer: Peer, laps: Laps, left: list[float], yardstick: str) -> tuple[str, ...]:
    return (
        subject.name, f"{peer.name} {peer.version}", f"{laps.lowest(peer.name):.2f}", f"{laps.middle(peer.name):.2f}",
        f"{laps.ratio(peer.name, yardstick):.2f}", f"{mean(left):.2%}", ", ".join(f"{value:.1%}" for value in left),
    )  # fmt: skip


def _promises(
    subject: Subject, field: list[Peer], laps: Laps, left: dict[str, list[float]], limit: float
) -> list[Promise]:
    own, others = [peer.name for peer in field[:OURS]], [peer.name for peer in field[OURS:]]
    fastest = min(others, key=laps.middle)
    strongest = min(others, key=lambda name: mean(left[name]))
    chance = _chance(list(left.values()), len(others))
    ratio = laps.ratio(fastest, own[0])
    text = f"{subject.name}: {own[0]}, at least {limit:g} x as fast as the fastest peer ({fastest})"
    promises = [Promise(text, f"{ratio:.2f}", ratio >= limit)]
    for name in own:
        gap = mean(left[name]) - mean(left[strongest])
        text = f"{subject.name}: {name}, leaves no more than the strongest peer ({strongest}), up to chance"
        promises.append(Promise(text, f"{gap:+.2%}, chance {chance:.2%}", gap <= chance))
    return promises


def _chance(left: list[list[float]], comparisons: int) -> float:
    """By how much equally strong attacks differ in their means over seeds: the 5 % bound for the strongest of several.

    All contestants share one spread over seeds, since all draw their start from one distribution. 0 for one seed."""
    seeds = len(left[0])
    if seeds < 2:
        return 0.0
    spread = math.sqrt(mean(variance(values) for values in left))
    return NormalDist().inv_cdf(1 - 0.05 / comparisons) * spread * math.sqrt(2 / seeds)
