# SPDX-License-Identifier: Apache-2.0
"""The exceptions of the room: everything raised here is a :class:`TableError`."""

from typing import Any


class TableError(ValueError):
    """Bytes or values that are no resource table, or a use of one that cannot be right.

    Thread safety: immutable.
    """

    #: What the user can do about it; empty when there is nothing more to say than the message.
    hint: str = ""


class TruncatedError(TableError):
    """A structure does not fit into the bytes that are there.

    ``what`` names the structure, ``offset`` is where it starts, ``need`` and ``have`` are sizes in bytes.

    Thread safety: immutable.
    """

    def __init__(self, what: str, offset: int, need: int, have: int) -> None:
        super().__init__(what, offset, need, have)
        self.what = what
        self.offset = offset
        self.need = need
        self.have = have

    def __str__(self) -> str:
        return (
            f"{self.what} at offset {self.offset:#x} needs {self.need} bytes, {max(self.have, 0)} are there"
        )


class OverlapError(TableError):
    """The entries overlap so often that their decoded bodies would be larger than the table.

    Thread safety: immutable.
    """


class ConfigSpaceError(TableError, IndexError):
    """An access outside the configuration space of a vdev (Linux: "access out of bounds", nothing copied).

    Thread safety: immutable.
    """


class NoSuchEntryError(TableError, LookupError):
    """A vdev, vring or entry number that the trusted layout does not have.

    Thread safety: immutable.
    """


class LoaderError(OSError, TableError):
    """An image or table that Linux's loader (or ours, see ``rule``) refuses.

    ``errno`` is Linux's, positive. ``rule`` is the id of the check, ``source`` "file: function" of the
    kernel (or the room, for a rule of our own), ``log`` Linux's log line or None where it prints none,
    ``offset`` the byte in the file or table, or None, ``hint`` what to do about it.

    Thread safety: immutable.
    """

    def __init__(
        self,
        errno: int,
        message: str,
        *,
        rule: str,
        source: str,
        log: str | None = None,
        offset: int | None = None,
        hint: str = "",
    ) -> None:
        OSError.__init__(self, errno, message)
        self.rule = rule
        self.source = source
        self.log = log
        self.offset = offset
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled without __init__, with whatever others have added since, such as the core's name.
        said = {name: getattr(self, name) for name in ("args", "errno", "strerror")}
        return type(self).__new__, (type(self),), vars(self) | said
