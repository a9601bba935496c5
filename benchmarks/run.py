"""All benchmarks by one command: `make bench`, or `make bench ARGS="--only pgd --quick"`.

Prints a table for each, and what the project promises beside what was measured. With `--markdown` the tables go into
docs/benchmarks.md as well, each between its own marks.
"""

import argparse
import os
from importlib import import_module
from pathlib import Path

BENCHMARKS = {
    "pgd": "PGD-40 beside other toolkits: time and strength",
    "overhead": "PGD-40 beside a bare loop with the same gradients",
    "autoattack": "the default cascades beside AutoAttack (a quarter of an hour; only when asked for)",
    "tutorial": "the Tutorial recipe beside the usual loop: time and memory",
    "recipes": "every recipe beside standard training: time and memory; PGD-7 beside the usual loop",
    "saver": "memory and time of recipes that save memory, beside standard training and themselves",
    "certified": "what IBP proves on MNIST (a quarter of an hour; only when asked for)",
    "start": "how soon the command line and the import are there",
    "sanitisers": "sanitisers, a detector and distillation, static and adaptive (minutes; only when asked for)",
    "hardening": "what can be had in how long, on MNIST and traffic signs (hours; only when asked for)",
    "walk": "the figures of a whole walk on MNIST (half an hour; only when asked for)",
}
LONG = {"autoattack", "certified", "hardening", "sanitisers", "walk"}
PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def read_arguments() -> argparse.Namespace:
    """What the command line says."""
    names = "\n".join(f"  {name:11} {text}" for name, text in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        description="Measure brinell beside its peers.", epilog=f"benchmarks:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--only", choices=BENCHMARKS, action="append", help="this benchmark alone; may be repeated")
    parser.add_argument("--quick", action="store_true", help="a smoke run: few rows and rounds, meaningless times")
    parser.add_argument("--rounds", type=int, default=3, help="laps of each contestant in each process (3)")
    parser.add_argument("--processes", type=int, default=3, help="processes in which a race is run (3)")
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch (2)")
    parser.add_argument("--seeds", type=int, default=3, help="seeds over which strength is averaged (3)")
    parser.add_argument("--markdown", action="store_true", help="also write the tables into docs/benchmarks.md")
    arguments = parser.parse_args()
    if arguments.quick:
        if arguments.markdown:
            parser.error("--quick measures nothing that belongs into the docs; leave out --quick or --markdown")
        arguments.rounds, arguments.processes, arguments.seeds = 1, 1, 2
    return arguments


def main() -> None:
    """Fix the threads before PyTorch is loaded, then run what was asked for."""
    arguments = read_arguments()
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(arguments.threads)
    shared = Path(__file__).resolve().parents[2] / "shared" / "data"
    if shared.is_dir():
        os.environ.setdefault("BRINELL_DATA", str(shared))

    import torch

    from settings import Settings
    from tables import show, write

    torch.set_num_threads(arguments.threads)
    settings = Settings(arguments.quick, arguments.rounds, arguments.processes, arguments.threads, arguments.seeds)
    for name in arguments.only or [name for name in BENCHMARKS if name not in LONG]:
        table = import_module(name).run(settings)
        show(table)
        if arguments.markdown:
            write(table, name, PAGE)


if __name__ == "__main__":
    main()
