# SPDX-License-Identifier: Apache-2.0
"""The memory of a crashed core as an ELF core file, in Linux's layout.

Source: Linux remoteproc_coredump.c (rproc_coredump, rproc_coredump_using_sections).
"""

import enum
import io
import itertools
import os
import struct
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from rproc.carveouts import CarveoutInfo
from virtio import OutsideMemoryError, SharedMemory

_ET_CORE, _PT_LOAD, _RWX = 4, 1, 7
_SHT_PROGBITS, _SHT_STRTAB, _SHF_WRITE = 1, 3, 1
_STRING_TABLE = "STR_TBL"
_EHDR_BYTES, _PHDR_BYTES, _SHDR_BYTES = {32: 52, 64: 64}, {32: 32, 64: 56}, {32: 40, 64: 64}


class CoredumpMode(enum.Enum):
    """Whether a recovery dumps the memory; the value is the word of sysfs.

    ``ENABLED`` dumps a copy, ``INLINE`` the memory itself, read as the dump is: without a second one, but
    what still maps it can change it meanwhile. Thread safety: immutable.
    """

    DISABLED = "disabled"
    ENABLED = "enabled"
    INLINE = "inline"


class DumpIdentity(NamedTuple):
    """What the ELF header says: class 32 or 64, e_machine, entry address, all as in the firmware.

    Thread safety: immutable.
    """

    elf_class: int
    machine: int
    entry: int


class DumpSegment(NamedTuple):
    """A piece of memory of the dump: device address, name, bytes. Thread safety: immutable."""

    da: int
    name: str
    data: memoryview


def take_segments(
    memory: SharedMemory, carveouts: Sequence[CarveoutInfo], *, copy: bool, say: Callable[[str], None]
) -> list[DumpSegment]:
    """Return the contents of carveouts, of a copy of the memory or of itself; they outlive its close().

    What is not memory is all ones, and Linux's line about it is said. Raises ClosedError, OSError.
    Thread safety: any thread.
    """
    source = memory.copy() if copy else memory
    segments = []
    for piece in carveouts:
        try:
            data = source.view(piece.da, piece.size)
        except OutsideMemoryError:  # a ring in another carveout counts whole pages, which may end behind it
            where = f"{piece.da:#018x} with offset 0 and size {piece.size})"
            say(f"invalid copy request for segment {where}")
            data = memoryview(b"\xff" * piece.size)
        segments.append(DumpSegment(piece.da, piece.name, data))
    if copy:
        source.close()  # the views keep it mapped
    return segments


class Coredump:
    """One dump: ``name`` of the remote processor, ``size`` in bytes. Thread safety: immutable."""

    def __init__(
        self, name: str, identity: DumpIdentity, segments: Sequence[DumpSegment], *, sections: bool = False
    ) -> None:
        self.name = name
        make = _with_sections if sections else _with_program_headers
        self._parts = [memoryview(make(identity, segments)), *(segment.data for segment in segments)]
        self.size = sum(map(len, self._parts))

    def open(self) -> io.BufferedReader:
        """Return the file as a stream, from its beginning; it can be sought in."""
        return io.BufferedReader(_Stream(self._parts))

    def write(self, file: BinaryIO) -> None:
        """Write the whole file; raises what ``file.write`` raises."""
        for part in self._parts:
            file.write(part)


class _Stream(io.RawIOBase):
    """Reads parts as one file."""

    def __init__(self, parts: Sequence[memoryview]) -> None:
        super().__init__()
        self._parts = [part for part in parts if len(part)]
        #: Where each part begins, and the end of all.
        self._starts = [0, *itertools.accumulate(map(len, self._parts))]
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._starts[-1]}[whence]
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        index = bisect_right(self._starts, self._position) - 1
        if index == len(self._parts):
            return 0
        start = self._position - self._starts[index]
        data = self._parts[index][start : start + len(buffer)]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


