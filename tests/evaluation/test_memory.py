"""Peak memory does not grow with the number of rows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("memory.py")


def peaks(*rows: int) -> list[float]:
    """Peak memory in MB of a process of its own for each."""
    program = [sys.executable, str(PROGRAM), *map(str, rows)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(program, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert run.returncode == 0, run.stderr
    return [float(line) for line in run.stdout.splitlines()]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere peak memory has other units")
def test_memory_does_not_grow_with_the_rows() -> None:
    few, *many = peaks(250, 1450, 1450)  # 1,200 rows more: 79 MB of inputs, and as much of adversarial inputs
    assert min(many) - few < 40  # what the allocator has not given back yet differs from run to run
