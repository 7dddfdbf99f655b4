# SPDX-License-Identifier: Apache-2.0
"""The exceptions of the room.

::

    HostError                                 anything this room raises by itself
     +-- ConfigError        (ValueError)      machine.toml or add() says something that cannot be
     +-- NoSuchCoreError    (KeyError)        machine["nobody"]
     +-- ChannelTimeoutError     (TimeoutError)    ETIMEDOUT: nobody announced that channel in time
     +-- MachineLeftError   (RuntimeError)    a machine is entered once
     +-- CoreCrashedError   (RuntimeError)    a core that was to stay up has crashed
     +-- BuildError         (RuntimeError)    the C compiler refused an ECU
     +-- SdkError           (FileNotFoundError)  ENOENT: the SDK's files are not where they belong

What a core does wrong (firmware that Linux's loader refuses, a crash, a broken ring) is raised by the room
that found it out and passes through here unchanged.
"""

import errno
from pathlib import Path
from typing import Any


class HostError(Exception):
    """Base of everything this room raises by itself. Thread safety: immutable."""

    #: What to do about it; empty when the message says all.
    hint: str = ""
    #: Stable id of the rule that was broken, empty when there is none.
    rule: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled without __init__, whose arguments are each leaf's own.
        said = {name: getattr(self, name) for name in ("args", "errno", "strerror") if hasattr(self, name)}
        return type(self).__new__, (type(self),), vars(self) | said


class ConfigError(HostError, ValueError):
    """A machine file or an option of :meth:`Machine.add` that cannot be right.

    ``path`` and ``line`` say where (None when unknown), ``table`` is the TOML table such as ``core.door``.
    Thread safety: immutable.
    """

    def __init__(
        self,
        what: str,
        *,
        rule: str,
        path: Path | None = None,
        line: int | None = None,
        table: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(what)
        self.what = what
        self.rule = rule
        self.path = path
        self.line = line
        self.table = table
        self.hint = hint

    def __str__(self) -> str:
        place = "" if self.path is None else str(self.path)
        if place and self.line is not None:
            place += f":{self.line}"
        return ": ".join(part for part in (place, f"[{self.table}]" if self.table else "", self.what) if part)


class NoSuchCoreError(HostError, KeyError):
    """No core of that name. Thread safety: immutable."""

    rule = "NO_SUCH_CORE"

    def __init__(self, name: str, hint: str) -> None:
        super().__init__(name)
        self.name = name
        self.hint = hint

    def __str__(self) -> str:
        return f"no core named {self.name!r}"


class ChannelTimeoutError(HostError, TimeoutError):
    """Nobody announced the channel in time (ETIMEDOUT); the message lists what was announced, and by whom.

    Thread safety: immutable.
    """

    rule = "CHANNEL_TIMEOUT"

    def __init__(self, what: str, hint: str) -> None:
        TimeoutError.__init__(self, errno.ETIMEDOUT, what)
        self.hint = hint

    def __str__(self) -> str:
        return str(self.strerror)


class MachineLeftError(HostError, RuntimeError):
    """The machine was left already. Thread safety: immutable."""

    rule = "MACHINE_LEFT"
    hint = "make or load it again"

    def __init__(self, name: str) -> None:
        super().__init__(f"machine {name} was left already")


class CoreCrashedError(HostError, RuntimeError):
    """A core that was to stay up has crashed; ``core`` and ``firmware`` say which.

    Thread safety: immutable.
    """

    hint = "the lines before the crash in the core's log say more"

    def __init__(self, core: str, firmware: Path, cause: str, rule: str | None) -> None:
        super().__init__(f"crashed: {cause}")
        self.core = core
        self.firmware = str(firmware)
        self.rule = rule or "CORE_CRASHED"


class BuildError(HostError, RuntimeError):
    """The C compiler refused an ECU; the message is what it said. Thread safety: immutable."""

    rule = "ECU_BUILD"

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


class SdkError(HostError, FileNotFoundError):
    """The SDK's files are not where an installation or a source tree has them (ENOENT).

    Thread safety: immutable.
    """

    rule = "SDK_MISSING"

    def __init__(self, what: str, hint: str) -> None:
        FileNotFoundError.__init__(self, errno.ENOENT, what)
        self.hint = hint

    def __str__(self) -> str:
        return str(self.strerror)
