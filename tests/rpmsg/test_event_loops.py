# SPDX-License-Identifier: Apache-2.0
"""The endpoint's descriptor in event loops, signals while waiting, and forked children."""

import asyncio
import os
import select
import selectors
import signal
import threading
import time
from pathlib import Path

import pytest

from rpmsg import Endpoint, ForkedError, PeerGoneError, WouldBlockError
from tests.rpmsg.peer import Peer, until


def readable(ept: Endpoint) -> bool:
    poll = select.poll()
    poll.register(ept, select.POLLIN)
    return bool(poll.poll(0))


def test_the_descriptor_is_readable_exactly_while_messages_are_queued(peer: Peer, ept: Endpoint) -> None:
    assert ept.fileno() == ept.fileno() and not readable(ept)
    peer.send(1, ept.addr, b"a")
    peer.send(1, ept.addr, b"b")
    until(lambda: ept.stats.queued == 2)
    assert readable(ept)
    ept.recv()
    assert readable(ept)
    ept.recv()
    assert not readable(ept)
    peer.lifeline.cut()
    assert readable(ept)
    with pytest.raises(PeerGoneError):
        ept.recv(timeout=0)
    assert readable(ept)


def test_the_descriptor_made_late_shows_what_is_queued(peer: Peer, ept: Endpoint) -> None:
    peer.send(1, ept.addr, b"a")
    until(lambda: ept.stats.queued == 1)
    assert readable(ept)


@pytest.mark.parametrize(
    "kind",
    [selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector],
    ids=["select", "poll", "epoll"],
)
def test_selectors_see_a_message(peer: Peer, ept: Endpoint, kind: type[selectors.BaseSelector]) -> None:
    with kind() as selector:
        selector.register(ept, selectors.EVENT_READ)
        peer.send(1, ept.addr, b"a")
        assert [key.fileobj for key, _ in selector.select(20.0)] == [ept]
    assert ept.recv(timeout=0).data == b"a"


def test_asyncio_reads_every_message(peer: Peer, ept: Endpoint) -> None:
    async def read(count: int) -> list[bytes]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[bytes]] = loop.create_future()
        got: list[bytes] = []

        def on_readable() -> None:
            try:
                got.append(ept.recv(timeout=0).data)
            except WouldBlockError:
                return
            if len(got) == count:
                done.set_result(got)

        loop.add_reader(ept, on_readable)
        for number in range(count):
            peer.send(1, ept.addr, bytes([number]))
        try:
            return await asyncio.wait_for(done, 20.0)
        finally:
            loop.remove_reader(ept)

    assert asyncio.run(read(10)) == [bytes([number]) for number in range(10)]


class InterruptedByTestError(Exception):
    """Raised by a signal handler."""


def test_a_signal_handler_that_raises_ends_a_blocked_recv(ept: Endpoint) -> None:
    def raise_it(*_: object) -> None:
        raise InterruptedByTestError

    before = signal.signal(signal.SIGALRM, raise_it)
    try:
        for delay in (1e-5, 1e-4, 1e-3, 0.02):
            with pytest.raises(InterruptedByTestError):
                signal.setitimer(signal.ITIMER_REAL, delay)
                ept.recv()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_signal_handler_that_returns_does_not_end_recv(peer: Peer, ept: Endpoint) -> None:
    calls: list[int] = []

    def send(*_: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            peer.send(1, ept.addr, b"after three signals")

    before = signal.signal(signal.SIGALRM, send)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
        assert ept.recv(timeout=20.0).data == b"after three signals"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_forked_child_gets_an_error_and_harms_nobody(peer: Peer, ept: Endpoint) -> None:
    ept.fileno()
    pid = os.fork()
    if pid == 0:
        failures = 0
        for call in (
            lambda: ept.recv(timeout=0),
            lambda: ept.send(b"x"),
            ept.fileno,
            peer.bus.create_endpoint,
        ):
            try:
                call()
            except ForkedError:
                failures += 1
        ept.close()
        os._exit(failures)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 4
    peer.send(1, ept.addr, b"still here")
    assert ept.recv(timeout=20.0).data == b"still here"
    ept.send(b"x")


def test_an_idle_bus_uses_no_cpu(peer: Peer, ept: Endpoint) -> None:
    waiter = threading.Thread(target=lambda: ept.recv())
    waiter.start()
    until(lambda: waiter.is_alive())
    time.sleep(0.05)
    before = switches()
    time.sleep(0.3)
    assert switches() == before
    peer.send(1, ept.addr, b"end")
    waiter.join()


def switches() -> int:
    """Voluntary switches of every thread but this one: each wake-up is one."""
    total = 0
    for task in Path("/proc/self/task").iterdir():
        if int(task.name) != threading.get_native_id():
            lines = (task / "status").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))
    return total