class DumpFolder:
    """Writes dumps as files ``NAME-N.core`` of a folder, made when needed; only the user may read them.

    Calling it raises OSError with the file's name, which is then removed again. Thread safety: any thread.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, dump: Coredump) -> Path:
        """Write a dump; returns where."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._make(dump.name.replace("/", "_"))
        try:
            with path.open("wb") as file:
                dump.write(file)
        except BaseException as error:
            path.unlink()
            if isinstance(error, OSError) and error.filename is None:
                error.filename = str(path)
            raise
        return path

    def _make(self, name: str) -> Path:
        """Make an empty file with the lowest number that is free."""
        number = 0
        while True:
            number += 1
            path = self.folder / f"{name}-{number}.core"
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
                return path


@dataclass(frozen=True, slots=True, kw_only=True)
class CoredumpConfig:
    """Whether a recovery dumps the memory of the core, and where to.

    ``to`` is called with the dump in the thread that recovers, which goes on when it returns; a path that it
    returns is logged, as is what it raises. ``sections`` makes section headers instead of program headers, as
    some of Linux's platform drivers want. Thread safety: immutable.
    """

    mode: CoredumpMode = CoredumpMode.DISABLED
    sections: bool = False
    to: Callable[[Coredump], Path | None] = field(default_factory=lambda: DumpFolder(Path()))


def _header(identity: DumpIdentity, phnum: int, shnum: int) -> bytes:
    """The ELF header; its data are always little-endian."""
    bits = identity.elf_class
    ehsize = _EHDR_BYTES[bits]
    word = "Q" if bits == 64 else "I"
    ident = (b"\x7fELF" + bytes((bits // 32, 1, 1))).ljust(16, b"\0")
    return ident + struct.pack(
        f"<HHI3{word}I6H",
        *(_ET_CORE, identity.machine, 1, identity.entry),
        *(ehsize if phnum else 0, ehsize if shnum else 0),
        *(0, ehsize),
        *(_PHDR_BYTES[bits] if phnum else 0, phnum),
        *(_SHDR_BYTES[bits] if shnum else 0, shnum, 1 if shnum else 0),
    )


def _with_program_headers(identity: DumpIdentity, segments: Sequence[DumpSegment]) -> bytes:
    """ELF header and one program header per segment; the bytes follow in the same order."""
    bits = identity.elf_class
    head = _header(identity, len(segments), 0)
    offset = len(head) + len(segments) * _PHDR_BYTES[bits]
    for da, _, data in segments:
        place = (offset, da, da, len(data), len(data))
        if bits == 64:
            head += struct.pack("<2I6Q", _PT_LOAD, _RWX, *place, 0)
        else:
            head += struct.pack("<8I", _PT_LOAD, *place, _RWX, 0)
        offset += len(data)
    return head


def _with_sections(identity: DumpIdentity, segments: Sequence[DumpSegment]) -> bytes:
    """ELF header, section headers (null, names, one per segment), names; the bytes follow."""
    bits = identity.elf_class
    names = b"\0"
    where = []
    for name in (_STRING_TABLE, *(segment.name for segment in segments)):
        where.append(len(names))
        names += name.encode("utf-8", "surrogateescape") + b"\0"
    num = len(segments) + 2
    head = _header(identity, 0, num)
    offset = len(head) + num * _SHDR_BYTES[bits]
    head += bytes(_SHDR_BYTES[bits])
    head += _section(bits, where[0], _SHT_STRTAB, 0, 0, offset, len(names))
    offset += len(names)
    for name_at, (da, _, data) in zip(where[1:], segments, strict=True):
        head += _section(bits, name_at, _SHT_PROGBITS, _SHF_WRITE, da, offset, len(data))
        offset += len(data)
    return head + names


def _section(bits: int, name: int, kind: int, flags: int, da: int, offset: int, size: int) -> bytes:
    layout = "<2I4Q2I2Q" if bits == 64 else "<10I"
    return struct.pack(layout, name, kind, flags, da, offset, size, 0, 0, 0, 0)
