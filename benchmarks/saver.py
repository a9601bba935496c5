"""Recipes that are not lean by themselves, as they are and saving memory: peak and time."""

import torch

import brinell as br
from race import race
from recipes import LEAN, WEIGHED
from settings import Settings, say
from steps import BATCH, EPS, STANDARD, classifier, peak, ways
from tables import Promise, Table

BATCHES = 4  # in a lap
MOST_MEMORY, MOST_TIME = 1.1, 1.4


def run(settings: Settings) -> Table:
    """All of them, on a network with large activations."""
    rows, promises, times = [], [], 1 if settings.quick else 3
    standard = peak(STANDARD, WEIGHED, times)
    for name in (name for name in br.RECIPES if name not in (*LEAN, "Standard")):
        pieces, plain = _pieces(name), f"{name} in 1"
        say(f"{name}: in {pieces}")
        saving = f"{name} in {pieces}"
        before, after = (peak(way, WEIGHED, times) / standard for way in (plain, saving))
        batches = 1 if settings.quick else BATCHES
        slower = race(settings, ways, WEIGHED, batches, (plain, saving)).ratio(saving, plain) if pieces > 1 else 1.0
        rows.append((name, f"{before:.2f}", str(pieces), f"{after:.2f}", f"{slower:.2f}"))
        promises += [
            Promise(f"{name}: peak at most {MOST_MEMORY} x a standard step's", f"{after:.2f}", after <= MOST_MEMORY),
            Promise(f"{name}: time at most {MOST_TIME} x its own", f"{slower:.2f}", slower <= MOST_TIME),
        ]  # fmt: skip
    head = ("recipe", "x standard's peak", "pieces when saving", "x standard's peak then", "x its own time")
    note = (
        f"{WEIGHED}, batch of {BATCH}. Pieces: what `save_memory` chooses. Peak: by how much a process of its own grew "
        f"from before its first step, one thread. {settings.describe()}"
    )
    return Table("Recipes that save memory", head, rows, note, promises)


def _pieces(name: str) -> int:
    data = torch.rand(3 * BATCH, 1, 28, 28), torch.arange(3 * BATCH) % 10
    options = br.save_memory(classifier(WEIGHED), data, br.Linf(EPS), recipe=br.RECIPES[name](), batch_size=BATCH)
    return options.accumulate
