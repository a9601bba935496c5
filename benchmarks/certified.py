"""What IBP training proves on MNIST at eps 0.3: time, and certified accuracy of all 10,000 test images."""

import time

import torch
from torch import nn

import brinell as br
from settings import Settings, say
from tables import Promise, Table

THREAT, MOST_SECONDS, AIM = br.Linf(0.3), 900.0, 0.85


def network() -> nn.Sequential:
    """Two convolutions and a hidden layer, each with BatchNorm and ReLU: 166,702 parameters, in channels-last order."""
    net = nn.Sequential(
        nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Flatten(), nn.Linear(1568, 100), nn.BatchNorm1d(100), nn.ReLU(), nn.Linear(100, 10),
    )  # fmt: skip
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def run(settings: Settings) -> Table:
    """Train, certify, and attack what is certified."""
    model = br.Classifier(network(), bounds=(0.0, 1.0))
    rows = (
        br.read_dataset("mnist", n=200) if settings.quick else "mnist",
        "digits:train" if settings.quick else "mnist:train",
    )
    started, spent = time.monotonic(), time.process_time()
    hard = br.harden(model, rows[1], THREAT, recipe=br.IBP(), epochs=1 if settings.quick else None, progress=_progress)
    seconds, cpu = time.monotonic() - started, time.process_time() - spent
    started = time.monotonic()
    proof = br.certify(hard, rows[0], THREAT)
    proving = time.monotonic() - started
    audit = br.audit(hard, rows[0], THREAT, effort="quick", certificate=br.IntervalBounds())
    assert audit.certified_accuracy is not None
    proved = proof.certified_accuracy.value
    promises = [
        Promise(f"trained within {MOST_SECONDS / 60:.0f} minutes", f"{seconds:.0f} s", seconds <= MOST_SECONDS),
        Promise(f"proved: at least {AIM:.0%}", f"{proved:.2%}", proved >= AIM),
    ]  # fmt: skip
    head = ("training", "CPU", "proof", "clean", "certified", "robust at most")
    cells = (
        f"{seconds:.0f} s", f"{cpu:.0f} s", f"{proving:.1f} s", f"{proof.clean_accuracy.value:.2%}",
        f"{proved:.2%}", f"{audit.robust_accuracy.value:.2%}",
    )  # fmt: skip
    epochs, n = hard.training_log.planned_epochs, proof.record.data.n
    note = f"IBP, {epochs} epochs, {THREAT}, {n:,} test images. {settings.describe()}"
    return Table("Certified accuracy on MNIST", head, [cells], note, promises)


def _progress(label: str, done: int, total: int | None) -> None:
    if total and done == total:
        say(f"{label}: done")
