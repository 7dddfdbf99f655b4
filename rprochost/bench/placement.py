# SPDX-License-Identifier: Apache-2.0
"""On which CPUs a measurement ran: placement alone changes a round trip by a factor of two."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self


class Placement(StrEnum):
    """Where the two sides of a measurement run. Thread safety: immutable."""

    #: Each side on a CPU of its own.
    OTHER = "other"
    #: Both on one CPU.
    SAME = "same"
    #: Wherever the scheduler likes.
    FREE = "free"


@dataclass(frozen=True, slots=True)
class Places:
    """The CPUs of the two sides. Thread safety: immutable."""

    host: frozenset[int]
    peer: frozenset[int]
    #: Those that this thread may use.
    usable: frozenset[int]

    @classmethod
    def choose(cls, placement: Placement) -> Self:
        """Choose out of those that this thread may use now; with only one, both sides share it."""
        usable = cpus()
        host = {Placement.FREE: usable}.get(placement, usable[:1])
        peer = {Placement.FREE: usable, Placement.SAME: usable[:1]}.get(placement, usable[-1:])
        return cls(frozenset(host), frozenset(peer), frozenset(usable))

    def together(self) -> Self:
        """Return the places of both sides on the host's CPUs."""
        return type(self)(self.host, self.host, self.host)

    @property
    def apart(self) -> bool:
        """Whether the two sides never share a CPU: only then one can spin for the other."""
        return not self.host & self.peer


def cpus() -> list[int]:
    """Return the CPUs this thread may use, in order. Thread safety: any thread."""
    return sorted(os.sched_getaffinity(0))


@contextmanager
def on_cpus(*wanted: int) -> Iterator[None]:
    """Keep the calling thread on some CPUs, and the threads that it starts meanwhile.

    Linux's affinity belongs to a thread and is inherited. Process cores are started by the service thread and
    inherit from that one: :func:`pin_process` moves them. Raises OSError EINVAL when no such CPU may be used.
    Thread safety: any thread.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def threads(pid: int) -> set[int]:
    """Return the numbers of a process's threads; none once it has ended. Thread safety: any thread."""
    try:
        return {int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()}
    except OSError:
        return set()


def pin_thread(thread: int, wanted: Iterable[int]) -> None:
    """Keep one thread on some CPUs; nothing happens when it has ended.

    Raises OSError EINVAL when no such CPU may be used. Thread safety: any thread.
    """
    with contextlib.suppress(ProcessLookupError):
        os.sched_setaffinity(thread, wanted)


def pin_process(pid: int, wanted: Iterable[int]) -> None:
    """Keep every thread of a process on some CPUs; errors as :func:`pin_thread`.

    Thread safety: any thread.
    """
    places = set(wanted)
    for thread in threads(pid):
        pin_thread(thread, places)


def describe() -> str:
    """Return how many CPUs this thread may use and how busy they are, as a remark for results.

    Thread safety: any thread.
    """
    load = os.getloadavg()[0]
    return f"{len(cpus())} CPUs, load average {load:.1f}"
