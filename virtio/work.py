# SPDX-License-Identifier: Apache-2.0
"""The work thread of a machine: what Linux's workqueue is to remoteproc."""

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from virtio.errors import ClosedError, ForkedError, WaitTimeoutError
from virtio.log import KernelLog, logger

_EVENTS = select.EPOLLIN | select.EPOLLRDHUP


@dataclass(frozen=True, slots=True, eq=False)
class _Watch:
    fd: int
    callback: Callable[[], None]
    number: int


class WorkThread:
    """One daemon thread that runs callbacks: started when first needed, blocked while there is nothing to do.

    An exception in a callback is logged with the callback's name and never ends the thread.
    Thread safety: any thread.
    """

    def __init__(self, name: str = "rproc-work", log: KernelLog | None = None) -> None:
        self.name = name
        self._log = log
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._quiet = threading.Condition(self._lock)
        self._watches: dict[int, _Watch] = {}
        #: How many watches there were, those that ended included.
        self._num_watches = 0
        self._jobs: deque[Callable[[], None]] = deque()
        self._running: _Watch | None = None
        self._thread: threading.Thread | None = None
        self._closing = False

    def watch(self, fd: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Run ``callback`` for as long as ``fd`` is readable or hung up (level triggered).

        Returns the function that ends it: after it the callback does not run again, so ``fd`` may be closed.
        That function may be called from the work thread and more than once. Raises OSError (EEXIST: ``fd`` is
        watched already; EBADF), ClosedError, ForkedError.
        """
        self._refuse_in_a_child()
        with self._lock:
            self._start()
            self._epoll.register(fd, _EVENTS)
            self._num_watches += 1
            self._watches[fd] = watch = _Watch(fd, callback, self._num_watches)
        return lambda: self._unwatch(watch)

    def submit(self, fn: Callable[[], None]) -> None:
        """Run ``fn`` once in the work thread, after what was submitted before; ClosedError, ForkedError."""
        self._refuse_in_a_child()
        with self._lock:
            self._start()
            self._jobs.append(fn)
            # Under the lock: the thread closes the descriptor when it ends.
            os.eventfd_write(self._wake, 1)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until everything submitted so far has run; WaitTimeoutError when that takes too long.

        Not from the work thread, which would wait for itself.
        """
        done = threading.Event()
        self.submit(done.set)
        if not done.wait(timeout):
            raise WaitTimeoutError(f"{self.name} is still busy after {timeout} s")

    def is_current(self) -> bool:
        """Whether the calling thread is the work thread."""
        return threading.current_thread() is self._thread

    def close(self, timeout: float = 5.0) -> None:
        """Run what was submitted, then end the thread; WaitTimeoutError when a callback does not return.

        May be called again, and from the work thread, which then ends after the callback that called.
        """
        if self._pid != os.getpid():
            return
        with self._lock:
            thread = self._thread
            if thread is not None and not self._closing:
                os.eventfd_write(self._wake, 1)
            self._closing = True
        if thread is None or self.is_current():
            return
        thread.join(timeout)
        if thread.is_alive():
            raise WaitTimeoutError(f"{self.name} did not end within {timeout} s")

    def _refuse_in_a_child(self) -> None:
        # Before the lock, which the thread may have held at the fork: nobody there would ever release it.
        if self._pid != os.getpid():
            raise ForkedError(self.name)

    def _start(self) -> None:
        """Start the thread unless it runs; the lock is held."""
        if self._closing:
            raise ClosedError(f"{self.name} was closed")
        if self._thread is None:
            self._epoll = select.epoll()
            self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            self._epoll.register(self._wake, select.EPOLLIN)
            self._thread = threading.Thread(target=self._main, name=self.name, daemon=True)
            self._thread.start()

    def _unwatch(self, watch: _Watch) -> None:
        # A forked child shares the epoll set: changing it here would change the parent's.
        if self._pid != os.getpid():
            return
        with self._lock:
            if self._watches.get(watch.fd) is watch:
                del self._watches[watch.fd]
                self._epoll.unregister(watch.fd)
            if not self.is_current():
                self._quiet.wait_for(lambda: self._running is not watch)

    def _main(self) -> None:
        while True:
            known = self._num_watches
            for fd, _ in self._epoll.poll():
                if fd == self._wake:
                    os.eventfd_read(self._wake)
                    self._run_jobs()
                else:
                    self._run_watch(fd, known)
            with self._lock:
                if self._closing and not self._jobs:
                    self._epoll.close()
                    os.close(self._wake)
                    return

    def _run_jobs(self) -> None:
        while self._jobs:
            self._call(self._jobs.popleft())

    def _run_watch(self, fd: int, known: int) -> None:
        with self._lock:
            watch = self._watches.get(fd)
            # One made since the look may have the number of one that was closed: the event is not its own. If
            # it has one, the next look finds it.
            if watch is None or watch.number > known:
                return
            self._running = watch
        self._call(watch.callback)
        with self._lock:
            self._running = None
            self._quiet.notify_all()

    def _call(self, fn: Callable[[], None]) -> None:
        try:
            fn()
        except Exception as error:
            name = getattr(fn, "__qualname__", repr(fn))
            logger.exception("%s: %s failed", self.name, name)
            if self._log is not None:
                self._log.err(self.name, f"{name} failed: {type(error).__name__}: {error}")
