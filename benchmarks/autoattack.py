"""brinell's default cascades beside the official AutoAttack: what each leaves standing, and in what time."""

import time
from collections.abc import Callable
from importlib.metadata import version
from typing import NamedTuple

from torch import Tensor

import brinell as br
from settings import Settings, say
from subjects import EPS, Subject, published, robust, stands, undefended
from tables import Promise, Table

SLACK = 0.001  # by how much robust accuracy may be above AutoAttack's
FASTER = {"robust": 20.0, "undefended": 10.0}  # times as fast as AutoAttack


class Outcome(NamedTuple):
    """Which rows a contestant leaves standing, (N,) bool, and how long it took."""

    stands: Tensor
    seconds: float


def run(settings: Settings) -> Table:
    """One lap each, AutoAttack last; minutes for each robust model."""
    n = 50 if settings.quick else 1000
    kinds = {"undefended": [undefended(n, settings.quick)], "robust": [robust(n)]}
    hidden = published("locuslab-mnist-fgsm", n // 2)
    kinds["robust"] += [hidden] if hidden else []
    rows, promises = [], []
    for kind, subjects in kinds.items():
        for subject in subjects:
            done = {name: _timed(name, subject, contest) for name, contest in _contestants(settings).items()}
            rows += _rows(subject, done)
            promises += _promises(subject, done, kind)
    head = (
        "model",
        "evaluation",
        "n",
        "accuracy left",
        "s",
        "times faster",
        "only it breaks",
        "only AutoAttack breaks",
    )
    note = (
        f"Linf {EPS}, float32, test rows in batches of 250, one lap; brinell without its diagnosis. What each "
        f"breaks is judged by one float32 forward pass. pyautoattack {version('pyautoattack')}. {settings.describe()}"
    )
    return Table("Default cascades beside AutoAttack", head, rows, note, promises)


def _contestants(settings: Settings) -> dict[str, Callable[[Subject], Tensor]]:
    efforts = ("quick", "standard") if settings.quick else ("quick", "standard", "thorough")
    return {f"brinell {effort}": _Ours(effort) for effort in efforts} | {"AutoAttack": _official}


class _Ours:
    def __init__(self, effort: str) -> None:
        self.effort = effort

    def __call__(self, subject: Subject) -> Tensor:
        audit = br.audit(
            subject.model, (subject.x, subject.y), br.Linf(EPS), effort=self.effort, batch_size=250, diagnose=False
        )
        return audit.x_adv.clone()


def _official(subject: Subject) -> Tensor:
    from pyautoattack import AutoAttack

    attack = AutoAttack(subject.model, norm="Linf", eps=EPS, version="standard", device="cpu", seed=0)
    found = attack.run_standard_evaluation(subject.x, subject.y, batch_size=250)
    return found[0] if isinstance(found, tuple) else found


def _timed(name: str, subject: Subject, contest: Callable[[Subject], Tensor]) -> Outcome:
    say(f"{subject.name}: {name}")
    began = time.perf_counter()
    x_adv = contest(subject)
    seconds = time.perf_counter() - began
    return Outcome(stands(subject, x_adv), seconds)


def _rows(subject: Subject, done: dict[str, Outcome]) -> list[tuple[str, ...]]:
    official = done["AutoAttack"]
    return [
        (
            subject.name, name, f"{len(each.stands):,}", f"{each.stands.float().mean():.2%}", f"{each.seconds:.1f}",
            f"{official.seconds / each.seconds:.1f}", str(int((~each.stands & official.stands).sum())),
            str(int((each.stands & ~official.stands).sum())),
        )
        for name, each in done.items()
    ]  # fmt: skip


def _promises(subject: Subject, done: dict[str, Outcome], kind: str) -> list[Promise]:
    ours, official = done["brinell standard"], done["AutoAttack"]
    gap = float(ours.stands.float().mean() - official.stands.float().mean())
    ratio, limit = official.seconds / ours.seconds, FASTER[kind]
    text = f"{subject.name}: standard leaves at most {SLACK:.1%} more than AutoAttack"
    promises = [
        Promise(text, f"{gap:+.2%}", gap <= SLACK + 1e-9),
        Promise(f"{subject.name}: standard, at least {limit:g} times as fast", f"{ratio:.1f}", ratio >= limit),
    ]
    if "brinell thorough" in done:
        gap = float(done["brinell thorough"].stands.float().mean() - official.stands.float().mean())
        promises.append(Promise(f"{subject.name}: thorough leaves no more than AutoAttack", f"{gap:+.2%}", gap <= 0))
    return promises
