# SPDX-License-Identifier: Apache-2.0
"""The exceptions of the room.

::

    CoreError (OSError)                    a core could not be started, or not in the way it was asked for
     +-- CoreFirmwareError                 the file is no firmware for this kind of core
     |    +-- CoreFirmwareMissingError     (FileNotFoundError)
     +-- CoreStateError                    start of a core that runs
     +-- CoreRefusedError                  the core answered ERROR: its boot() returned a negative errno
     +-- CoreDiedError                     the core ended before READY; ``exit`` says how
     +-- CoreTimeoutError                  (TimeoutError) neither READY nor the end within the time
     |    +-- CoreAbandonedError           ... and its thread cannot be ended: everything of it is kept
     +-- CoreViolationError                the core broke the control protocol; ``rule`` names the rule
     +-- IsolationError                    (PermissionError) the system forbids the isolation asked for
     +-- UnknownKindError                  (LookupError) no such kind of core

Every leaf carries ``errno`` (Linux's for the same failure), ``strerror`` and ``hint``, what to do about it.
"""

import errno
from pathlib import Path
from typing import Any

from rproc.core import Exit

__all__ = [
    "CoreAbandonedError",
    "CoreDiedError",
    "CoreError",
    "CoreFirmwareError",
    "CoreFirmwareMissingError",
    "CoreRefusedError",
    "CoreStateError",
    "CoreTimeoutError",
    "CoreViolationError",
    "IsolationError",
    "UnknownKindError",
]


class CoreError(OSError):
    """A core could not be started.

    ``rule`` is the stable id of what was not kept: of the protocol (``CTL_STATE``), or of files and options
    (``fw-missing``). ``source`` is "file: function" of Linux where the same rule stands, else None. A file
    that it is about is in ``filename`` and not in ``strerror``: whoever shows both shows the path once.
    Thread safety: immutable.
    """

    def __init__(
        self,
        number: int,
        text: str,
        *,
        hint: str = "",
        rule: str | None = None,
        source: str | None = None,
        file: Path | None = None,
    ) -> None:
        super().__init__(number, text)
        self.hint = hint
        self.rule = rule
        self.source = source
        if file is not None:
            self.filename = str(file)

    def __str__(self) -> str:
        return ": ".join(str(part) for part in (self.filename, self.strerror) if part)

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled without __init__, whose arguments are each leaf's own.
        names = ("args", "errno", "strerror", "filename")
        said = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return type(self).__new__, (type(self),), vars(self) | said


class CoreFirmwareError(CoreError):
    """The file is no firmware for this kind of core. Thread safety: immutable."""


class CoreFirmwareMissingError(CoreFirmwareError, FileNotFoundError):
    """There is no such firmware file. Thread safety: immutable."""


class CoreStateError(CoreError):
    """The core runs already. Thread safety: immutable."""


class CoreRefusedError(CoreError):
    """The core answered ERROR; ``errno`` and the text are its own. Thread safety: immutable."""


class CoreDiedError(CoreError):
    """The core ended before READY; ``exit`` says how. Thread safety: immutable."""

    def __init__(self, end: Exit, *, hint: str = "") -> None:
        super().__init__(end.errno or errno.ECHILD, f"ended before it was ready: {end.detail}", hint=hint)
        self.exit = end


class CoreTimeoutError(CoreError, TimeoutError):
    """Neither READY nor an end within the time. Thread safety: immutable."""


class CoreAbandonedError(CoreTimeoutError):
    """The core's thread does not return and cannot be ended: it, its memory and its copy are kept.

    Thread safety: immutable.
    """


class CoreViolationError(CoreError):
    """The core broke the control protocol; ``rule`` is the name in ``ecusdk/rules.h``.

    Thread safety: immutable.
    """

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(errno.EPROTO, f"{text} [{rule}]", rule=rule)


class IsolationError(CoreError, PermissionError):
    """The system forbids the isolation asked for. Thread safety: immutable."""


class UnknownKindError(CoreError, LookupError):
    """There is no such kind of core. Thread safety: immutable."""
