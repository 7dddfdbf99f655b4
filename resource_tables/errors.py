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


class MemoryMapError(TableError):
    """A memory map that cannot be right.

    ``where`` names the file or table, ``what`` says what is wrong, ``region`` is the number of the region
    from 0 or None, ``key`` its key or empty, ``line`` counts from 1 or is None where it is not known.
    ``rule`` is MAP_KEY for an unknown key, MAP_MISSING for one that is not there, else MAP_VALUE.
    Thread safety: immutable.
    """

    def __init__(
        self,
        where: str,
        what: str,
        *,
        rule: str = "MAP_VALUE",
        region: int | None = None,
        key: str = "",
        line: int | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(where, what)
        self.where = where
        self.what = what
        self.rule = rule
        self.region = region
        self.key = key
        self.line = line
        self.hint = hint

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        region = "" if self.region is None else f"region {self.region}"
        return ": ".join(part for part in (place, region, self.what) if part)


class ProfileError(TableError):
    """A profile that does not exist or cannot be right; the message names it. Thread safety: immutable."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


class UnreadableError(OSError, TableError):
    """A file whose bytes cannot be had: missing, no regular file, too large, or changing while it is read.

    ``path`` names it, ``reason`` says why, ``errno`` is positive. Thread safety: immutable.
    """

    def __init__(self, path: str, errno: int, reason: str) -> None:
        OSError.__init__(self, errno, reason)
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        # With whatever others have added since, such as the core's name.
        return type(self), (self.path, self.errno, self.reason), vars(self)

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class PlacementError(TableError):
    """Bytes of a table that do not fit where they are to lie.

    ``part`` names them, such as ("entry", "3"), empty for the table itself; ``what`` says why.
    Thread safety: immutable.
    """

    def __init__(self, part: tuple[str, ...], what: str) -> None:
        super().__init__(part, what)
        self.part = part
        self.what = what

    def __str__(self) -> str:
        return " ".join([*self.part, self.what])


class TableTextError(TableError):
    """A TOML file that describes no table.

    ``file`` names it, ``line`` counts from 1 or is None where it is not known, ``place`` says which entry and
    key, ``what`` is wrong with it, ``hint`` says what to do. Thread safety: immutable.
    """

    def __init__(self, file: str, line: int | None, place: str, what: str, hint: str = "") -> None:
        super().__init__(file, line, place, what, hint)
        self.file = file
        self.line = line
        self.place = place
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.place, self.what) if part)


class EditError(TableError):
    """A change that cannot be made in place; nothing was changed.

    ``path`` is the field as it was named, ``what`` the reason. Thread safety: immutable.
    """

    def __init__(self, path: str, what: str, hint: str = "") -> None:
        super().__init__(path, what, hint)
        self.path = path
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.path}: {self.what}" if self.path else self.what


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
