# SPDX-License-Identifier: Apache-2.0
"""Bytes to values and back.

``emit`` writes one canonical layout: header, offset array, entries in order, each at the next multiple of
four. The one exception: an ``Unknown`` ends where the next entry begins (nothing else tells its length), so
whatever follows one of odd size follows it directly.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator

from resource_tables.errors import OverlapError, TruncatedError
from resource_tables.model import (
    NAME_BYTES,
    RSC_CARVEOUT,
    RSC_DEVMEM,
    RSC_TRACE,
    RSC_VDEV,
    Carveout,
    Devmem,
    Entry,
    ResourceTable,
    Trace,
    Unknown,
    Vdev,
    Vring,
    decode_name,
    encode_name,
)
from resource_tables.view import HEADER_BYTES, NAME_AT, VDEV_BYTES, EntryView, TableView


def parse(data: bytes | bytearray | memoryview) -> ResourceTable:
    """Read a table into values.

    Judges nothing (that is what the checks are for) but needs every known entry to be there in full: raises
    TruncatedError otherwise, and OverlapError when overlapping entries would decode to more than the table.
    Thread safety: any thread.
    """
    view = TableView(data)
    if len(view) < view.num:
        raise TruncatedError("offset array", HEADER_BYTES, 4 * view.num, view.size - HEADER_BYTES)
    entries: list[Entry] = []
    for found in read_entries(view):
        if isinstance(found, TruncatedError):
            raise found
        entries.append(found)
    return ResourceTable(tuple(entries), view.version, view.reserved)


def read_entries(view: TableView) -> Iterator[Entry | TruncatedError]:
    """Yield each entry that the offset array reaches, or why it cannot be read, in the order of the array.

    Raises OverlapError as :func:`parse` does. Thread safety: any thread.
    """
    starts = sorted({*view.offsets, view.size})
    # Entries may legally overlap; without a budget a few offsets to one long entry would fill the memory.
    budget = view.size
    for entry in view:
        try:
            decoded, copied = _parse_entry(entry, starts)
        except TruncatedError as error:
            yield error
            continue
        budget -= copied
        if budget < 0:
            raise OverlapError(f"entry {entry.index} at offset {entry.offset:#x} overlaps other entries")
        yield decoded


def _parse_entry(entry: EntryView, starts: list[int]) -> tuple[Entry, int]:
    """Return the value and how many bytes of variable length it copied."""
    if not entry.fits:
        need = 4 if entry.avail < 0 else _claimed_bytes(entry)
        raise TruncatedError(f"entry {entry.index}", entry.offset, need, entry.avail + 4)
    if entry.type == RSC_VDEV:
        return _parse_vdev(entry)
    if entry.type in NAME_AT:
        return _parse_named(entry), 0
    after = bisect_right(starts, entry.offset)
    end = starts[after] if after < len(starts) else entry.offset
    body = entry.bytes_at(0, max(min(end - entry.offset - 4, entry.avail), 0))
    return Unknown(type=entry.type, body=body), len(body)


def _claimed_bytes(entry: EntryView) -> int:
    if entry.type == RSC_VDEV and entry.avail < VDEV_BYTES:
        return 4 + VDEV_BYTES
    return 4 + entry.payload_bytes


def _parse_named(entry: EntryView) -> Carveout | Devmem | Trace:
    name, tail = decode_name(entry.bytes_at(NAME_AT[entry.type], NAME_BYTES))
    if entry.type == RSC_TRACE:
        da, size, reserved = struct.unpack("<3I", entry.bytes_at(0, 12))
        return Trace(name=name, size=size, da=da, reserved=reserved, name_tail=tail)
    da, pa, size, flags, reserved = struct.unpack("<5I", entry.bytes_at(0, 20))
    kind = Carveout if entry.type == RSC_CARVEOUT else Devmem
    return kind(name=name, size=size, da=da, pa=pa, flags=flags, reserved=reserved, name_tail=tail)


def _parse_vdev(entry: EntryView) -> tuple[Vdev, int]:
    id_, notifyid, dfeatures, gfeatures, config_len, status, num, reserved = struct.unpack(
        "<5IBBH", entry.bytes_at(0, VDEV_BYTES)
    )
    vrings = []
    for index in range(num):
        da, align, ring_num, ring_id, pa = entry.vring_words(index)
        vrings.append(Vring(num=ring_num, align=align, da=da, notifyid=ring_id, pa=pa))
    vdev = Vdev(
        id=id_,
        vrings=tuple(vrings),
        dfeatures=dfeatures,
        gfeatures=gfeatures,
        notifyid=notifyid,
        config=entry.bytes_at(entry.vring_position(num), config_len),
        status=status,
        reserved=reserved,
    )
    return vdev, entry.payload_bytes - VDEV_BYTES


def emit(table: ResourceTable) -> bytes:
    """Write a table in the canonical layout. Thread safety: any thread."""
    start = HEADER_BYTES + 4 * len(table.entries)
    offsets: list[int] = []
    body = bytearray()
    behind_unknown = False
    for entry in table.entries:
        if not behind_unknown:
            body += bytes(-len(body) % 4)
        offsets.append(start + len(body))
        body += emit_entry(entry)
        behind_unknown = isinstance(entry, Unknown)
    header = struct.pack("<4I", table.version, len(offsets), *table.reserved)
    return header + struct.pack(f"<{len(offsets)}I", *offsets) + bytes(body)


def emit_entry(entry: Entry) -> bytes:
    """Write one entry, type word included. Thread safety: any thread."""
    if isinstance(entry, Unknown):
        return struct.pack("<I", entry.type) + entry.body
    if isinstance(entry, Vdev):
        return _emit_vdev(entry)
    name = encode_name(entry.name, entry.name_tail)
    if isinstance(entry, Trace):
        return struct.pack("<4I", RSC_TRACE, entry.da, entry.size, entry.reserved) + name
    kind = RSC_CARVEOUT if isinstance(entry, Carveout) else RSC_DEVMEM
    return struct.pack("<6I", kind, entry.da, entry.pa, entry.size, entry.flags, entry.reserved) + name


def _emit_vdev(vdev: Vdev) -> bytes:
    head = struct.pack(
        "<6IBBH",
        RSC_VDEV,
        vdev.id,
        vdev.notifyid,
        vdev.dfeatures,
        vdev.gfeatures,
        len(vdev.config),
        vdev.status,
        len(vdev.vrings),
        vdev.reserved,
    )
    rings = b"".join(struct.pack("<5I", r.da, r.align, r.num, r.notifyid, r.pa) for r in vdev.vrings)
    return head + rings + vdev.config
