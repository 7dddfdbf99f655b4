# SPDX-License-Identifier: Apache-2.0
"""The checks on a table: header, offset array, carveouts, devmems, traces.

Order, log lines and errno are those of Linux 6.12: remoteproc_elf_loader.c for the header,
include/linux/rsc_table.h for the offsets, remoteproc_core.c for the entries.
"""

import errno
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from resource_tables.check import Check, Violation
from resource_tables.model import ADDR_ANY, NAME_BYTES
from resource_tables.view import (
    CARVEOUT_BYTES,
    HEADER_BYTES,
    NAME_AT,
    TRACE_BYTES,
    EntryView,
    TableHead,
    TableView,
)

FIND_TABLE = "remoteproc_elf_loader.c: find_table"
ITERATOR = "rsc_table.h: rsc_table_for_each_entry"
LOAD_TABLE = "remoteproc_elf_loader.c: rproc_elf_load_rsc_table"
OWN = "resource_tables: checks_table"

#: Linux copies the table with kmemdup: at most this with pages of 4 KiB (slab.h: KMALLOC_MAX_SIZE).
MAX_TABLE_BYTES = 4 << 20

_HINT_HEADER = "The section does not hold a table: look at its first 16 bytes, version 1 is expected."
_HINT_OFFSET = "Compute offset[] with offsetof() and num from the array's length; do not keep stale entries."
_HINT_SIZE = "Declare the entry with the whole structure, and keep sh_size at least as large as the table."
_HINT_RESERVED = "Set the reserved words to 0: they must stay free for later versions."


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of the core: ``da`` may be ADDR_ANY, ``size`` is in bytes. Thread safety: immutable."""

    da: int
    size: int


def _nothing(name: bytes) -> Memory | None:
    """Stand for a target that has registered no memory."""
    return None


@dataclass(frozen=True, slots=True)
class EntrySubject:
    """One entry, with what is known when Linux comes to it.

    ``carveouts`` are the significant bytes of the names of earlier carveouts, ``iommu`` whether the target
    has an IOMMU, ``platform_memory`` says what the target has registered under a name, ``ring_memory`` what
    an earlier vdev has. Thread safety: immutable.
    """

    table: TableView
    entry: EntryView
    carveouts: AbstractSet[bytes] = frozenset()
    iommu: bool = True
    ring_memory: Callable[[bytes], Memory | None] = _nothing
    platform_memory: Callable[[bytes], Memory | None] = _nothing


def significant_name(entry: EntryView) -> bytes:
    """Return what Linux compares of a carveout's name: up to 31 bytes before the terminator."""
    return entry.bytes_at(NAME_AT[entry.type], NAME_BYTES).partition(b"\0")[0][: NAME_BYTES - 1]


def when(failed: bool, offset: int | None = None, *args: int) -> Violation | None:
    """Return a violation when ``failed``."""
    return Violation(offset, args) if failed else None


def reserved_words(head: TableHead) -> Violation | None:
    """Point at the first reserved word of the header that is not 0."""
    for index, word in enumerate(head.reserved):
        if word:
            return Violation(8 + 4 * index)
    return None


SIZE_CHECKS: tuple[Check, ...] = (
    Check(
        id="table-header",
        errno=errno.EINVAL,
        log="header-less resource table",
        source=FIND_TABLE,
        applies_to="table bytes",
        requires="the table holds at least its 16-byte header",
        hint="An empty section usually means that the linker dropped its content: KEEP() it.",
        function=lambda raw: when(len(raw) < HEADER_BYTES, len(raw)),
        gate=True,
    ),
)

HEADER_CHECKS: tuple[Check, ...] = (
    Check(
        id="table-version",
        errno=errno.EINVAL,
        log="unsupported fw ver: %d",
        source=FIND_TABLE,
        applies_to="table",
        requires="the version is 1",
        hint=_HINT_HEADER,
        function=lambda head: when(head.version != 1, 0, head.version),
    ),
    Check(
        id="table-reserved",
        errno=errno.EINVAL,
        log="non zero reserved bytes",
        source=FIND_TABLE,
        applies_to="table",
        requires="both reserved words of the header are 0",
        hint=_HINT_RESERVED,
        function=reserved_words,
    ),
    Check(
        id="table-num",
        errno=errno.EINVAL,
        log="resource table incomplete",
        source=FIND_TABLE,
        applies_to="table",
        requires="the offset array lies inside the table",
        hint=_HINT_OFFSET,
        function=lambda head: when(HEADER_BYTES + 4 * head.num > head.size, 4),
    ),
    Check(
        id="table-copy",
        errno=errno.ENOMEM,
        log=None,
        source=LOAD_TABLE,
        applies_to="table",
        requires=f"the table has at most {MAX_TABLE_BYTES >> 20} MiB, the most that kmemdup copies",
        hint="Look at the section's size: a table of a few hundred bytes is usual.",
        function=lambda head: when(head.size > MAX_TABLE_BYTES, 0),
        gate=True,
    ),
)


