# SPDX-License-Identifier: Apache-2.0
"""A bounds-only view of untrusted table bytes: it says what is there and never whether it is right.

The bytes are copied once when the view is made, since they may lie in memory that a remote core can still
change; after that no accessor can read past the end, whatever the fields claim.

Layouts: Linux include/linux/remoteproc.h, struct resource_table and struct fw_rsc_*.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from resource_tables.errors import TruncatedError
from resource_tables.model import NAME_BYTES, RSC_CARVEOUT, RSC_DEVMEM, RSC_TRACE, RSC_VDEV, decode_name

HEADER_BYTES = 16
#: Payload sizes (after the type word) of the entries that have a fixed one.
CARVEOUT_BYTES = 52
TRACE_BYTES = 44
VDEV_BYTES = 24
VRING_BYTES = 20

#: Where the 32-byte name starts in the payload.
NAME_AT = {RSC_CARVEOUT: 20, RSC_DEVMEM: 20, RSC_TRACE: 12}

_FIXED_PAYLOAD = {RSC_CARVEOUT: CARVEOUT_BYTES, RSC_DEVMEM: CARVEOUT_BYTES, RSC_TRACE: TRACE_BYTES}


class EntryView:
    """One entry of a :class:`TableView`: its offset, its type, its payload as far as the table reaches.

    Positions given to the accessors are payload positions: 0 is the byte after the type word. Accessors
    raise TruncatedError for anything that is not inside the table. Thread safety: immutable.
    """

    __slots__ = ("_raw", "index", "offset")

    def __init__(self, raw: bytes, index: int, offset: int) -> None:
        self._raw = raw
        self.index = index  #: position in the offset array
        self.offset = offset  #: as the table says it, possibly past its end

    @property
    def avail(self) -> int:
        """Bytes between the type word and the end of the table; negative when not even the type fits."""
        return len(self._raw) - self.offset - 4

    @property
    def type(self) -> int:
        """The type word."""
        return self.u32(-4)

    @property
    def payload(self) -> memoryview:
        """All bytes from the payload's start to the end of the table, later entries included."""
        return memoryview(self._raw)[self.offset + 4 :]

    def bytes_at(self, position: int, size: int) -> bytes:
        """Return ``size`` bytes from payload ``position``."""
        start = self.offset + 4 + position
        if position < -4 or size < 0 or start + size > len(self._raw):
            raise TruncatedError(f"entry {self.index}", start, size, len(self._raw) - start)
        return self._raw[start : start + size]

    def u32(self, position: int) -> int:
        """Return the unsigned 32-bit word at payload ``position``."""
        return int.from_bytes(self.bytes_at(position, 4), "little")

    def u8(self, position: int) -> int:
        """Return the byte at payload ``position``."""
        return self.bytes_at(position, 1)[0]

    @property
    def payload_bytes(self) -> int:
        """Bytes that this entry itself claims after its type word.

        For a vdev this reads the counts, for an unknown type it is 0: only its vendor knows its length.
        """
        if self.type == RSC_VDEV:
            return VDEV_BYTES + VRING_BYTES * self.num_of_vrings + self.config_len
        return _FIXED_PAYLOAD.get(self.type, 0)

    @property
    def fits(self) -> bool:
        """Whether type and payload lie inside the table."""
        if self.avail < 0 or (self.type == RSC_VDEV and self.avail < VDEV_BYTES):
            return False
        return self.payload_bytes <= self.avail

    @property
    def config_len(self) -> int:
        """Vdev: size of the configuration space in bytes, as claimed."""
        return self.u32(16)

    @property
    def num_of_vrings(self) -> int:
        """Vdev: number of vrings, as claimed."""
        return self.u8(21)

    @property
    def name(self) -> str:
        """The C string of a carveout, devmem or trace, at most 32 bytes, read without a format or a guess.

        Raises TruncatedError for an entry without a name, too.
        """
        position = NAME_AT.get(self.type)
        if position is None:
            raise TruncatedError(f"name of entry {self.index}", self.offset, NAME_BYTES, 0)
        return decode_name(self.bytes_at(position, NAME_BYTES))[0]

    def vring_position(self, vring: int) -> int:
        """Payload position of a vdev's vring descriptor; it need not be inside the table."""
        return VDEV_BYTES + VRING_BYTES * vring

    def vring_words(self, vring: int) -> tuple[int, int, int, int, int]:
        """Return da, align, num, notifyid and pa of a vdev's vring."""
        da, align, num, notifyid, pa = struct.unpack(
            "<5I", self.bytes_at(self.vring_position(vring), VRING_BYTES)
        )
        return da, align, num, notifyid, pa


@dataclass(frozen=True, slots=True)
class TableHead:
    """The 16-byte header of a table, and how many bytes the table has. Thread safety: immutable."""

    version: int
    num: int
    reserved: tuple[int, int]
    size: int

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview) -> "TableHead":
        """Read the header; raises TruncatedError when there are fewer than 16 bytes."""
        if len(data) < HEADER_BYTES:
            raise TruncatedError("resource table header", 0, HEADER_BYTES, len(data))
        version, num, first, second = struct.unpack_from("<4I", data)
        return cls(version, num, (first, second), len(data))


class TableView:
    """The header, the offset array and the entries of a table, as far as the bytes reach.

    ``raw`` are the bytes as given, gaps and slack included: writing them back re-emits any table unchanged.
    Raises TruncatedError when there are fewer than 16 bytes. Thread safety: immutable.
    """

    __slots__ = ("_present", "num", "raw", "reserved", "version")

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.raw = bytes(data)
        head = TableHead.of(self.raw)
        self.version, self.num, self.reserved = head.version, head.num, head.reserved
        self._present = min(self.num, (len(self.raw) - HEADER_BYTES) // 4)

    def __len__(self) -> int:
        return self._present

    def __iter__(self) -> Iterator[EntryView]:
        """Yield the entries in offset-array order; a table may claim more than one wants to keep."""
        array = memoryview(self.raw)[HEADER_BYTES : HEADER_BYTES + 4 * self._present]
        for index, (offset,) in enumerate(struct.iter_unpack("<I", array)):
            yield EntryView(self.raw, index, offset)

    @property
    def offsets(self) -> tuple[int, ...]:
        """The offsets that lie inside the table: fewer than ``num`` when the header claims too many."""
        return struct.unpack_from(f"<{self._present}I", self.raw, HEADER_BYTES)

    @property
    def size(self) -> int:
        """Bytes of the table, slack included."""
        return len(self.raw)

    @property
    def entries(self) -> tuple[EntryView, ...]:
        """All entries in offset-array order."""
        return tuple(self)

    def entry(self, index: int) -> EntryView:
        """Return the entry of ``offset[index]``; TruncatedError when the array has none there."""
        position = HEADER_BYTES + 4 * index
        if not 0 <= index < self._present:
            raise TruncatedError(f"offset[{index}]", position, 4, 0)
        return EntryView(self.raw, index, int.from_bytes(self.raw[position : position + 4], "little"))
