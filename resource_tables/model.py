# SPDX-License-Identifier: Apache-2.0
"""What a resource table says: values without offsets and bytes, none of which can be built wrong.

The values keep everything an entry holds, reserved words and bytes behind a name's terminator included, so
``parse(emit(table)) == table`` for every table that can be built. What they do not keep is *where* an entry
lay and what lay between entries: the original bytes of a parsed table are ``TableView(data).raw``.

Layouts: Linux include/linux/remoteproc.h, struct resource_table and struct fw_rsc_*.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from resource_tables.errors import TableError

#: "The host chooses the address" (Linux: FW_RSC_ADDR_ANY, -1 as u32).
ADDR_ANY = 0xFFFFFFFF

RSC_CARVEOUT = 0
RSC_DEVMEM = 1
RSC_TRACE = 2
RSC_VDEV = 3
#: First and last type number for a platform's own entries, both inclusive.
RSC_VENDOR_START = 128
RSC_VENDOR_END = 512

NAME_BYTES = 32


def decode_name(field: bytes) -> tuple[str, bytes]:
    """Split a 32-byte name field into the C string and what follows its terminator, trailing zeros dropped.

    Bytes that are not UTF-8 become lone surrogates, as in ``os.fsdecode``, and survive the way back.
    """
    name, _, tail = field.partition(b"\0")
    return name.decode("utf-8", "surrogateescape"), tail.rstrip(b"\0")


def encode_name(name: str, tail: bytes = b"") -> bytes:
    """Make the 32-byte field; exactly 32 bytes of name leave no terminator.

    Raises TableError when the name cannot be stored so that :func:`decode_name` gives it back.
    """
    try:
        raw = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise TableError(f"name {name!r} has no bytes: {error.reason}") from None
    field = raw + b"\0" + tail if tail else raw
    if len(field) > NAME_BYTES:
        raise TableError(f"name {name!r} needs {len(field)} bytes, the field has {NAME_BYTES}")
    padded = field.ljust(NAME_BYTES, b"\0")
    if decode_name(padded) != (name, tail):
        raise TableError(f"name {name!r} would be read back as {decode_name(padded)[0]!r}")
    return padded


def _check_uint(owner: object, bits: int, *fields: str) -> None:
    for field in fields:
        value = getattr(owner, field)
        if not isinstance(value, int) or not 0 <= value < 1 << bits:
            raise TableError(
                f"{type(owner).__name__}.{field} is {value!r}, not an unsigned {bits}-bit number"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Carveout:
    """Memory the firmware asks for (struct fw_rsc_carveout).

    Raises TableError when a field does not fit. Thread safety: immutable.
    """

    TYPE: ClassVar[int] = RSC_CARVEOUT
    name: str
    size: int  #: bytes
    da: int = ADDR_ANY  #: device address, or ADDR_ANY
    pa: int = 0  #: physical address, written by the host
    flags: int = 0  #: IOMMU protection bits: READ 1, WRITE 2, CACHE 4, NOEXEC 8, MMIO 16, PRIV 32
    reserved: int = 0  #: Linux refuses any other value than 0
    name_tail: bytes = b""  #: bytes behind the name's terminator

    def __post_init__(self) -> None:
        _check_uint(self, 32, "size", "da", "pa", "flags", "reserved")
        encode_name(self.name, self.name_tail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Devmem:
    """A peripheral to be mapped by the IOMMU (struct fw_rsc_devmem).

    Raises TableError when a field does not fit. Thread safety: immutable.
    """

    TYPE: ClassVar[int] = RSC_DEVMEM
    name: str
    size: int  #: bytes
    da: int  #: device address to map at
    pa: int  #: physical address to map
    flags: int = 0  #: IOMMU protection bits, as in Carveout
    reserved: int = 0
    name_tail: bytes = b""

    def __post_init__(self) -> None:
        _check_uint(self, 32, "size", "da", "pa", "flags", "reserved")
        encode_name(self.name, self.name_tail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A buffer the firmware logs into (struct fw_rsc_trace).

    Raises TableError when a field does not fit. Thread safety: immutable.
    """

    TYPE: ClassVar[int] = RSC_TRACE
    name: str
    size: int  #: bytes
    da: int
    reserved: int = 0
    name_tail: bytes = b""

    def __post_init__(self) -> None:
        _check_uint(self, 32, "size", "da", "reserved")
        encode_name(self.name, self.name_tail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vring:
    """One ring of a vdev (struct fw_rsc_vdev_vring).

    Raises TableError when a field does not fit. Thread safety: immutable.
    """

    num: int  #: number of descriptors
    align: int  #: alignment between the available and the used part, bytes
    da: int = ADDR_ANY
    notifyid: int = 0
    pa: int = 0

    def __post_init__(self) -> None:
        _check_uint(self, 32, "num", "align", "da", "notifyid", "pa")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vdev:
    """A virtio device (struct fw_rsc_vdev): 7 is rpmsg, 11 a serial port.

    Raises TableError when a field does not fit. Thread safety: immutable.
    """

    TYPE: ClassVar[int] = RSC_VDEV
    id: int
    vrings: tuple[Vring, ...]
    dfeatures: int = 0
    gfeatures: int = 0
    notifyid: int = 0
    config: bytes = b""
    status: int = 0
    reserved: int = 0  #: the two reserved bytes as one little-endian number

    def __post_init__(self) -> None:
        _check_uint(self, 32, "id", "dfeatures", "gfeatures", "notifyid")
        _check_uint(self, 16, "reserved")
        _check_uint(self, 8, "status")
        object.__setattr__(self, "vrings", tuple(self.vrings))
        object.__setattr__(self, "config", bytes(self.config))
        if len(self.vrings) > 255:
            raise TableError(f"Vdev.vrings has {len(self.vrings)} rings, the count is one byte")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """An entry of a type only its vendor understands, byte for byte.

    Nothing in the table says how long such an entry is: ``body`` reaches to the next entry or to the end of
    the table. Raises TableError for the types 0 to 3. Thread safety: immutable.
    """

    type: int
    body: bytes

    def __post_init__(self) -> None:
        _check_uint(self, 32, "type")
        object.__setattr__(self, "body", bytes(self.body))
        if self.type <= RSC_VDEV:
            raise TableError(f"Unknown.type is {self.type}, which is a known type")

    @property
    def is_vendor(self) -> bool:
        """Whether the type lies in the range Linux hands to the platform driver."""
        return RSC_VENDOR_START <= self.type <= RSC_VENDOR_END


Entry = Carveout | Devmem | Trace | Vdev | Unknown


@dataclass(frozen=True, slots=True)
class ResourceTable:
    """A whole table; ``entries[i]`` is the entry of ``offset[i]``.

    Raises TableError when a field does not fit. Thread safety: immutable.
    """

    entries: tuple[Entry, ...] = ()
    version: int = 1
    reserved: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        _check_uint(self, 32, "version")
        object.__setattr__(self, "entries", tuple(self.entries))
        object.__setattr__(self, "reserved", tuple(self.reserved))
        if [0 <= word < 1 << 32 for word in self.reserved] != [True, True]:
            raise TableError(f"ResourceTable.reserved is {self.reserved!r}, not two 32-bit words")

    @property
    def carveouts(self) -> tuple[Carveout, ...]:
        """The carveouts in table order."""
        return tuple(entry for entry in self.entries if isinstance(entry, Carveout))

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The trace buffers in table order: the N of Linux's ``traceN`` is the index here."""
        return tuple(entry for entry in self.entries if isinstance(entry, Trace))

    @property
    def vdevs(self) -> tuple[Vdev, ...]:
        """The vdevs in table order: the X of ``vdevXvringY`` is the index here."""
        return tuple(entry for entry in self.entries if isinstance(entry, Vdev))

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)


def vring_name(vdev: int, vring: int) -> str:
    """Name of the carveout that holds a ring (Linux remoteproc_core.c: rproc_parse_vring).

    Thread safety: any thread.
    """
    return f"vdev{vdev}vring{vring}"


def buffer_name(vdev: int) -> str:
    """Name of the carveout that holds a vdev's buffers (Linux remoteproc_virtio.c: rproc_add_virtio_dev).

    Thread safety: any thread.
    """
    return f"vdev{vdev}buffer"