def _offset_at(subject: EntrySubject) -> int:
    return HEADER_BYTES + 4 * subject.entry.index


def _iterator(id_: str, requires: str, failed: Callable[[EntrySubject], bool]) -> Check:
    return Check(
        id=id_,
        errno=errno.EINVAL,
        log="rsc table is truncated",
        source=ITERATOR,
        applies_to="entry",
        requires=requires,
        hint=_HINT_OFFSET,
        function=lambda subject: when(failed(subject), _offset_at(subject)),
        gate=True,
    )


ENTRY_CHECKS: tuple[Check, ...] = (
    _iterator("entry-offset-header", "no entry lies in the header", lambda s: s.entry.offset < HEADER_BYTES),
    _iterator(
        "entry-offset-end", "every entry begins inside the table", lambda s: s.entry.offset >= s.table.size
    ),
    _iterator("entry-type-room", "every entry has room for its type", lambda s: s.entry.avail < 0),
)


def _truncated(kind: str, handler: str, need: int) -> Check:
    return Check(
        id=f"{kind}-size",
        errno=errno.EINVAL,
        log=f"{kind} rsc is truncated",
        source=f"remoteproc_core.c: {handler}",
        applies_to=kind,
        requires=f"a {kind} entry has its {need} bytes of payload",
        hint=_HINT_SIZE,
        function=lambda s: when(need > s.entry.avail, s.entry.offset),
        gate=True,
    )


def _reserved(kind: str, handler: str, position: int) -> Check:
    return Check(
        id=f"{kind}-reserved",
        errno=errno.EINVAL,
        log=f"{kind} rsc has non zero reserved bytes",
        source=f"remoteproc_core.c: {handler}",
        applies_to=kind,
        requires=f"the reserved word of a {kind} is 0",
        hint=_HINT_RESERVED,
        function=lambda s: when(s.entry.u32(position) != 0, s.entry.offset + 4 + position),
    )


def _carveout_is_new(subject: EntrySubject) -> Violation | None:
    name_at = subject.entry.offset + 4 + NAME_AT[subject.entry.type]
    return when(significant_name(subject.entry) in subject.carveouts, name_at)


def _carveout_wraps(subject: EntrySubject) -> Violation | None:
    da, size = subject.entry.u32(0), subject.entry.u32(8)
    return when(da != ADDR_ANY and da + size > 1 << 32, subject.entry.offset + 4)


CARVEOUT_CHECKS: tuple[Check, ...] = (
    _truncated("carveout", "rproc_handle_carveout", CARVEOUT_BYTES),
    _reserved("carveout", "rproc_handle_carveout", 16),
    Check(
        id="carveout-name",
        errno=errno.ENOMEM,
        log="Carveout already associated to resource table",
        source="remoteproc_core.c: rproc_handle_carveout",
        applies_to="carveout",
        requires="carveout names are unique in their first 31 bytes, the empty name included",
        hint="Give each carveout a name of its own.",
        function=_carveout_is_new,
    ),
    Check(
        id="carveout-len",
        errno=errno.EINVAL,
        log=None,
        source=OWN,
        applies_to="carveout",
        requires="a carveout is not empty",
        hint="Set len to the bytes the firmware needs, or drop the entry.",
        function=lambda s: when(s.entry.u32(8) == 0, s.entry.offset + 12),
        kernel=False,
    ),
    Check(
        id="carveout-range",
        errno=errno.EINVAL,
        log=None,
        source=OWN,
        applies_to="carveout",
        requires="a carveout with a fixed da ends at or below 2^32",
        hint="Device addresses in the table have 32 bits; -1 (0xFFFFFFFF) means any address.",
        function=_carveout_wraps,
        kernel=False,
    ),
)

DEVMEM_CHECKS: tuple[Check, ...] = (
    Check(
        id="devmem-iommu",
        errno=errno.EINVAL,
        log=None,
        source="remoteproc_core.c: rproc_handle_devmem",
        applies_to="devmem",
        requires="the target has an IOMMU when the table asks for a devmem mapping",
        hint="Drop the devmem entry, or describe the target as one with an IOMMU.",
        function=lambda s: when(not s.iommu, s.entry.offset),
    ),
    _truncated("devmem", "rproc_handle_devmem", CARVEOUT_BYTES),
    _reserved("devmem", "rproc_handle_devmem", 16),
)

TRACE_CHECKS: tuple[Check, ...] = (
    _truncated("trace", "rproc_handle_trace", TRACE_BYTES),
    _reserved("trace", "rproc_handle_trace", 8),
)
