"""The Tutorial recipe's training step beside the usual loop: time, and peak memory beside a standard step's."""

from race import race
from settings import Settings, say
from steps import BATCH, STANDARD, USUAL, peak, ways
from tables import Promise, Table

MOST_TIME, MOST_MEMORY = 0.75, 1.1
BATCHES = {"TutorialCNN": 60, "WideCNN": 8}  # in a lap
OURS = "Tutorial"
WAYS = (STANDARD, USUAL, OURS, "harden(Tutorial)")


def run(settings: Settings) -> Table:
    """Both networks, all ways to train."""
    rows, promises = [], []
    for network in BATCHES:
        say(network)
        batches = 2 if settings.quick else BATCHES[network]
        laps = race(settings, ways, network, batches, WAYS)
        peaks = {name: peak(name, network, 1 if settings.quick else 5) for name in WAYS}
        ms = {name: f"{1000 * laps.lowest(name) / batches:.1f}" for name in WAYS}
        middle = {name: f"{1000 * laps.middle(name) / batches:.1f}" for name in WAYS}
        rows += [
            (network, name, ms[name], middle[name], f"{laps.ratio(name, USUAL):.2f}", f"{peaks[name] / 1e6:.1f}",
             f"{peaks[name] / peaks[STANDARD]:.2f}") for name in WAYS
        ]  # fmt: skip
        time, memory = laps.ratio(OURS, USUAL), peaks[OURS] / peaks[STANDARD]
        promises += [
            Promise(f"{network}: time at most {MOST_TIME} x the usual loop's", f"{time:.2f}", time <= MOST_TIME),
            Promise(f"{network}: peak memory at most {MOST_MEMORY} x a standard step's", f"{memory:.2f}",
                    memory <= MOST_MEMORY),
        ]  # fmt: skip
    head = ("network", "way", "min ms", "median ms", "x usual", "peak MB", "x standard")
    note = (
        f"Milliseconds for a batch of {BATCH}, Adam included, {laps.rounds} rounds. Peak: by how much a process of "
        f"its own grows from before its first step, all of PyTorch's workspace included. {settings.describe()}"
    )
    return Table("The Tutorial recipe beside the usual loop", head, rows, note, promises)
