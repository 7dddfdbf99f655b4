# SPDX-License-Identifier: Apache-2.0
"""The host side in C: loops over the calls that Python uses too (rprochost/src/rp_loop.h), on the same cores.

What a case here takes less than its twin in :mod:`rprochost.bench.python_loops` is Python's part.
"""

import errno
import os
import time
from collections.abc import Callable
from typing import Any

from rpmsg import ADDR_ANY
from rprochost._native import ffi, lib
from rprochost.bench.bench_core import Behaviour, BenchCore
from rprochost.bench.case import Case
from rprochost.bench.histogram import Histogram

#: Seconds for a run that takes a fraction of one.
_LIMIT_NS = 60_000_000_000


class LoopError(RuntimeError):
    """A loop in C came to an end before its last message. Thread safety: immutable."""

    hint = "the core's log says whether it has crashed"


class NativeLoop:
    """An endpoint of its own, and a loop over it. Thread safety: none; the caller serialises."""

    def __init__(self, core: BenchCore, dst: int, size: int, batch: int) -> None:
        """Open the endpoint; LoopError when that fails, ValueError for a size of 0."""
        if size < 1:
            raise ValueError("a loop in C looks at the first byte of an answer: size is at least 1")
        device = core.bus.device
        out: Any = ffi.new("struct rp_endpoint **")
        self._check(lib.rp_endpoint_open(device.native, ADDR_ANY, dst, out))
        # The bus counts its endpoints and outlives them.
        self._native = ffi.gc(out[0], lib.rp_endpoint_free)
        self.addr = int(lib.rp_endpoint_address(self._native))
        self._data = ffi.from_buffer("uint8_t[]", os.urandom(size) * batch)
        loop: Any = ffi.new("struct rp_loop *")
        loop.ept, loop.dst, loop.mtu = self._native, dst, device.mtu
        loop.data, loop.len, loop.batch = self._data, size, batch
        self._loop = loop

    def run(self, function: Callable[[Any], int], num: int, histogram: Histogram | None = None) -> None:
        """Run one of the loops; LoopError."""
        loop = self._loop
        loop.num, loop.sent, loop.received, loop.calls = num, 0, 0, 0
        loop.deadline_ns = time.monotonic_ns() + _LIMIT_NS
        loop.histogram = ffi.NULL if histogram is None else histogram.native
        code = function(loop)
        # Ctrl-C is handled here, between two calls.
        while code == -errno.EINTR:
            code = function(loop)
        self._check(code)

    @property
    def calls(self) -> int:
        """Calls of the last run."""
        return int(self._loop.calls)

    @staticmethod
    def _check(code: int) -> None:
        if code < 0:
            name = errno.errorcode.get(-code, str(code))
            raise LoopError(f"a loop in C ended with {name}: {os.strerror(-code)}")


class EchoInC(Case):
    """Round trips; with more than one under way only the rate. Thread safety: none; the caller serialises."""

    def __init__(
        self,
        core: BenchCore,
        name: str,
        title: str,
        size: int,
        behaviour: Behaviour,
        *,
        outstanding: int = 1,
    ) -> None:
        """Open an endpoint; LoopError."""
        self.id, self.title = name, title
        self.params = {"size": size, "outstanding": outstanding, "work_us": behaviour.work_us}
        self.pids, self.bus = core.pids, core.bus
        self._core, self._behaviour = core, behaviour
        self._loop = NativeLoop(core, core.echo.dst, size, outstanding)

    def run(self, num: int, histogram: Histogram) -> int:
        """Send and wait for the answer; LoopError."""
        self._core.behave(self._behaviour)
        begin = time.perf_counter_ns()
        self._loop.run(lib.rp_loop_echo, num, histogram)
        return time.perf_counter_ns() - begin


class ReceiveInC(Case):
    """Messages from the core, as fast as both can. Thread safety: none; the caller serialises."""

    def __init__(self, core: BenchCore, name: str, title: str, size: int, batch: int) -> None:
        """Open an endpoint; LoopError."""
        self.id, self.title = name, title
        self.params = {"size": size, "batch": batch}
        self.pids, self.bus = core.pids, core.bus
        self._core, self._size, self._batch = core, size, batch
        self._loop = NativeLoop(core, core.echo.dst, size, batch)

    def run(self, num: int, histogram: Histogram) -> int:
        """Ask for floods and receive them; LoopError, TimeoutError."""
        self._core.behave(Behaviour(polling=True))
        begin = time.perf_counter_ns()
        left = num
        while left > 0:
            part = min(left, self._core.flood_num(self._size))
            self._core.flood(part, self._size, self._loop.addr, self._batch)
            self._loop.run(lib.rp_loop_receive, part)
            left -= part
        return time.perf_counter_ns() - begin


class SendInC(Case):
    """Messages to the core, as fast as both can. Thread safety: none; the caller serialises."""

    def __init__(self, core: BenchCore, name: str, title: str, size: int, batch: int) -> None:
        """Open an endpoint; LoopError."""
        self.id, self.title = name, title
        self.params = {"size": size, "batch": batch}
        self.pids, self.bus = core.pids, core.bus
        self._core = core
        with core.sink() as sink:
            self._loop = NativeLoop(core, sink.dst, size, batch)

    def run(self, num: int, histogram: Histogram) -> int:
        """Send, until the core has taken the last; LoopError, TimeoutError."""
        self._core.behave(Behaviour(polling=True))
        begin = time.perf_counter_ns()
        self._core.begin_sink(num)
        self._loop.run(lib.rp_loop_send, num)
        self._core.end_sink()
        return time.perf_counter_ns() - begin
