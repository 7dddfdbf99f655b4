# SPDX-License-Identifier: Apache-2.0
"""What the rules look at: one image or table, its profile and the target's memory, decoded once.

The lists hold only what is well formed: an entry that lies in the table with all it claims, a segment whose
header lies in the file. What is not there or does not fit is a failure of a loader check and is reported as
such; a rule that walks these lists can raise nothing and read nothing outside the bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from resource_tables.checks_elf import IMAGE_CHECKS
from resource_tables.checks_table import MAX_TABLE_BYTES, significant_name
from resource_tables.elf_header import SHT_NOBITS, TABLE_SECTION_NAME, ElfHeader, Section, Segment
from resource_tables.lint.rules.homes import Homes
from resource_tables.lint.rules.ranges import Range
from resource_tables.memory_map import MemoryMap
from resource_tables.model import (
    ADDR_ANY,
    NAME_BYTES,
    RSC_CARVEOUT,
    RSC_DEVMEM,
    RSC_TRACE,
    RSC_VDEV,
    buffer_name,
    vring_name,
)
from resource_tables.sizes import vring_bytes
from resource_tables.view import HEADER_BYTES, NAME_AT, EntryView, TableView

if TYPE_CHECKING:
    from resource_tables.lint.profile import Profile

#: Entries of one table that the verdict looks at, and that the rules look at. Ten are many on a board; beyond
#: these a table is made to keep its reader busy.
MAX_JUDGED = 65536
MAX_ENTRIES = 8192
_SHF_ALLOC = 2

#: Linux supports two vrings per vdev (remoteproc.h: RVDEV_NUM_VRINGS) and refuses more.
MAX_VRINGS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A carveout, devmem or trace of the table; ``da`` and ``size`` as they stand there.

    ``entry`` is the view of it: ``entry.offset`` its place in the table, ``entry.index`` its number.
    ``name`` are the significant bytes (31 at most), ``name_field`` all 32. Thread safety: immutable.
    """

    entry: EntryView
    da: int
    size: int
    pa: int = 0
    flags: int = 0
    name: bytes = b""
    name_field: bytes = b""

    @property
    def is_fixed(self) -> bool:
        """Whether it asks for a certain device address."""
        return self.da != ADDR_ANY

    @property
    def text(self) -> str:
        """The name for a message."""
        return self.name.decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True, kw_only=True)
