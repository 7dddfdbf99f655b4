# SPDX-License-Identifier: Apache-2.0
"""Step 5: nothing is left behind: no process, shared memory, descriptor, thread or file."""

import gc
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from rprochost.demo.stage import Stage

#: The C service thread belongs to the process, not to a machine: it stays, asleep, until the process ends.
SERVICE_THREADS = 1
#: A process that ended may take a moment to vanish from /proc.
GRACE = 2.0


def children() -> set[int]:
    """Return the pids of this process's children, zombies included. Thread safety: any thread."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            found.update(map(int, (task / "children").read_text().split()))
        except OSError:
            continue  # that thread ended meanwhile
    return found


def shared_memory() -> list[str]:
    """Return this process's mappings of memory files. Thread safety: any thread."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    return [line for line in maps.splitlines() if "/memfd:" in line]


def descriptors() -> set[str]:
    """Return what the open descriptors refer to, except the one that is open for looking. Thread safety: any
    thread.
    """
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{link.name} -> {link.readlink()}")
        except OSError:
            continue
    return found


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What belongs to this process at one time. Thread safety: immutable."""

    children: set[int]
    memory: int
    memory_descriptors: int
    threads: int

    @classmethod
    def take(cls) -> "Snapshot":
        """Look at this process now."""
        memory_descriptors = sum("/memfd:" in name for name in descriptors())
        tasks = len(list(Path("/proc/self/task").iterdir()))
        return cls(children(), len(shared_memory()), memory_descriptors, tasks)

    def more_than(self, before: "Snapshot") -> list[str]:
        """Return what is here and was not before, as words; empty for nothing."""
        found = {
            "processes": len(self.children - before.children),
            "mappings of shared memory": self.memory - before.memory,
            "descriptors of shared memory": self.memory_descriptors - before.memory_descriptors,
            "threads": self.threads - before.threads - SERVICE_THREADS,
        }
        return [f"{number} {what}" for what, number in found.items() if number > 0]


def check(stage: Stage, before: Snapshot, folder: Path) -> None:
    """Compare with the time before the demo; StepError when something is left."""
    deadline = time.monotonic() + GRACE
    while True:
        gc.collect()
        left = Snapshot.take().more_than(before)
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.01)
    left += [
        thread.name for thread in threading.enumerate() if thread.name.startswith(("demo-", "rproc-work"))
    ]
    left += [str(folder)] if folder.exists() else []
    stage.result("stop", left=left)
    claim = "nothing is left: no process, shared memory, thread or file"
    stage.check(not left, claim + (f" (left: {', '.join(left)})" if left else ""))
