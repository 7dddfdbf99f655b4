# SPDX-License-Identifier: Apache-2.0
"""The bytes of rpmsg: constants, the message header and the name-service message.

Source: Linux drivers/rpmsg/virtio_rpmsg_bus.c, include/linux/rpmsg.h, include/linux/rpmsg/ns.h.
"""

import struct
from typing import NamedTuple

from rpmsg.errors import WireError

ADDR_ANY = 0xFFFF_FFFF
NS_ADDR = 53
#: First address handed out for ADDR_ANY; those below are for fixed services.
RESERVED_ADDRESSES = 1024
NAME_SIZE = 32
VIRTIO_ID_RPMSG = 7
#: Feature bit: the device announces its services.
F_NS = 0
#: Buffers per direction, however large the ring is (Linux: MAX_RPMSG_NUM_BUFS / 2).
MAX_BUFFERS = 256
HEADER_SIZE = 16
NS_DESTROY = 1

_HEADER = struct.Struct("<IIIHH")
_NS = struct.Struct(f"<{NAME_SIZE}sII")
NS_SIZE = _NS.size


class Header(NamedTuple):
    """The 16 bytes before each payload. Thread safety: immutable."""

    src: int
    dst: int
    reserved: int
    len: int
    flags: int

    def pack(self) -> bytes:
        """Return the 16 bytes."""
        return _HEADER.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> "Header":
        """Read the first 16 bytes of data; WireError when there are fewer."""
        if len(data) < HEADER_SIZE:
            raise WireError(f"a header has {HEADER_SIZE} bytes, not {len(data)}")
        return cls(*_HEADER.unpack_from(data))


class NsMessage(NamedTuple):
    """What a core says to address 53: a service begins or ends. Thread safety: immutable."""

    #: The bytes before the first NUL, at most 31.
    name: bytes
    addr: int
    flags: int
    #: False when the sender filled all 32 bytes: as Linux does, the last one was taken for a NUL.
    terminated: bool = True

    @property
    def destroys(self) -> bool:
        """True for the end of a service."""
        return bool(self.flags & NS_DESTROY)

    def pack(self) -> bytes:
        """Return the 40 bytes; WireError for a name of more than 31."""
        if len(self.name) >= NAME_SIZE:
            raise WireError(f"a service name has at most {NAME_SIZE - 1} bytes: {self.name!r}")
        return _NS.pack(self.name, self.addr, self.flags)

    @classmethod
    def unpack(cls, data: bytes) -> "NsMessage":
        """Read a payload of exactly 40 bytes; WireError for any other length (Linux: rpmsg_ns_cb)."""
        if len(data) != NS_SIZE:
            raise WireError(f"malformed ns msg ({len(data)})")
        field, addr, flags = _NS.unpack(data)
        name, nul, _ = field[: NAME_SIZE - 1].partition(b"\0")
        return cls(name, addr, flags, bool(nul) or field[-1] == 0)
