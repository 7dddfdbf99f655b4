# SPDX-License-Identifier: Apache-2.0
"""The work thread."""

import functools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from virtio import ClosedError, ForkedError, KernelLog, WaitTimeoutError, WorkThread


@pytest.fixture
def work() -> Iterator[WorkThread]:
    made = WorkThread("test-work")
    yield made
    made.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_the_thread_starts_with_the_first_job_only(work: WorkThread) -> None:
    def running() -> bool:
        return any(thread.name == "test-work" for thread in threading.enumerate())

    assert not running()
    work.flush(10)
    assert running()


def test_jobs_run_in_order_in_one_thread(work: WorkThread) -> None:
    ran: list[tuple[int, bool]] = []

    def note(number: int) -> None:
        ran.append((number, work.is_current()))

    for number in range(100):
        work.submit(functools.partial(note, number))
    work.flush(10)
    assert ran == [(number, True) for number in range(100)]


def test_a_watch_runs_while_its_descriptor_is_readable(work: WorkThread, pipe: tuple[int, int]) -> None:
    read, write = pipe
    got: list[bytes] = []
    done = threading.Event()

    def callback() -> None:
        got.append(os.read(read, 1))
        if len(got) == 3:
            done.set()

    unwatch = work.watch(read, callback)
    os.write(write, b"abc")
    assert done.wait(10)
    unwatch()
    assert got == [b"a", b"b", b"c"]


def test_after_unwatch_the_callback_is_not_running_and_never_runs_again(
    work: WorkThread, pipe: tuple[int, int]
) -> None:
    read, write = pipe
    entered, leave = threading.Event(), threading.Event()
    finished: list[bool] = []

    def callback() -> None:
        entered.set()
        leave.wait(10)
        finished.append(True)

    unwatch = work.watch(read, callback)
    os.write(write, b"x")
    assert entered.wait(10)
    threading.Timer(0.02, leave.set).start()
    unwatch()
    count = len(finished)
    assert count >= 1
    work.flush(10)
    assert len(finished) == count


def test_an_event_of_a_descriptor_is_not_given_to_the_next_with_its_number(work: WorkThread) -> None:
    idle, idle_write = os.pipe()
    ready = [os.pipe(), os.pipe()]
    unwatch: dict[int, Callable[[], None]] = {}
    called: list[str] = []

    def replace(other: int) -> None:
        # Whichever comes first gives the other's number to a pipe that nobody wrote to.
        called.append("first")
        for end in unwatch.values():
            end()
        os.dup2(idle, other)
        unwatch[other] = work.watch(other, lambda: called.append("stale"))

    def fill() -> None:
        # In the work thread, so that one look finds both.
        for (read, write), (other, _) in zip(ready, reversed(ready), strict=True):
            unwatch[read] = work.watch(read, functools.partial(replace, other))
            os.write(write, b"x")

    work.submit(fill)
    for _ in range(3):
        work.flush(10)
    assert called == ["first"]
    for end in unwatch.values():
        end()
    for fd in (idle, idle_write, *ready[0], *ready[1]):
        os.close(fd)


def test_unwatch_may_be_called_by_the_callback_and_again(work: WorkThread, pipe: tuple[int, int]) -> None:
    read, write = pipe
    calls: list[int] = []
    unwatch: list[Callable[[], None]] = []
    done = threading.Event()

    def callback() -> None:
        calls.append(1)
        unwatch[0]()
        done.set()

    unwatch.append(work.watch(read, callback))
    os.write(write, b"x")
    assert done.wait(10)
    work.flush(10)
    assert calls == [1]
    unwatch[0]()


def test_a_descriptor_is_watched_once_at_a_time(work: WorkThread, pipe: tuple[int, int]) -> None:
    unwatch = work.watch(pipe[0], lambda: None)
    with pytest.raises(FileExistsError):
        work.watch(pipe[0], lambda: None)
    unwatch()
    work.watch(pipe[0], lambda: None)()


def test_an_exception_is_logged_with_the_name_and_the_thread_goes_on() -> None:
    log = KernelLog()
    work = WorkThread("test-work", log=log)

    def breaks() -> None:
        raise RuntimeError("no")

    work.submit(breaks)
    work.flush(10)
    (line,) = log.lines
    assert line.source == "test-work"
    assert line.text.endswith("breaks failed: RuntimeError: no")
    work.close()


def test_close_runs_what_was_submitted_and_refuses_more() -> None:
    work = WorkThread()
    ran: list[int] = []
    for number in range(10):
        work.submit(functools.partial(ran.append, number))
    work.close()
    work.close()
    assert ran == list(range(10))
    with pytest.raises(ClosedError):
        work.submit(lambda: None)


def test_close_may_be_called_by_a_job() -> None:
    work = WorkThread("closes-itself")
    work.submit(work.close)
    work.close()
    assert all(thread.name != "closes-itself" for thread in threading.enumerate())


def test_close_of_a_thread_that_hangs_says_so() -> None:
    work = WorkThread()
    leave = threading.Event()

    def hang() -> None:
        leave.wait(30)

    work.submit(hang)
    with pytest.raises(WaitTimeoutError):
        work.close(timeout=0.01)
    leave.set()
    work.close()


def test_a_thread_leaves_no_descriptor_behind() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    work = WorkThread()
    work.flush(10)
    work.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_forked_child_is_refused(work: WorkThread, pipe: tuple[int, int]) -> None:
    unwatch = work.watch(pipe[0], lambda: None)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work.submit(lambda: None)
        except ForkedError:
            unwatch()
            work.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    # The child's unwatch must not have touched the parent's set.
    with pytest.raises(FileExistsError):
        work.watch(pipe[0], lambda: None)
    unwatch()
