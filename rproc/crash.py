# SPDX-License-Identifier: Apache-2.0
"""Crashes of a remote processor."""

import enum
import threading
from dataclasses import dataclass, replace

from rproc.core import Exit
from virtio.wait import SYSTEM_CLOCK


class CrashType(enum.Enum):
    """What kind of crash; the value is Linux's text (remoteproc_core.c: rproc_crash_names).

    Thread safety: immutable.
    """

    MMUFAULT = "mmufault"
    WATCHDOG = "watchdog"
    FATAL_ERROR = "fatal error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """A crash: its type, the reason in words, when (nanoseconds of the monotonic clock), how the core ended.

    ``exit`` is None as long as the core itself has not told, or when it still runs (a broken rule).
    Thread safety: immutable.
    """

    type: CrashType
    cause: str
    time_ns: int
    exit: Exit | None = None


class CrashRecord:
    """What is known of the crash of one boot; outlives it. Thread safety: any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: None: no sign of a crash so far.
        self.crash: Crash | None = None
        #: Whether the remote processor has become crashed by it.
        self.handled = False

    @property
    def pending(self) -> bool:
        """Whether there is a crash that was not handled yet."""
        return self.crash is not None and not self.handled

    def note(self, type: CrashType, cause: str, exit: Exit | None) -> bool:
        """Note a sign; True for the first one. Later ones only add what the core itself tells."""
        with self._lock:
            if self.crash is None:
                self.crash = Crash(type=type, cause=cause, time_ns=SYSTEM_CLOCK.now_ns(), exit=exit)
                return True
            if self.crash.exit is None and exit is not None:
                self.crash = replace(self.crash, cause=cause, exit=exit)
            return False
