# SPDX-License-Identifier: Apache-2.0
"""The floors: what a bare shared flag and a bare pair of bells cost between two processes on this machine."""

import subprocess
from pathlib import Path

from rprochost.bench.histogram import Histogram
from rprochost.bench.placement import cpus

#: Name -> (word for the program, whether each side is kept on a CPU of its own). Cores run wherever the
#: scheduler likes, so their floor is the free bell; a wake-up across CPUs can cost several times as much.
FLOORS = {"flag": ("flag", True), "bell": ("bell", False), "bell, two CPUs": ("bell", True)}


def build(compiler: str, source: Path, folder: Path) -> Path:
    """Compile the program of the floors and return it; raises CalledProcessError when it does not compile.

    Thread safety: any thread.
    """
    program = folder / "floors"
    command = [compiler, "-O2", "-std=c11", str(source), "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def measure(program: Path, floor: str, count: int, timeout: float = 60.0) -> Histogram:
    """Measure one of FLOORS, on the first and the last CPU this thread may use where it is pinned.

    Raises CalledProcessError, and TimeoutExpired after ``timeout`` seconds: a flag between two processes on a
    single CPU takes a scheduler's time slice per turn. Thread safety: any thread.
    """
    word, pinned = FLOORS[floor]
    usable = cpus() if pinned else [-1]
    command = [str(program), word, str(count), str(usable[0]), str(usable[-1])]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=timeout)
    return Histogram(map(int, result.stdout.split()))
