# SPDX-License-Identifier: Apache-2.0
"""Deadlines and waiting."""

import os
import signal
import threading

import pytest

from virtio import Deadline, Wait


class _ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time_ns = 0

    def now(self) -> float:
        return self.time_ns / 1e9

    def now_ns(self) -> int:
        return self.time_ns


def test_a_deadline_counts_down_and_expires() -> None:
    clock = _ManualClock()
    deadline = Deadline(1.5, clock)
    assert (deadline.at_ns, deadline.remaining(), deadline.expired) == (1_500_000_000, 1.5, False)
    clock.time_ns = 1_500_000_000
    assert (deadline.remaining(), deadline.expired) == (0.0, True)


def test_no_timeout_never_expires_and_a_negative_one_has_expired() -> None:
    assert (Deadline(None).remaining(), Deadline(None).expired) == (None, False)
    assert Deadline(-1).expired


def test_ready_descriptors_are_returned_even_when_the_deadline_has_passed() -> None:
    read, write = os.pipe()
    try:
        assert Wait([read], Deadline(0)).ready() == ()
        os.write(write, b"x")
        assert Wait([read], Deadline(0)).ready() == (read,)
        assert Wait([read]).ready() == (read,)
        os.read(read, 1)
    finally:
        os.close(write)
    try:
        assert Wait([read]).ready() == (read,)  # hang-up
    finally:
        os.close(read)


def test_a_wait_longer_than_one_poll_is_made_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtio.wait._LONGEST_POLL_MS", 1)
    deadline = Deadline(0.02)
    assert Wait([], deadline).ready() == ()
    assert deadline.expired


def test_a_signal_runs_its_handler_and_the_wait_goes_on() -> None:
    read, write = os.pipe()
    caught: list[int] = []
    previous = signal.signal(signal.SIGUSR1, lambda number, frame: caught.append(number))
    main = threading.main_thread().ident
    assert main is not None

    def interrupt_then_write() -> None:
        for _ in range(3):
            signal.pthread_kill(main, signal.SIGUSR1)
        while not caught:
            pass
        os.write(write, b"x")

    thread = threading.Thread(target=interrupt_then_write)
    try:
        thread.start()
        assert Wait([read], Deadline(30)).ready() == (read,)
        assert caught
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, previous)
        os.close(read)
        os.close(write)


def test_a_handler_that_raises_ends_the_wait() -> None:
    read, write = os.pipe()

    def handler(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGUSR1, handler)
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.01, signal.pthread_kill, (main, signal.SIGUSR1))
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            Wait([read], Deadline(30)).ready()
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, previous)
        os.close(read)
        os.close(write)


def test_a_time_beyond_the_clock_is_cut_and_no_number_is_refused() -> None:
    assert 1e8 < (Deadline(float("inf")).remaining() or 0) < 1e10
    with pytest.raises(ValueError, match="NaN"):
        Deadline(float("nan"))
