# SPDX-License-Identifier: Apache-2.0
"""On which CPUs a measurement ran: placement alone changes a round trip by a factor of two."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def cpus() -> list[int]:
    """Return the CPUs this thread may use, in order. Thread safety: any thread."""
    return sorted(os.sched_getaffinity(0))


@contextmanager
def on_cpus(*wanted: int) -> Iterator[None]:
    """Keep the calling thread, and what it starts meanwhile, on some CPUs.

    Linux's affinity belongs to a thread and is inherited by threads and processes that it starts, so cores
    started inside the block stay there. Raises OSError EINVAL when no such CPU may be used. Thread safety:
    any thread.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def describe() -> str:
    """Return how many CPUs this thread may use and how busy they are, as a remark for results."""
    load = os.getloadavg()[0]
    return f"{len(cpus())} CPUs, load average {load:.1f}"
