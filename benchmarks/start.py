"""How soon `brinell --help` and `import brinell` are there."""

import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from race import take_turns
from settings import Settings
from tables import Promise, Table

LIMITS = {"brinell --help": 0.3, "import what brinell report needs": 0.5}  # seconds


def run(settings: Settings) -> Table:
    """Each a process of its own, taking turns; the bare interpreter for comparison."""
    script = Path(sysconfig.get_path("scripts")) / "brinell"
    commands = {
        "python -c pass": (sys.executable, "-c", "pass"),
        "import brinell": (sys.executable, "-c", "import brinell"),
        "brinell --help": (str(script), "--help"),
        "import what brinell report needs": (sys.executable, "-c", "import brinell.cli.app, brinell.report"),
        "import brinell; brinell.PGD": (sys.executable, "-c", "import brinell; brinell.PGD"),
    }
    laps = take_turns({name: partial(_call, words) for name, words in commands.items()}, 3 if settings.quick else 10)
    rows = [(name, f"{laps.lowest(name):.3f}", f"{laps.middle(name):.3f}") for name in commands]
    promises = [
        Promise(f"{name}, median under {limit} s", f"{laps.middle(name):.3f} s", laps.middle(name) < limit)
        for name, limit in LIMITS.items()
    ]
    note = f"{laps.rounds} runs after one that does not count. {settings.describe()}"
    return Table("How soon it starts", ("command", "min s", "median s"), rows, note, promises)


def _call(words: Sequence[str]) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
