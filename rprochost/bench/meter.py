# SPDX-License-Identifier: Apache-2.0
"""What a measurement used besides time: CPU, context switches, doorbells, memory."""

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rprochost.bench.placement import threads

if TYPE_CHECKING:
    from rpmsg import VirtioRpmsgBus


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts up to now, or between two times; ``a - b`` is what happened from b to a.

    Thread safety: immutable.
    """

    #: CPU time of this process, all threads, ns.
    host_cpu_ns: int = 0
    #: CPU time of the processes on the other side, ns.
    peer_cpu_ns: int = 0
    #: How often a thread of this process went to sleep, and was taken from its CPU.
    switches: int = 0
    preemptions: int = 0
    #: Doorbells rung for the core, and answered for it.
    kicks: int = 0
    bells: int = 0

    def __sub__(self, other: Self) -> "Usage":
        return Usage(*(getattr(self, name) - getattr(other, name) for name in self.__slots__))

    def __add__(self, other: Self) -> "Usage":
        return Usage(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def per_message(self, num: int) -> dict[str, float]:
        """Return the counts per message, and CPU as seconds per million messages."""
        return {
            "host_cpu_s_per_million": self.host_cpu_ns / num / 1000,
            "peer_cpu_s_per_million": self.peer_cpu_ns / num / 1000,
            "switches_per_message": self.switches / num,
            "preemptions_per_message": self.preemptions / num,
            "kicks_per_message": self.kicks / num,
            "bells_per_message": self.bells / num,
        }


def cpu_ns(pid: int) -> int:
    """Return the CPU time of another process, ns; 0 once it has ended. Thread safety: any thread."""
    try:
        # What clock_getcpuclockid(3) computes: the number inverted, and 2 for "scheduler time".
        return time.clock_gettime_ns(~pid << 3 | 2)
    except OSError:
        return 0


def read(pids: Sequence[int] = (), bus: "VirtioRpmsgBus | None" = None) -> Usage:
    """Return the counts of this process, of the processes on the other side, and of a bus.

    Thread safety: any thread.
    """
    own = resource.getrusage(resource.RUSAGE_SELF)
    counts = bus.statistics() if bus is not None else None
    return Usage(
        time.process_time_ns(),
        sum(map(cpu_ns, pids)),
        own.ru_nvcsw,
        own.ru_nivcsw,
        counts.kicks if counts else 0,
        counts.bells if counts else 0,
    )


def _field(path: Path, name: str) -> int:
    """Return the number behind ``name:`` in a file of /proc, 0 when there is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def memory_kib(pids: Sequence[int]) -> int:
    """Return the memory of some processes, KiB, each shared page counted by the part that is theirs.

    Source: Linux Documentation/filesystems/proc.rst, smaps_rollup, Pss. Thread safety: any thread.
    """
    return sum(_field(Path(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in pids)


def sleeps(pid: int) -> dict[int, int]:
    """Return how often each thread of a process has gone to sleep so far. Thread safety: any thread."""
    status = {number: Path(f"/proc/{pid}/task/{number}/status") for number in threads(pid)}
    return {number: _field(path, "voluntary_ctxt_switches") for number, path in status.items()}
