# SPDX-License-Identifier: Apache-2.0
"""Round trips that an event loop drives: epoll, asyncio, Qt, over an endpoint's descriptor and over a bare
eventfd, through the same code.
"""

import asyncio
import importlib.util
import os
import select
import time
from collections.abc import Callable
from typing import Any, ClassVar

from rprochost.bench.bench_core import Behaviour, BenchCore
from rprochost.bench.case import Case, Role
from rprochost.bench.echo import payload
from rprochost.bench.floors import PythonWorkFloor
from rprochost.bench.histogram import Histogram
from rprochost.bench.pairs import stamps


class Asker:
    """One side of a conversation in a loop: ask, and take the answer once the descriptor is readable.

    Thread safety: none; the caller serialises.
    """

    fd: int
    ask: Callable[[], object]
    take: Callable[[], object]

    def __init__(self, fd: int, ask: Callable[[], object], take: Callable[[], object]) -> None:
        self.fd, self.ask, self.take = fd, ask, take


class _Turns:
    """What is called whenever the descriptor is readable: takes the answer, asks again or ends the loop."""

    def __init__(self, asker: Asker, num: int, end: Callable[[], object]) -> None:
        self.times = stamps(num)
        self._ask, self._take, self._end = asker.ask, asker.take, end
        self._num, self._done = num, 0
        self.times[0] = time.perf_counter_ns()
        asker.ask()

    def ready(self, *_: object) -> None:
        self._take()
        self._done += 1
        self.times[self._done] = time.perf_counter_ns()
        if self._done < self._num:
            self._ask()
        else:
            self._end()


def by_epoll(asker: Asker, num: int, histogram: Histogram) -> None:
    """Do turns in a loop around epoll. Thread safety: any thread."""
    over: list[bool] = []
    with select.epoll() as epoll:
        epoll.register(asker.fd, select.EPOLLIN)
        turns = _Turns(asker, num, lambda: over.append(True))
        ready, poll = turns.ready, epoll.poll
        while not over:
            for _ in poll():
                ready()
    histogram.record_turns(turns.times)


def by_asyncio(asker: Asker, num: int, histogram: Histogram) -> None:
    """Do turns in an asyncio loop, with add_reader. Thread safety: any thread without a running loop."""

    async def run() -> _Turns:
        loop = asyncio.get_running_loop()
        over = loop.create_future()
        turns = _Turns(asker, num, lambda: over.set_result(None))
        loop.add_reader(asker.fd, turns.ready)
        try:
            await over
        finally:
            loop.remove_reader(asker.fd)
        return turns

    histogram.record_turns(asyncio.run(run()).times)


def by_qt(asker: Asker, num: int, histogram: Histogram) -> None:
    """Do turns in a Qt loop, with QSocketNotifier. Thread safety: main thread only."""
    from PySide6.QtCore import QCoreApplication, QEventLoop, QSocketNotifier

    # Qt has one application for the process, and keeps it.
    application = QCoreApplication.instance() or QCoreApplication([])
    loop = QEventLoop(application)
    notifier = QSocketNotifier(asker.fd, QSocketNotifier.Type.Read)
    turns = _Turns(asker, num, loop.quit)
    notifier.activated.connect(turns.ready)
    try:
        loop.exec()
    finally:
        notifier.setEnabled(False)
        notifier.deleteLater()
    histogram.record_turns(turns.times)


Driver = Callable[[Asker, int, Histogram], None]


def drivers() -> dict[str, Driver]:
    """Return the event loops that are here, by name. Thread safety: any thread."""
    found: dict[str, Driver] = {"epoll": by_epoll, "asyncio": by_asyncio}
    if importlib.util.find_spec("PySide6") is not None:
        found["qt"] = by_qt
    return found


class EventLoopFloor(PythonWorkFloor):
    """A bare eventfd in an event loop. Thread safety: none; the caller serialises."""

    role: Role = "floor"
    name: ClassVar[str] = PythonWorkFloor.name

    def __init__(self, loop: str, work_us: float) -> None:
        """Use one of :func:`drivers`."""
        super().__init__(f"{loop}, bare eventfd", work_us)
        self.id = f"{loop}-eventfd"
        self._driver = drivers()[loop]

    def turns(self, first: int, num: int, histogram: Histogram) -> None:
        """Run in the loop."""
        bell = self.to_host
        with self.words() as words:
            number = first - 1

            def ask() -> None:
                nonlocal number
                number += 1
                words[0] = number

            self._driver(Asker(bell, ask, lambda: os.eventfd_read(bell)), num, histogram)


class EventLoopEcho(Case):
    """An endpoint's descriptor in an event loop. Thread safety: none; the caller serialises."""

    def __init__(self, core: BenchCore, loop: str, size: int, work_us: float) -> None:
        """Open an endpoint; OSError."""
        self.id, self.title = f"{loop}-endpoint", f"{loop}, endpoint's descriptor"
        self.params = {"size": size, "work_us": work_us}
        self.pids, self.bus = core.pids, core.bus
        self._core, self._driver = core, drivers()[loop]
        self._endpoint = core.open()
        self._behaviour = Behaviour(polling=True, work_us=work_us)
        self._data = payload(1, size)

    def run(self, num: int, histogram: Histogram) -> int:
        """Run in the loop; OSError."""
        self._core.behave(self._behaviour)
        endpoint, data = self._endpoint, self._data
        send: Any = endpoint.send
        recv: Any = endpoint.recv
        asker = Asker(endpoint.fileno(), lambda: send(data), lambda: recv(0))
        begin = time.perf_counter_ns()
        self._driver(asker, num, histogram)
        return time.perf_counter_ns() - begin