class VringItem:
    """One of the first two vrings of a vdev; ``offset`` is where its 20 bytes lie in the table.

    ``size`` is what its ring needs in bytes. ``name`` is that of the carveout that may hold it.
    Thread safety: immutable.
    """

    entry: EntryView
    vdev: int
    index: int
    offset: int
    da: int
    align: int
    num: int
    notifyid: int
    pa: int

    @property
    def is_usable(self) -> bool:
        """Whether num and align are not 0: Linux refuses the vdev otherwise."""
        return self.num != 0 and self.align != 0

    @property
    def size(self) -> int:
        """Bytes of the ring."""
        return vring_bytes(self.num, self.align)

    @property
    def name(self) -> str:
        """The name of a carveout that is made for it."""
        return vring_name(self.vdev, self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class VdevItem:
    """A vdev of the table; ``ordinal`` is the X of ``vdevXvringY``. Thread safety: immutable."""

    entry: EntryView
    ordinal: int
    id: int
    notifyid: int
    dfeatures: int
    gfeatures: int
    config_len: int
    status: int
    num_of_vrings: int
    vrings: tuple[VringItem, ...]

    @property
    def buffer_name(self) -> str:
        """The name of the carveout that holds its buffers."""
        return buffer_name(self.ordinal)


@dataclass(frozen=True)
class Context:
    """Everything a rule may look at; made by :func:`resource_tables.lint.validator.validate`.

    ``data`` is the file or the bare table. ``header`` is None for a bare table and for a file whose header
    is not that of a little-endian ELF image. ``memory`` None: the target's memory is not known.
    Thread safety: immutable.
    """

    data: bytes
    profile: "Profile"
    memory: MemoryMap | None = None
    is_image: bool = True

    @cached_property
    def header(self) -> ElfHeader | None:
        """The file header, where there is one to read."""
        if not self.is_image:
            return None
        header = ElfHeader(self.data)
        unreadable = any(check.gate and check.apply(header) is not None for check in IMAGE_CHECKS)
        return None if unreadable else header

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Up to two sections named .resource_table, in file order: Linux takes the first."""
        header = self.header
        return () if header is None else header.find_sections(TABLE_SECTION_NAME, 2)

    @property
    def section(self) -> Section | None:
        """The section that Linux takes for the table."""
        return self.sections[0] if self.sections else None

    @cached_property
    def table(self) -> TableView | None:
        """The table, where it lies in the file, has a header and is not larger than Linux copies."""
        start, size = 0, len(self.data)
        if self.is_image:
            if self.section is None:
                return None
            start, size = self.section.offset, self.section.size
        if start + size > len(self.data) or not HEADER_BYTES <= size <= MAX_TABLE_BYTES:
            return None
        return TableView(memoryview(self.data)[start : start + size])

    @property
    def table_at(self) -> int:
        """Where the table begins in the file; 0 for a bare one."""
        return 0 if self.section is None else self.section.offset

    @property
    def has_foreign_table(self) -> bool:
        """Whether Linux reads the table from bytes that are something else's: a NOBITS section has none.

        Once they are refused, nothing else that is wrong with them helps anybody.
        """
        return self.section is not None and self.section.type == SHT_NOBITS

    @cached_property
    def entries(self) -> tuple[EntryView, ...]:
        """The entries that lie in the table with all they claim, in offset-array order."""
        if self.table is None:
            return ()
        size = self.table.size
        # An entry in the header is refused by the loader, and what it claims is the header's own bytes.
        inside = (e for e in islice(self.table, MAX_ENTRIES) if HEADER_BYTES <= e.offset <= size - 4)
        return tuple(entry for entry in inside if entry.fits)

    def _of_type(self, type_: int) -> Iterator[EntryView]:
        return (entry for entry in self.entries if entry.type == type_)

    @cached_property
    def carveouts(self) -> tuple[Memory, ...]:
        """The carveouts in table order."""
        return tuple(_memory(entry) for entry in self._of_type(RSC_CARVEOUT))

    @cached_property
    def devmems(self) -> tuple[Memory, ...]:
        """The devmem entries in table order."""
        return tuple(_memory(entry) for entry in self._of_type(RSC_DEVMEM))

    @cached_property
    def traces(self) -> tuple[Memory, ...]:
        """The trace buffers in table order."""
        return tuple(
            Memory(entry=e, da=e.u32(0), size=e.u32(4), name=significant_name(e), name_field=_field(e))
            for e in self._of_type(RSC_TRACE)
        )

    @cached_property
    def vdevs(self) -> tuple[VdevItem, ...]:
        """The vdevs in table order, each with its first two vrings at most."""
        return tuple(_vdev(entry, ordinal) for ordinal, entry in enumerate(self._of_type(RSC_VDEV)))

    @cached_property
    def vrings(self) -> tuple[VringItem, ...]:
        """The vrings of all vdevs."""
        return tuple(vring for vdev in self.vdevs for vring in vdev.vrings)

    @cached_property
    def segments(self) -> tuple[tuple[int, Segment], ...]:
        """The segments that are loaded, each with its number in the program header table."""
        if self.header is None:
            return ()
        return tuple((i, s) for i, s in enumerate(self.header.segments()) if s.is_loaded)

    def segment_offset(self, index: int) -> int:
        """Return where program header ``index`` lies in the file."""
        assert self.header is not None
        return self.header.phoff + index * self.header.program_header_bytes

    def is_any(self, da: int) -> bool:
        """Whether a *vring's* address leaves the choice to the host: ADDR_ANY, and 0 for some vendors."""
        return da == ADDR_ANY or (da == 0 and self.profile.zero_is_any)

    @cached_property
    def homes(self) -> Homes:
        """Where rings and buffers will lie."""
        return Homes(self)

    @cached_property
    def ranges(self) -> tuple[Range, ...]:
        """Everything with a fixed device address, sorted by it: table entries, segments, the table."""
        return tuple(sorted(self._ranges(), key=lambda r: (r.start, r.end)))

    def ranges_of(self, *kinds: str) -> tuple[Range, ...]:
        """Return the ranges of these kinds, sorted by address."""
        return tuple(r for r in self.ranges if r.kind in kinds)

    def _ranges(self) -> Iterator[Range]:
        for kind, found in (("carveout", self.carveouts), ("devmem", self.devmems), ("trace", self.traces)):
            for memory in found:
                if memory.is_fixed:
                    at, text = memory.entry, memory.text
                    what = f"{kind} {text!r}" if text else f"{kind} of entry {at.index}"
                    yield Range(
                        start=memory.da,
                        size=memory.size,
                        kind=kind,
                        what=what,
                        offset=at.offset + 4,
                        entry=at.index,
                        name=text,
                    )
        yield from self.homes.ring_ranges()
        yield from self._image_ranges()

    def _image_ranges(self) -> Iterator[Range]:
        for index, segment in self.segments:
            at = self.segment_offset(index)
            what = f"segment {index}"
            yield Range(
                start=segment.paddr, size=segment.memsz, kind="segment", what=what, offset=at, in_file=True
            )
        section = self.section
        # A section that is not to be loaded has no address, only a field that says 0.
        if section is not None and section.flags & _SHF_ALLOC and self.table is not None:
            what = "the resource table"
            yield Range(start=section.addr, size=section.size, kind="table", what=what, offset=0)


def _field(entry: EntryView) -> bytes:
    return entry.bytes_at(NAME_AT[entry.type], NAME_BYTES)


def _memory(entry: EntryView) -> Memory:
    return Memory(
        entry=entry,
        da=entry.u32(0),
        pa=entry.u32(4),
        size=entry.u32(8),
        flags=entry.u32(12),
        name=significant_name(entry),
        name_field=_field(entry),
    )


def _vdev(entry: EntryView, ordinal: int) -> VdevItem:
    return VdevItem(
        entry=entry,
        ordinal=ordinal,
        id=entry.u32(0),
        notifyid=entry.u32(4),
        dfeatures=entry.u32(8),
        gfeatures=entry.u32(12),
        config_len=entry.config_len,
        status=entry.u8(20),
        num_of_vrings=entry.num_of_vrings,
        vrings=tuple(_vring(entry, ordinal, index) for index in range(min(entry.num_of_vrings, MAX_VRINGS))),
    )


def _vring(entry: EntryView, vdev: int, index: int) -> VringItem:
    da, align, num, notifyid, pa = entry.vring_words(index)
    offset = entry.offset + 4 + entry.vring_position(index)
    return VringItem(
        entry=entry,
        vdev=vdev,
        index=index,
        offset=offset,
        da=da,
        align=align,
        num=num,
        notifyid=notifyid,
        pa=pa,
    )
