# SPDX-License-Identifier: Apache-2.0
"""Time and waiting: all waits of the host's Python go through a Wait, all times come from a Clock."""

import select
import time
from collections.abc import Iterable
from typing import Protocol

#: poll(2) takes whole milliseconds in a C int; a longer wait is simply made again.
_LONGEST_POLL_MS = 2**31 - 1
#: No lock takes infinity, or much more seconds than these.
_LONGEST = 1e9


class Clock(Protocol):
    """Where times come from: the system's monotonic clock, or a simulation's.

    Thread safety: any thread.
    """

    def now(self) -> float:
        """Seconds since an instant that stays the same."""
        ...

    def now_ns(self) -> int:
        """The same in nanoseconds."""
        ...


class SystemClock:
    """CLOCK_MONOTONIC.

    Thread safety: any thread.
    """

    def now(self) -> float:
        """Seconds since an instant that stays the same."""
        return time.monotonic()

    def now_ns(self) -> int:
        """The same in nanoseconds."""
        return time.monotonic_ns()


SYSTEM_CLOCK = SystemClock()


class Deadline:
    """An instant ``timeout`` seconds from now, at most 31 years; None is never. ValueError for NaN.

    Thread safety: immutable.
    """

    def __init__(self, timeout: float | None, clock: Clock = SYSTEM_CLOCK) -> None:
        self.clock = clock
        self.timeout = timeout
        #: Nanoseconds of the clock, or None for never.
        self.at_ns = None if timeout is None else clock.now_ns() + int(min(max(timeout, 0.0), _LONGEST) * 1e9)

    def remaining(self) -> float | None:
        """Seconds left, 0.0 when it has passed, None when it never will."""
        if self.at_ns is None:
            return None
        return max(self.at_ns - self.clock.now_ns(), 0) / 1e9

    @property
    def expired(self) -> bool:
        """Whether the instant has come."""
        return self.at_ns is not None and self.clock.now_ns() >= self.at_ns


class Wait:
    """Sleep until one of the descriptors is readable or hung up, or the deadline comes.

    A signal runs Python's handlers and the wait goes on with what is left of the time (PEP 475), so Ctrl-C
    always ends it. Thread safety: none; the caller serialises.
    """

    def __init__(self, fds: Iterable[int], deadline: Deadline | None = None) -> None:
        self._deadline = deadline if deadline is not None else Deadline(None)
        self._poll = select.poll()
        for fd in fds:
            self._poll.register(fd, select.POLLIN)

    def ready(self) -> tuple[int, ...]:
        """Return the ready descriptors, empty when the deadline has come; looks at least once."""
        while True:
            found = self._poll.poll(self._timeout_ms())
            if found:
                return tuple(fd for fd, _ in found)
            if self._deadline.expired:
                return ()

    def _timeout_ms(self) -> int | None:
        remaining = self._deadline.remaining()
        if remaining is None:
            return None
        # Rounded up: rounding down would poll without sleeping through the last millisecond.
        return min(-int(-remaining * 1000 // 1), _LONGEST_POLL_MS)
