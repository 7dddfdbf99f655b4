# SPDX-License-Identifier: Apache-2.0
"""The floors: what a bare shared flag and a bare pair of bells cost between two processes on this machine.

In C both sides run rprochost/src/rp_floor.c, each inside an interpreter that takes no part. In Python the
host's side is the least that Python can do, against the same peer in C.
"""

import mmap
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rprochost._native import ffi, lib
from rprochost.bench.case import Role
from rprochost.bench.histogram import Histogram
from rprochost.bench.pairs import Pair, PairError, stamps

#: Where the words lie in struct rp_flags, in units of a word.
_PING, _PONG = 0, 8


class _Side:
    """One side's C structure, and the mapping that it points into."""

    def __init__(self, memory: int, to_peer: int, to_host: int, work_ns: int) -> None:
        self.map = mmap.mmap(memory, mmap.PAGESIZE)
        self._buffer = ffi.from_buffer(self.map)
        native: Any = ffi.new("struct rp_floor *")
        native.flags = ffi.cast("struct rp_flags *", self._buffer)
        native.to_peer, native.to_host, native.work_ns = to_peer, to_host, work_ns
        self._native = native

    def run(self, function: Any, first: int, num: int, *rest: Any) -> None:
        self._native.first, self._native.num = first, num
        result = function(self._native, *rest)
        if result < 0:
            raise PairError(f"the other side of a floor: {os.strerror(-result)}")


class Floor(Pair):
    """A floor in C. Thread safety: none; the caller serialises."""

    role: Role = "floor"
    #: Names of the C functions for the two sides; "" for a side in Python.
    host_function: ClassVar[str] = ""
    peer_function: ClassVar[str]

    def __init__(self, title: str, work_us: float = 0.0) -> None:
        """Make memory and bells; a peer works ``work_us`` before it answers, where the floor has that."""
        super().__init__(0)
        self.title = title
        self.params = {"work_us": work_us} if work_us else {}
        self._work_ns = int(work_us * 1000)
        self._memory = os.memfd_create("rproc-floor", os.MFD_CLOEXEC)
        os.ftruncate(self._memory, mmap.PAGESIZE)
        self._to_peer = os.eventfd(0, os.EFD_CLOEXEC)
        #: The eventfd that the peer rings.
        self.to_host = os.eventfd(0, os.EFD_CLOEXEC)
        self._side = _Side(self._memory, self._to_peer, self.to_host, self._work_ns)
        self._function = getattr(lib, self.host_function, None)

    def share(self) -> tuple[list[int], list[str]]:
        """Share memory and bells."""
        return [self._memory, self._to_peer, self.to_host], [str(self._work_ns)]

    def words(self) -> memoryview:
        """Return the words of struct rp_flags, for a host's side in Python; released before :meth:`close`."""
        return memoryview(self._side.map).cast("Q")

    @classmethod
    def join(cls, words: Sequence[str]) -> Callable[[int, int], None]:
        """Answer in C."""
        side = _Side(*map(int, words))
        function = getattr(lib, cls.peer_function)
        return lambda first, num: side.run(function, first, num)

    def turns(self, first: int, num: int, histogram: Histogram) -> None:
        """Run in C."""
        self._side.run(self._function, first, num, histogram.native)

    def close(self) -> None:
        """Close memory and bells."""
        for fd in (self._memory, self._to_peer, self.to_host):
            os.close(fd)


class FlagFloor(Floor):
    """Both sides spin on a word in shared memory. Thread safety: none; the caller serialises."""

    name = "flag"
    host_function, peer_function = "rp_floor_flag", "rp_floor_flag_peer"


class BellFloor(Floor):
    """Both sides sleep on an eventfd. Thread safety: none; the caller serialises."""

    name = "bell"
    host_function, peer_function = "rp_floor_bell", "rp_floor_bell_peer"


class WorkFloor(Floor):
    """The peer spins and works, the host sleeps. Thread safety: none; the caller serialises."""

    name = "work"
    host_function, peer_function = "rp_floor_work", "rp_floor_work_peer"


class PythonFlagFloor(Floor):
    """The host spins in Python on a byte of shared memory. Thread safety: none; the caller serialises."""

    name = "python-flag"
    peer_function = "rp_floor_flag_peer"

    def turns(self, first: int, num: int, histogram: Histogram) -> None:
        """Run in Python."""
        times, now, pong = stamps(num), time.perf_counter_ns, _PONG
        with self.words() as words:
            times[0] = now()
            for i in range(num):
                words[_PING] = first + i
                while words[pong] != first + i:
                    pass
                times[i + 1] = now()
        histogram.record_turns(times)


class PythonBellFloor(Floor):
    """The host sleeps on an eventfd in Python. Thread safety: none; the caller serialises."""

    name = "python-bell"
    peer_function = "rp_floor_bell_peer"

    def turns(self, first: int, num: int, histogram: Histogram) -> None:
        """Run in Python."""
        to_peer, to_host = self._to_peer, self.to_host
        times, now, ring, wait = stamps(num), time.perf_counter_ns, os.eventfd_write, os.eventfd_read
        times[0] = now()
        for i in range(num):
            ring(to_peer, 1)
            wait(to_host)
            times[i + 1] = now()
        histogram.record_turns(times)


class PythonWorkFloor(Floor):
    """The peer spins and works, the host sleeps in Python. Thread safety: none; the caller serialises."""

    name = "python-work"
    peer_function = "rp_floor_work_peer"

    def turns(self, first: int, num: int, histogram: Histogram) -> None:
        """Run in Python."""
        times, now, wait, to_host = stamps(num), time.perf_counter_ns, os.eventfd_read, self.to_host
        with self.words() as words:
            times[0] = now()
            for i in range(num):
                words[_PING] = first + i
                wait(to_host)
                times[i + 1] = now()
        histogram.record_turns(times)


PAIRS: tuple[type[Floor], ...] = (
    FlagFloor,
    BellFloor,
    WorkFloor,
    PythonFlagFloor,
    PythonBellFloor,
    PythonWorkFloor,
)
