# SPDX-License-Identifier: Apache-2.0
"""The host side in Python, through the public face of an endpoint: what a program pays."""

import select
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from rpmsg import Endpoint
from rprochost.bench.bench_core import Behaviour, BenchCore
from rprochost.bench.case import Case
from rprochost.bench.echo import EchoError, payload
from rprochost.bench.histogram import Histogram
from rprochost.bench.pairs import stamps

_LIMIT = 60.0


class EchoInPython(Case):
    """Round trips through send and recv, which gives a Message.

    Thread safety: none; the caller serialises.
    """

    def __init__(
        self,
        core: BenchCore,
        name: str,
        title: str,
        size: int,
        behaviour: Behaviour,
        *,
        endpoints: int = 1,
    ) -> None:
        """Open endpoints, one of which is used; OSError as Endpoint."""
        self.id, self.title = name, title
        self.params = {"size": size, "endpoints": endpoints, "work_us": behaviour.work_us}
        self.pids, self.bus = core.pids, core.bus
        self._core, self._behaviour = core, behaviour
        self._silent = [core.open() for _ in range(endpoints - 1)]
        #: The one that is used.
        self.endpoint = core.open()
        self._data = payload(1, size)

    def run(self, num: int, histogram: Histogram) -> int:
        """Send and wait for the answer; EchoError, OSError."""
        self._core.behave(self._behaviour)
        send, recv, data = self.endpoint.send, self.endpoint.recv, self._data
        times, now = stamps(num), time.perf_counter_ns
        times[0] = now()
        for i in range(num):
            send(data)
            message = recv()
            times[i + 1] = now()
        histogram.record_turns(times)
        # One by one it would be measured as well; what comes last has everything before it behind it.
        if message.data != data:
            raise EchoError(f"{self.title}: the last of {num} answers is another one than expected")
        return times[num] - times[0]


class WindowInPython(Case):
    """Several messages under way at once, there and back. Thread safety: none; the caller serialises."""

    def __init__(
        self, core: BenchCore, name: str, title: str, size: int, outstanding: int, behaviour: Behaviour
    ) -> None:
        """Open an endpoint; OSError."""
        self.id, self.title = name, title
        self.params = {"size": size, "outstanding": outstanding, "work_us": behaviour.work_us}
        self.pids, self.bus = core.pids, core.bus
        self._core, self._behaviour, self._outstanding = core, behaviour, outstanding
        self._endpoint = core.open()
        self._data = payload(1, size)

    def run(self, num: int, histogram: Histogram) -> int:
        """Send as many as may be under way, receive what is there; EchoError, OSError."""
        self._core.behave(self._behaviour)
        endpoint, data = self._endpoint, self._data
        sent = received = 0
        begin = time.perf_counter_ns()
        while received < num:
            wanted = min(num, received + self._outstanding) - sent
            if wanted:
                sent += endpoint.send_many([data] * wanted)
            messages = endpoint.recv_many(self._outstanding, timeout=_LIMIT)
            received += len(messages)
        elapsed = time.perf_counter_ns() - begin
        if messages[-1].data != data:
            raise EchoError(f"{self.title}: the last of {num} answers is another one than expected")
        return elapsed


#: Receives up to `most` messages and returns how many came.
Receiver = Callable[[Endpoint, int], int]


def one_by_one(endpoint: Endpoint, _most: int) -> int:
    """Receive with recv. Thread safety: any thread."""
    endpoint.recv(timeout=_LIMIT)
    return 1


def as_messages(batch: int) -> Receiver:
    """Receive with recv_many, as a list of Message. Thread safety: any thread."""
    return lambda endpoint, most: len(endpoint.recv_many(min(batch, most), timeout=_LIMIT))


def into_array(endpoint: Endpoint, batch: int) -> Receiver:
    """Receive into a NumPy array, again and again the same. Thread safety: none; the caller serialises."""
    out = np.zeros(batch, dtype=endpoint.dtype)
    return lambda endpoint, most: endpoint.recv_into(out[: min(batch, most)], timeout=_LIMIT)


