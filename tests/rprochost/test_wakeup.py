# SPDX-License-Identifier: Apache-2.0
"""A signal that is noted but wakes nobody still ends the main thread's wait."""

import signal
import threading

import pytest

from rprochost.cli.wakeup import prompt_signals


def test_a_signal_taken_by_another_thread_ends_the_main_threads_wait() -> None:
    # The kernel hands it to a thread that is not the one asleep: as in the instant before the sleep, the
    # interpreter notes the signal and no system call of the main thread is interrupted.
    ready = threading.Event()

    def take_signal() -> None:
        ready.wait(20.0)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    taker = threading.Thread(target=take_signal)
    taker.start()
    with prompt_signals(), pytest.raises(KeyboardInterrupt):
        ready.set()
        threading.Event().wait(60.0)
    taker.join()


def test_afterwards_handlers_descriptor_and_thread_are_as_before() -> None:
    handler, threads = signal.getsignal(signal.SIGURG), threading.active_count()
    with prompt_signals():
        assert threading.active_count() == threads + 1
    assert signal.getsignal(signal.SIGURG) == handler
    assert threading.active_count() == threads
    assert signal.set_wakeup_fd(-1) == -1
