# SPDX-License-Identifier: Apache-2.0
"""The ELF structures a loader needs, read so that no field can lead outside the file.

Nothing here judges: what the file is too short for reads as zero or is left out. All sums are Python
integers, so a 64-bit field cannot wrap them.

Layouts: System V ABI, chapter "Object Files"; Linux include/uapi/linux/elf.h.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

ELF_MAGIC = b"\x7fELF"
CLASS32 = 1
CLASS64 = 2
DATA_LITTLE = 1
DATA_BIG = 2
PT_LOAD = 1
SHT_NOBITS = 8

TABLE_SECTION_NAME = b".resource_table"

_HEADER = {CLASS32: "HHIIIIIHHHHHH", CLASS64: "HHIQQQIHHHHHH"}
_PROGRAM_HEADER = {CLASS32: "8I", CLASS64: "2I6Q"}
_SECTION_HEADER = {CLASS32: "10I", CLASS64: "2I4Q2I2Q"}
_IDENT_BYTES = 16

#: Sizes in bytes of the file header, a program header and a section header for each class.
HEADER_BYTES = {CLASS32: 52, CLASS64: 64}
PROGRAM_HEADER_BYTES = {CLASS32: 32, CLASS64: 56}
SECTION_HEADER_BYTES = {CLASS32: 40, CLASS64: 64}


@dataclass(frozen=True, slots=True)
class Segment:
    """A program header; addresses and sizes in bytes as the file says them, unchecked.

    Thread safety: immutable.
    """

    type: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    align: int

    @property
    def is_loaded(self) -> bool:
        """Whether Linux's loader looks at it at all (remoteproc_elf_loader.c: rproc_elf_load_segments)."""
        return self.type == PT_LOAD and self.memsz != 0


@dataclass(frozen=True, slots=True)
class Section:
    """A section header, unchecked; ``name`` is an offset into the section name table.

    ``at`` is where the header itself lies in the file. Thread safety: immutable.
    """

    name: int
    type: int
    flags: int
    addr: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entsize: int
    at: int


class ElfHeader:
    """The file header of ``data``, which may be anything; what is not there reads as zero.

    Thread safety: immutable.
    """

    __slots__ = (
        "data",
        "elf_class",
        "encoding",
        "entry",
        "machine",
        "phnum",
        "phoff",
        "shnum",
        "shoff",
        "shstrndx",
        "type",
    )

    type: int
    machine: int
    entry: int
    phoff: int
    phnum: int
    shoff: int
    shnum: int
    shstrndx: int

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.data = bytes(data)
        head = self.data[: HEADER_BYTES[CLASS64]].ljust(HEADER_BYTES[CLASS64], b"\0")
        self.elf_class: int = head[4]
        self.encoding: int = head[5]
        fields = struct.unpack_from(self._order + _HEADER[self._class], head, _IDENT_BYTES)
        self.type, self.machine, _, self.entry, self.phoff, self.shoff = fields[:6]
        self.phnum, _, self.shnum, self.shstrndx = fields[9:]

    @property
    def _class(self) -> int:
        return CLASS64 if self.elf_class == CLASS64 else CLASS32

    @property
    def _order(self) -> str:
        return ">" if self.encoding == DATA_BIG else "<"

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return len(self.data)

    @property
    def header_bytes(self) -> int:
        """Size of the file header for this class."""
        return HEADER_BYTES[self._class]

    @property
    def program_header_bytes(self) -> int:
        """Size of one program header for this class: e_phentsize is ignored, as Linux does."""
        return PROGRAM_HEADER_BYTES[self._class]

    @property
    def section_header_bytes(self) -> int:
        """Size of one section header for this class: e_shentsize is ignored, as Linux does."""
        return SECTION_HEADER_BYTES[self._class]

    def segments(self) -> Iterator[Segment]:
        """Yield the program headers that lie inside the file, in file order."""
        wide = self._class == CLASS64
        for index in range(self.phnum):
            fields = self._record(self.phoff, index, _PROGRAM_HEADER[self._class])
            if fields is None:
                return
            kind, *rest = fields
            # The 32-bit header has p_flags in seventh place, the 64-bit one in second.
            flags, (offset, vaddr, paddr, filesz, memsz, align) = (
                (rest[0], rest[1:]) if wide else (rest[5], rest[:5] + rest[6:])
            )
            yield Segment(kind, flags, offset, vaddr, paddr, filesz, memsz, align)

    def section(self, index: int) -> Section | None:
        """Return section header ``index``, or None when it lies outside the file."""
        fields = self._record(self.shoff, index, _SECTION_HEADER[self._class])
        return None if fields is None else Section(*(*fields, self.shoff + index * self.section_header_bytes))

    def find_section(self, name: bytes) -> Section | None:
        """Return the first section of exactly this name, whatever its type (Linux: find_table)."""
        return next(iter(self.find_sections(name, 1)), None)

    def find_sections(self, name: bytes, most: int) -> tuple[Section, ...]:
        """Return the first ``most`` sections of exactly this name, in file order."""
        names = self.section(self.shstrndx)
        if names is None:
            return ()
        wanted = name + b"\0"
        layout = struct.Struct(self._order + _SECTION_HEADER[self._class])
        there = min(self.shnum, max(len(self.data) - self.shoff, 0) // layout.size)
        headers = memoryview(self.data)[self.shoff : self.shoff + there * layout.size]
        found: list[Section] = []
        for index, fields in enumerate(layout.iter_unpack(headers)):
            if self.data.startswith(wanted, names.offset + fields[0]):
                found.append(Section(*(*fields, self.shoff + index * layout.size)))
                if len(found) == most:
                    break
        return tuple(found)

    def _record(self, table: int, index: int, layout: str) -> tuple[int, ...] | None:
        size = struct.calcsize("=" + layout)
        start = table + index * size
        if start + size > len(self.data):
            return None
        return struct.unpack_from(self._order + layout, self.data, start)
