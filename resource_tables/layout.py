# SPDX-License-Identifier: Apache-2.0
"""A table with the place of each entry and the bytes between them: what the values alone do not keep.

Tables are made by compilers and by hand: offset arrays with room for more entries, stale words behind them,
sections that are longer than what they hold. ``TableLayout.parse(data).emit() == data`` for all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from resource_tables.codec import emit, emit_entry, parse
from resource_tables.errors import PlacementError, TableError
from resource_tables.model import Entry, ResourceTable, Unknown
from resource_tables.view import HEADER_BYTES, TableView

#: Bytes of the largest table that is taken apart or put together; boards have some hundred.
MAX_TABLE = 1 << 24
#: Entries of such a table. Each becomes an object, and a table may claim a quarter as many as it has bytes.
MAX_ENTRIES = 1 << 16


@dataclass(frozen=True)
class TableLayout:
    """A table and where things lie in it.

    ``offsets[i]`` is the byte at which entry i begins, ``size`` the bytes of the whole, ``slack`` the bytes
    outside header, offset array and entries that are not zero: one (offset, bytes) for each gap that has any.
    Thread safety: immutable.
    """

    table: ResourceTable
    offsets: tuple[int, ...]
    size: int
    slack: tuple[tuple[int, bytes], ...] = ()

    @classmethod
    def of(cls, table: ResourceTable) -> "TableLayout":
        """Return the layout that ``emit`` gives a table."""
        data = emit(table)
        return cls(table, TableView(data).offsets, len(data))

    @classmethod
    def parse(cls, data: bytes | bytearray | memoryview) -> "TableLayout":
        """Take a table apart.

        Raises TableError for one that is too large, else what :func:`resource_tables.parse` raises.
        """
        view = bounded_view(data)
        table = parse(view.raw)
        layout = cls(table, view.offsets, view.size)
        return cls(table, view.offsets, view.size, tuple(_slack(view.raw, layout.ranges)))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of each entry, type word included."""
        return tuple(len(emit_entry(entry)) for entry in self.table.entries)

    @cached_property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Start and end in bytes of the header with the offset array, then of each entry."""
        entries = zip(self.offsets, self.sizes, strict=True)
        head = (0, HEADER_BYTES + 4 * len(self.offsets))
        return (head, *((offset, offset + size) for offset, size in entries))

    def emit(self) -> bytes:
        """Put the table together.

        Raises PlacementError, which names the entry or slack, when it does not fit into ``size`` or has other
        bytes than what already lies there. Entries that share bytes and agree on them are left so.
        """
        if self.size > MAX_TABLE:
            raise PlacementError((), f"the table would have {self.size} bytes, at most {MAX_TABLE}")
        canvas = _Canvas(self.size)
        words = (self.table.version, len(self.offsets), *self.table.reserved, *self.offsets)
        canvas.put((), 0, b"".join(word.to_bytes(4, "little") for word in words))
        for index, (offset, entry) in enumerate(zip(self.offsets, self.table.entries, strict=True)):
            canvas.put(("entry", str(index)), offset, emit_entry(entry))
        for index, (offset, data) in enumerate(self.slack):
            canvas.put(("slack", str(index)), offset, data)
        return bytes(canvas.data)


def bounded_view(data: bytes | bytearray | memoryview) -> TableView:
    """Return a view of a table that is small enough to become values.

    Raises TableError for more than MAX_TABLE bytes or MAX_ENTRIES entries. Thread safety: any thread.
    """
    if len(data) > MAX_TABLE:
        raise TableError(f"the table has {len(data)} bytes, at most {MAX_TABLE} are looked at")
    view = TableView(data)
    if len(view) > MAX_ENTRIES:
        raise TableError(f"the table has {len(view)} entries, at most {MAX_ENTRIES} are looked at")
    return view


class _Canvas:
    """Bytes of which each is written once, or again with the same value."""

    def __init__(self, size: int) -> None:
        self.data = bytearray(size)
        self._taken = bytearray(size)

    def put(self, part: tuple[str, ...], offset: int, data: bytes) -> None:
        end = offset + len(data)
        if end > len(self.data):
            raise PlacementError(part, f"ends at {end:#x}, behind the table's {len(self.data)} bytes")
        at = self._taken.find(1, offset, end)
        while at >= 0:
            free = self._taken.find(0, at, end)
            stop = free if free >= 0 else end
            if self.data[at:stop] != data[at - offset : stop - offset]:
                raise PlacementError(part, f"lies at {offset:#x} to {end:#x}, where other bytes lie already")
            at = self._taken.find(1, stop, end)
        self.data[offset:end] = data
        self._taken[offset:end] = b"\1" * len(data)


def _slack(raw: bytes, ranges: tuple[tuple[int, int], ...]) -> Iterator[tuple[int, bytes]]:
    cursor = 0
    for start, end in (*sorted(ranges), (len(raw), len(raw))):
        gap = raw[cursor:start].rstrip(b"\0")
        held = gap.lstrip(b"\0")
        if held:
            yield cursor + len(gap) - len(held), held
        cursor = max(cursor, end)


def next_offset(end: int, before: Entry | None) -> int:
    """Return where the entry behind one that ends at ``end`` lies unless it says so.

    The next multiple of four, but directly behind an Unknown, whose bytes reach up to it.
    """
    return end if isinstance(before, Unknown) else -(-end // 4) * 4
