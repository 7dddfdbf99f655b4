# SPDX-License-Identifier: Apache-2.0
"""Which bytes of the table belong to which entry, and which of them the host writes.

An entry of a vendor's type does not say how long it is. It is taken for its type word where it could be in
another's way, and to reach to the next entry where bytes that belong to nobody are looked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from resource_tables.lint.rules.context import MAX_VRINGS, Context
from resource_tables.model import RSC_CARVEOUT, RSC_VDEV
from resource_tables.view import HEADER_BYTES, NAME_AT, EntryView

_TYPE_BYTES = 4
#: Bytes (from the entry's start) that Linux writes: da, pa and len; gfeatures and status; da and notifyid.
_CARVEOUT_WRITES = ((4, 16),)
_VDEV_WRITES = ((16, 20), (24, 25))
_VRING_WRITES = ((0, 4), (12, 16))


@dataclass(frozen=True, slots=True)
class Extent:
    """The bytes [start, end) of an entry, in the table; ``is_known`` is False for a vendor's type.

    Thread safety: immutable.
    """

    entry: EntryView
    start: int
    end: int
    is_known: bool


def extents(context: Context) -> list[Extent]:
    """Return what the entries claim, sorted by their offsets. Thread safety: any thread."""
    return sorted((_extent(entry) for entry in context.entries), key=lambda extent: extent.start)


def _extent(entry: EntryView) -> Extent:
    known = entry.type in NAME_AT or entry.type == RSC_VDEV
    return Extent(entry, entry.offset, entry.offset + _TYPE_BYTES + entry.payload_bytes, known)


def array_end(context: Context) -> int:
    """Return where the offset array ends, in bytes of the table. Thread safety: any thread."""
    return HEADER_BYTES + (0 if context.table is None else 4 * len(context.table))


def unclaimed(context: Context) -> Iterator[tuple[int, int]]:
    """Yield the ranges that belong to nothing, the one behind the last entry included.

    Nothing is yielded for a table with an entry that does not fit: what belongs to it is not known.
    Thread safety: any thread.
    """
    table = context.table
    if table is None or len(context.entries) != table.num:
        return
    cursor, is_known = array_end(context), True
    for extent in extents(context):
        if extent.start > cursor and is_known:
            yield cursor, extent.start
        if extent.end > cursor or extent.start >= cursor:
            cursor, is_known = extent.end, extent.is_known
    if is_known and cursor < table.size:
        yield cursor, table.size


def used_bytes(context: Context) -> int:
    """Return how many bytes from the table's start a reader needs for all entries that fit.

    Thread safety: any thread.
    """
    return max((extent.end for extent in extents(context)), default=array_end(context))


def host_writes_in(entry: EntryView, start: int, end: int) -> bool:
    """Whether Linux writes to this entry within [start, end) of the table.

    Source: Linux remoteproc_core.c: rproc_alloc_registered_carveouts, rproc_alloc_vring; remoteproc_virtio.c:
    rp_find_vq, rproc_virtio_set_status, rproc_virtio_finalize_features. Thread safety: any thread.
    """
    return any(at < end and stop > start for at, stop in _written(entry))


def _written(entry: EntryView) -> Iterator[tuple[int, int]]:
    if entry.type == RSC_CARVEOUT:
        yield from _moved(_CARVEOUT_WRITES, entry.offset)
    elif entry.type == RSC_VDEV:
        yield from _moved(_VDEV_WRITES, entry.offset)
        for vring in range(min(entry.num_of_vrings, MAX_VRINGS)):
            yield from _moved(_VRING_WRITES, entry.offset + _TYPE_BYTES + entry.vring_position(vring))


def _moved(ranges: tuple[tuple[int, int], ...], by: int) -> Iterator[tuple[int, int]]:
    return ((start + by, end + by) for start, end in ranges)
