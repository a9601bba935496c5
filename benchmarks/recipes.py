"""Every recipe's training step beside a standard one: time and peak memory; PGD-7 beside the usual loop."""

from race import Laps, race
from settings import Settings, say
from steps import BATCH, RECIPES, STANDARD, USUAL_PGD, peak, ways
from tables import Promise, Table

TIMED, WEIGHED = "SmallCNN", "WideCNN"  # the networks on which time, and memory, are measured
BATCHES = 20  # in a lap
LEAN = ("Tutorial", "FastFGSM", "NFGSM", "PGDTraining")
MOST_PGD, MOST_FAST, MOST_MEMORY = 0.7, 1.6, 1.1
ALONE = f"{USUAL_PGD}, input alone"


def run(settings: Settings) -> Table:
    """All recipes on a network for time and on one with large activations for memory."""
    names = (STANDARD, USUAL_PGD, ALONE, *(type(recipe).__name__ for recipe in RECIPES))
    batches = 2 if settings.quick else BATCHES
    laps = race(settings, ways, TIMED, batches, names)
    peaks = {}
    for name in names:
        say(f"memory of {name}")
        peaks[name] = peak(name, WEIGHED, 1 if settings.quick else 3)
    rows = [
        (name, f"{1000 * laps.lowest(name) / batches:.1f}", f"{1000 * laps.middle(name) / batches:.1f}",
         f"{laps.ratio(name, STANDARD):.2f}", f"{peaks[name] / 1e6:.1f}", f"{peaks[name] / peaks[STANDARD]:.2f}")
        for name in names
    ]  # fmt: skip
    head = ("way", "min ms", "median ms", "x standard", "peak MB", "x standard's peak")
    note = (
        f"Milliseconds for a batch of {BATCH} on {TIMED}, Adam included, {laps.rounds} rounds; eps at its full size. "
        f"Peak on {WEIGHED}: by how much a process of its own grows from before its first step, one thread. "
        f"{settings.describe()}"
    )
    return Table("Every recipe beside standard training", head, rows, note, _promises(laps, peaks))


def _promises(laps: Laps, peaks: dict[str, float]) -> list[Promise]:
    times = (
        (f"PGD-7 at most {MOST_PGD} x the usual loop's time", laps.ratio("PGDTraining", USUAL_PGD), MOST_PGD),
        (f"PGD-7 at most {MOST_PGD} x a loop that asks for the input's slope alone", laps.ratio("PGDTraining", ALONE),
         MOST_PGD),
        (f"FastFGSM at most {MOST_FAST} x a standard step", laps.ratio("FastFGSM", STANDARD), MOST_FAST),
    )  # fmt: skip
    memory = [
        (f"{name}: peak memory at most {MOST_MEMORY} x a standard step's", peaks[name] / peaks[STANDARD], MOST_MEMORY)
        for name in LEAN
    ]
    return [Promise(text, f"{value:.2f}", value <= most) for text, value, most in (*times, *memory)]