class ReceiveInPython(Case):
    """Messages from the core into one endpoint. Thread safety: none; the caller serialises."""

    def __init__(self, core: BenchCore, name: str, title: str, size: int, batch: int, how: str) -> None:
        """Open an endpoint; ``how`` is "one", "messages" or "array". The core sends batches in any case."""
        self.id, self.title = name, title
        self.params = {"size": size, "batch": 1 if how == "one" else batch}
        self.pids, self.bus = core.pids, core.bus
        self._core, self._size, self._batch, self._endpoint = core, size, batch, core.open()
        ways = {"messages": lambda: as_messages(batch), "array": lambda: into_array(self._endpoint, batch)}
        self._receive: Receiver = ways.get(how, lambda: one_by_one)()

    def run(self, num: int, histogram: Histogram) -> int:
        """Ask for floods and receive them; OSError."""
        self._core.behave(Behaviour(polling=True))
        endpoint, receive, left = self._endpoint, self._receive, num
        begin = time.perf_counter_ns()
        while left > 0:
            part = min(left, self._core.flood_num(self._size))
            self._core.flood(part, self._size, endpoint.addr, self._batch)
            received = 0
            while received < part:
                received += receive(endpoint, part - received)
            left -= part
        return time.perf_counter_ns() - begin


class ReceiveByDescriptors(Case):
    """Messages from the core to several endpoints, drained when epoll says so.

    Thread safety: none; the caller serialises.
    """

    def __init__(
        self, core: BenchCore, name: str, title: str, size: int, batch: int, endpoints: int = 10
    ) -> None:
        """Open endpoints with consecutive addresses; RuntimeError when others have these."""
        self.id, self.title = name, title
        self.params = {"size": size, "batch": batch, "endpoints": endpoints}
        self.pids, self.bus = core.pids, core.bus
        self._core, self._size, self._batch = core, size, batch
        self._endpoints = [core.open() for _ in range(endpoints)]
        self._first = self._endpoints[0].addr
        if [ept.addr for ept in self._endpoints] != list(range(self._first, self._first + endpoints)):
            raise RuntimeError("the endpoints of a flood need consecutive addresses")
        self._by_fd = {ept.fileno(): ept for ept in self._endpoints}
        self._out = np.zeros(batch, dtype=self._endpoints[0].dtype)

    def run(self, num: int, histogram: Histogram) -> int:
        """Ask for floods, drain what is readable; OSError."""
        self._core.behave(Behaviour(polling=True))
        with select.epoll() as epoll:
            for fd in self._by_fd:
                epoll.register(fd, select.EPOLLIN)
            begin = time.perf_counter_ns()
            left = num
            while left > 0:
                part = min(left, self._core.flood_num(self._size))
                self._core.flood(part, self._size, self._first, self._batch, len(self._endpoints))
                self._drain(epoll, part)
                left -= part
            return time.perf_counter_ns() - begin

    def _drain(self, epoll: "select.epoll", num: int) -> None:
        received, out, by_fd = 0, self._out, self._by_fd
        while received < num:
            for fd, _ in epoll.poll(_LIMIT):
                received += by_fd[fd].recv_into(out, timeout=0)


class SendInPython(Case):
    """Messages to the core. Thread safety: none; the caller serialises."""

    def __init__(
        self, core: BenchCore, name: str, title: str, size: int, batch: int, *, array: bool = False
    ) -> None:
        """Open an endpoint; ``batch`` messages with send_many, or one by one with send when it is 1."""
        self.id, self.title = name, title
        self.params = {"size": size, "batch": batch}
        self.pids, self.bus = core.pids, core.bus
        self._core, self._endpoint = core, core.sink()
        data = payload(1, size)
        self._messages: Any = np.zeros((batch, size), np.uint8) if array else [data] * batch
        self._data, self._batch = data, batch

    def run(self, num: int, histogram: Histogram) -> int:
        """Send, until the core has taken the last; OSError."""
        self._core.behave(Behaviour(polling=True))
        begin = time.perf_counter_ns()
        self._core.begin_sink(num)
        if self._batch == 1:
            send, data = self._endpoint.send, self._data
            for _ in range(num):
                send(data)
        else:
            self._send_batches(num)
        self._core.end_sink()
        return time.perf_counter_ns() - begin

    def _send_batches(self, num: int) -> None:
        send_many, messages, batch = self._endpoint.send_many, self._messages, self._batch
        left = num
        while left > 0:
            left -= send_many(messages if left >= batch else messages[:left], timeout=_LIMIT)
