# SPDX-License-Identifier: Apache-2.0
"""The exceptions of the room.

::

    RprocError
     +-- StateError          (OSError, EINVAL or EBUSY)   not in this state
     +-- FirmwareNameError   (OSError, EINVAL)   no name for a firmware
     +-- CarveoutError       (OSError, ENOMEM)   memory that cannot be had as the table asks for it
     +-- NoTraceError        (LookupError)       no such trace buffer
     +-- StateTimeoutError   (TimeoutError)      the state did not come in time

``errno`` is Linux's for the same failure, ``log`` its log line (None where it prints none). What a boot
raises besides: resource_tables.LoaderError for an image or table that Linux's checks refuse, and whatever a
core's start raises.
"""

import errno
from typing import Any


class RprocError(Exception):
    """Base of everything this room raises on purpose.

    ``hint`` says what to do about it, ``rule`` names the broken rule if there is one.
    Thread safety: immutable.
    """

    hint: str = ""
    rule: str | None = None
    log: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled without __init__, whose arguments are each leaf's own.
        said = {name: getattr(self, name) for name in ("args", "errno", "strerror") if hasattr(self, name)}
        return type(self).__new__, (type(self),), vars(self) | said


class StateError(RprocError, OSError):
    """``event`` is not possible in ``state``: EINVAL, or EBUSY for what is possible in another.

    Thread safety: immutable.
    """

    hint = "Look at the state first: only what runs or has crashed has a table and can be stopped."

    def __init__(self, state: str, event: str, number: int = errno.EINVAL) -> None:
        OSError.__init__(self, number, f"{event} is not possible while the remote processor is {state}")
        self.state = state
        self.event = event
        if number == errno.EBUSY:
            self.hint = "Stop it first, whoever uses it."


class FirmwareNameError(RprocError, OSError):
    """A name that no firmware can have. Thread safety: immutable."""

    hint = "Give the name of a file, which begins with neither a newline nor a NUL."
    log = "can't provide empty string for firmware name"

    def __init__(self) -> None:
        OSError.__init__(self, errno.EINVAL, "the name of the firmware is empty")


class CarveoutError(RprocError, OSError):
    """Memory that the table or the configuration asks for and that cannot be had.

    ``carveout`` is the name of the one that does not fit. Thread safety: immutable.
    """

    def __init__(
        self,
        message: str,
        *,
        carveout: str = "",
        hint: str = "",
        rule: str | None = None,
        log: str | None = None,
    ) -> None:
        OSError.__init__(self, errno.ENOMEM, message)
        self.carveout = carveout
        self.hint = hint
        self.rule = rule
        self.log = log


class NoTraceError(RprocError, LookupError):
    """The firmware has no such trace buffer. Thread safety: immutable."""

    hint = "Trace buffers are numbered from 0, in the order of the resource table's trace entries."


class StateTimeoutError(RprocError, TimeoutError):
    """The state did not come in time. Thread safety: immutable."""

    hint = "Look at the core's log."

    def __init__(self, message: str) -> None:
        TimeoutError.__init__(self, errno.ETIMEDOUT, message)
