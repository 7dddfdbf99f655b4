# SPDX-License-Identifier: Apache-2.0
"""What the host writes into a table, and reads back from it, while a remote core may be doing the same.

Where things lie is taken once from a trusted copy. The live bytes are only ever a place to put values and to
fetch values from: a core that scribbles over its offsets or counts changes nothing for the host.

Source: Linux remoteproc_core.c (rproc_alloc_registered_carveouts, rproc_free_vring) and remoteproc_virtio.c.
"""

from resource_tables.errors import ConfigSpaceError, NoSuchEntryError, TableError, TruncatedError
from resource_tables.model import RSC_CARVEOUT, RSC_TRACE, RSC_VDEV
from resource_tables.view import EntryView, TableView

#: Positions from the start of an entry, type word included.
_CARVEOUT_DA, _CARVEOUT_PA, _CARVEOUT_SIZE = 4, 8, 12
_VDEV_GFEATURES, _VDEV_STATUS = 16, 24
_VRING_DA, _VRING_NOTIFYID = 0, 12

#: What Linux writes into a vring's notifyid when the ring is released (-1).
NOTIFYID_NONE = 0xFFFFFFFF


class LiveTable:
    """The fields of ``buffer`` that the host owns or shares, at the offsets of ``layout_from``.

    ``layout_from`` are the checked bytes of the cached table; ``buffer`` is any writable memory of at least
    that size, such as the cached copy itself (a bytearray) or the loaded table in the core's memory. vdevs
    and vrings are counted as Linux does, ``entry`` is the index in the offset array. There is no fence
    between writes: a core reads the words after the status byte says DRIVER_OK and its bell rang.

    Raises TruncatedError when buffer or layout are too short, TableError for a read-only buffer and for
    values that do not fit their field, NoSuchEntryError for a vdev, vring or entry the layout has not.
    Thread safety: none; the caller serialises.
    """

    def __init__(self, layout_from: bytes | bytearray | memoryview, buffer: bytearray | memoryview) -> None:
        view = TableView(layout_from)
        self._bytes = memoryview(buffer).cast("B")
        if self._bytes.readonly:
            raise TableError("the live table's buffer is read-only")
        if len(self._bytes) < view.size:
            raise TruncatedError("live table", 0, view.size, len(self._bytes))
        for entry in view.entries:
            if not entry.fits:
                raise TruncatedError(f"entry {entry.index}", entry.offset, 4, entry.avail + 4)
        self._entries = view.entries
        self._vdevs = tuple(entry for entry in view.entries if entry.type == RSC_VDEV)

    @property
    def num_vdevs(self) -> int:
        """Number of vdevs in the trusted layout."""
        return len(self._vdevs)

    def num_vrings(self, vdev: int) -> int:
        """Return the number of vrings of a vdev in the trusted layout."""
        return self._vdev(vdev).num_of_vrings

    def set_carveout(self, entry: int, da: int, pa: int, size: int) -> None:
        """Write a carveout's da, pa and len; pa is cut to 32 bits as Linux does (it warns about that)."""
        start = self._carveout(entry)
        self._write(start + _CARVEOUT_DA, da)
        self._write(start + _CARVEOUT_PA, pa & 0xFFFFFFFF)
        self._write(start + _CARVEOUT_SIZE, size)

    def carveout(self, entry: int) -> tuple[int, int, int]:
        """Return da, pa and len of a carveout as they are now."""
        start = self._carveout(entry)
        return (
            self._read(start + _CARVEOUT_DA),
            self._read(start + _CARVEOUT_PA),
            self._read(start + _CARVEOUT_SIZE),
        )

    def trace(self, entry: int) -> tuple[int, int]:
        """Return da and len of a trace entry as they are now: what the core wrote there, so check them.

        Linux keeps its own copy from the pass over the table (rproc_handle_trace) and translates it anew for
        every read (rproc_trace_read).
        """
        start = self._entry(entry, RSC_TRACE).offset
        return self._read(start + 4), self._read(start + 8)

    def set_vring_da(self, vdev: int, vring: int, da: int) -> None:
        """Write a vring's device address (Linux: rp_find_vq)."""
        self._write(self._vring(vdev, vring) + _VRING_DA, da)

    def vring_da(self, vdev: int, vring: int) -> int:
        """Return a vring's device address as it is now."""
        return self._read(self._vring(vdev, vring) + _VRING_DA)

    def set_notifyid(self, vdev: int, vring: int, notifyid: int) -> None:
        """Write a vring's notify id; -1 stands for none (Linux: rproc_alloc_vring)."""
        self._write(self._vring(vdev, vring) + _VRING_NOTIFYID, NOTIFYID_NONE if notifyid == -1 else notifyid)

    def notifyid(self, vdev: int, vring: int) -> int:
        """Return a vring's notify id as it is now."""
        return self._read(self._vring(vdev, vring) + _VRING_NOTIFYID)

    def release_vring(self, vdev: int, vring: int) -> None:
        """Write da 0 and notify id -1 (Linux: rproc_free_vring, on the cached table)."""
        self.set_vring_da(vdev, vring, 0)
        self.set_notifyid(vdev, vring, NOTIFYID_NONE)

    def dfeatures(self, vdev: int) -> int:
        """Return the features the firmware offers, from the trusted layout."""
        return self._vdev(vdev).u32(8)

    def set_gfeatures(self, vdev: int, gfeatures: int) -> None:
        """Write the negotiated features; TableError for bits the 32-bit field has not (Linux: BUG_ON)."""
        self._write(self._vdev(vdev).offset + _VDEV_GFEATURES, gfeatures)

    def gfeatures(self, vdev: int) -> int:
        """Return the negotiated features as they are now."""
        return self._read(self._vdev(vdev).offset + _VDEV_GFEATURES)

    def set_status(self, vdev: int, status: int) -> None:
        """Write the virtio status byte; TableError when it is none."""
        if not 0 <= status <= 0xFF:
            raise TableError(f"status {status:#x} is not a byte")
        self._bytes[self._vdev(vdev).offset + _VDEV_STATUS] = status

    def status(self, vdev: int) -> int:
        """Return the virtio status byte as it is now."""
        return self._bytes[self._vdev(vdev).offset + _VDEV_STATUS]

    def config_size(self, vdev: int) -> int:
        """Return the size of a vdev's configuration space in bytes, from the trusted layout."""
        return self._vdev(vdev).config_len

    def config_get(self, vdev: int, offset: int, size: int) -> bytes:
        """Copy ``size`` bytes out of the configuration space.

        Raises ConfigSpaceError outside it (Linux: rproc_virtio_get logs the line and copies nothing).
        """
        start = self._config(vdev, offset, size, "rproc_virtio_get")
        return bytes(self._bytes[start : start + size])

    def config_set(self, vdev: int, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Copy ``data`` into the configuration space.

        Raises ConfigSpaceError outside it, having written nothing (Linux: rproc_virtio_set).
        """
        raw = bytes(data)
        start = self._config(vdev, offset, len(raw), "rproc_virtio_set")
        self._bytes[start : start + len(raw)] = raw

    def copy_from(self, data: bytes | bytearray | memoryview) -> None:
        """Write a whole table, as Linux copies the cached one to the loaded one.

        Raises TruncatedError, having written nothing, when it is larger than the buffer.
        """
        raw = bytes(data)
        if len(raw) > len(self._bytes):
            raise TruncatedError("live table", 0, len(raw), len(self._bytes))
        self._bytes[: len(raw)] = raw

    def tobytes(self) -> bytes:
        """Return a copy of the whole buffer as it is now."""
        return self._bytes.tobytes()

    def _entry(self, index: int, kind: int) -> EntryView:
        if not 0 <= index < len(self._entries) or self._entries[index].type != kind:
            raise NoSuchEntryError(f"entry {index} is not of type {kind} in this table")
        return self._entries[index]

    def _carveout(self, index: int) -> int:
        return self._entry(index, RSC_CARVEOUT).offset

    def _vdev(self, vdev: int) -> EntryView:
        if not 0 <= vdev < len(self._vdevs):
            raise NoSuchEntryError(f"vdev {vdev}: the table has {len(self._vdevs)}")
        return self._vdevs[vdev]

    def _vring(self, vdev: int, vring: int) -> int:
        entry = self._vdev(vdev)
        if not 0 <= vring < entry.num_of_vrings:
            raise NoSuchEntryError(f"vring {vring}: vdev {vdev} has {entry.num_of_vrings}")
        return entry.offset + 4 + entry.vring_position(vring)

    def _config(self, vdev: int, offset: int, size: int, function: str) -> int:
        entry = self._vdev(vdev)
        if offset < 0 or size < 0 or offset + size > entry.config_len:
            raise ConfigSpaceError(f"{function}: access out of bounds")
        return entry.offset + 4 + entry.vring_position(entry.num_of_vrings) + offset

    def _write(self, position: int, value: int) -> None:
        if not 0 <= value < 1 << 32:
            raise TableError(f"{value:#x} does not fit the 32 bits of a resource table's word")
        # Not struct.pack_into: it zeroes the word first, which a core could see.
        self._bytes[position : position + 4] = value.to_bytes(4, "little")

    def _read(self, position: int) -> int:
        return int.from_bytes(self._bytes[position : position + 4], "little")
