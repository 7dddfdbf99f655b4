# SPDX-License-Identifier: Apache-2.0
"""Crashes of a remote processor."""

import enum
from dataclasses import dataclass

from rproc.core import Exit


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
