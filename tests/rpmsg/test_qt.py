# SPDX-License-Identifier: Apache-2.0
"""The endpoint's descriptor in Qt's event loop."""

import threading
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QSocketNotifier, QTimer

from rpmsg import Endpoint, PeerGoneError
from tests.rpmsg.peer import Peer

#: The time-out only ends a test that has failed.
LIMIT_MS = 20_000


@pytest.fixture
def application() -> Iterator[QCoreApplication]:
    """An application without windows, gone after the test."""
    app = QCoreApplication([])
    yield app
    app.shutdown()


def run_loop(app: QCoreApplication, ept: Endpoint, on_readable: Callable[[], bool]) -> bool:
    """Run Qt's loop, which calls on_readable whenever the descriptor is, until that says it is over.

    Returns whether it did so in time. An exception that leaves a slot would only be printed.
    """
    failures: list[BaseException] = []
    over = False

    def activated() -> None:
        nonlocal over
        try:
            over = on_readable()
        except BaseException as error:
            failures.append(error)
        if over or failures:
            notifier.setEnabled(False)
            app.quit()

    notifier = QSocketNotifier(ept.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(activated)
    timer = QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(app.quit)
    timer.start(LIMIT_MS)
    app.exec()
    notifier.setEnabled(False)
    timer.stop()
    if failures:
        raise failures[0]
    return over


def test_qt_reads_what_was_queued_before_and_what_comes_while_it_sleeps(
    application: QCoreApplication, peer: Peer, ept: Endpoint
) -> None:
    got: list[bytes] = []
    peer.send(1, ept.addr, b"0")
    peer.send(1, ept.addr, b"1")

    def on_readable() -> bool:
        got.append(ept.recv(timeout=0).data)
        if len(got) == 2:
            threading.Timer(0.02, peer.send, (1, ept.addr, b"2")).start()
        elif 3 <= len(got) < 10:
            peer.send(1, ept.addr, str(len(got)).encode())
        return len(got) == 10

    assert run_loop(application, ept, on_readable), got
    assert got == [str(number).encode() for number in range(10)]


def test_qt_is_silent_while_nothing_is_queued(
    application: QCoreApplication, peer: Peer, ept: Endpoint
) -> None:
    calls: list[bytes] = []
    peer.send(1, ept.addr, b"only")
    notifier = QSocketNotifier(ept.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(lambda: calls.append(ept.recv(timeout=0).data))
    QTimer.singleShot(100, application.quit)
    application.exec()
    notifier.setEnabled(False)
    assert calls == [b"only"]


def test_qt_hears_that_the_peer_is_gone_after_its_last_message(
    application: QCoreApplication, peer: Peer, ept: Endpoint
) -> None:
    seen: list[str] = []
    peer.send(1, ept.addr, b"last")

    def on_readable() -> bool:
        try:
            seen.append(ept.recv(timeout=0).data.decode())
        except PeerGoneError:
            seen.append("gone")
            return True
        threading.Timer(0.02, peer.lifeline.cut).start()
        return False

    assert run_loop(application, ept, on_readable), seen
    assert seen == ["last", "gone"]
