# SPDX-License-Identifier: Apache-2.0
"""For every check of Linux's loader a file that fails it and none before it, under the check's name."""

import struct

from resource_tables import Carveout, ResourceTable, Trace, Vdev, Vring, emit
from tests.corpus import change
from tests.corpus.layouts import image, rpmsg, table
from tests.resource_tables.strategies import (
    raw_carveout,
    raw_devmem,
    raw_table,
    raw_trace,
    raw_vdev,
    raw_vring,
)

_TABLE = table(
    Carveout(name="code", da=0x1000, size=0x10000), rpmsg(256, 4096), Trace(name="trace", da=0x1000, size=64)
)
GOOD = image(_TABLE, at=0x2000, code_at=0x1000)
_RINGS = (raw_vring(notifyid=0), raw_vring(notifyid=1))


def _wide() -> bytes:
    """Return an ELF64 file that ends inside its header."""
    return change.ident(GOOD, 4, 2)[:60]


def _offset(value: int, size: int = 24) -> bytes:
    """Return a table with one entry, of type 2, at ``value``."""
    return struct.pack("<6I", 1, 1, 0, 0, value, 2)[:size]


def _behind(*, ring: Vring, carveout: Carveout) -> bytes:
    """Return a table with a carveout that is named for a ring before it."""
    return emit(ResourceTable((Vdev(id=7, dfeatures=1, vrings=(ring, ring)), carveout)))


IMAGES: dict[str, bytes] = {
    "einval-elf-size": GOOD[:51],
    "einval-elf-magic": change.ident(GOOD, 0, 0x7E),
    "einval-elf-class": change.ident(GOOD, 4, 3),
    "einval-elf64-size": _wide(),
    "einval-elf-endianness": change.ident(GOOD, 5, 2),
    "einval-elf-shoff": change.header(GOOD, shoff=len(GOOD) + 1),
    "einval-elf-shnum": change.header(GOOD, shnum=4),
    "einval-elf-shstrndx": change.header(GOOD, shstrndx=3),
    "einval-elf-section-header": change.header(GOOD, shoff=len(GOOD) - 39, shnum=0, shstrndx=0),
    "einval-elf-phnum": change.header(GOOD, phnum=0),
    "einval-elf-phoff": change.header(GOOD, phoff=len(GOOD) + 1),
    "einval-table-section-bounds": change.section(GOOD, 1, size=len(GOOD)),
}

#: Without the errno: what Linux loads no table from.
NO_TABLE: dict[str, bytes] = {"table-section": change.section(GOOD, 1, name=2)}

TABLES: dict[str, bytes] = {
    "einval-table-header": table()[:15],
    "einval-table-version": table(version=2),
    "einval-table-reserved": raw_table(reserved=(0, 1)),
    "einval-table-num": struct.pack("<5I", 1, 2, 0, 0, 20),
    "einval-table-num-wraps": struct.pack("<5I", 1, 0x40000001, 0, 0, 20),
    "einval-entry-offset-header": _offset(12),
    "einval-entry-offset-end": _offset(24),
    "einval-entry-offset-end-signed": _offset(0xFFFFFFF0),
    "einval-entry-type-room": _offset(20, 23),
    "einval-carveout-size": raw_table(raw_carveout())[:-1],
    "einval-carveout-reserved": raw_table(raw_carveout(reserved=1)),
    "enomem-carveout-name": raw_table(raw_carveout(b"a"), raw_carveout(b"a")),
    "enomem-carveout-name-empty": raw_table(raw_carveout(b""), raw_carveout(b"")),
    "einval-devmem-size": raw_table(raw_devmem())[:-1],
    "einval-devmem-reserved": raw_table(raw_devmem(reserved=1)),
    "einval-trace-size": raw_table(raw_trace())[:-1],
    "einval-trace-reserved": raw_table(raw_trace(reserved=1)),
    "einval-vdev-size": raw_table(raw_vdev(*_RINGS))[:-1],
    "einval-vdev-size-config": raw_table(raw_vdev(*_RINGS, config_len=0xFFFFFFFF)),
    # Neither count lies inside the table any more.
    "einval-vdev-size-counts": raw_table(raw_vdev())[:40],
    "einval-vdev-reserved": raw_table(raw_vdev(*_RINGS, reserved=b"\0\1")),
    "einval-vdev-vrings": raw_table(raw_vdev(*_RINGS, *_RINGS)),
    "enomem-late-region-len": _behind(
        ring=Vring(num=256, align=4096), carveout=Carveout(name="vdev0vring1", size=0x4000)
    ),
    "enomem-late-region-any": _behind(
        ring=Vring(num=256, align=4096), carveout=Carveout(name="vdev0vring1", da=0x4000, size=0x3000)
    ),
    "enomem-late-region-da": _behind(
        ring=Vring(num=256, align=4096, da=0x8000),
        carveout=Carveout(name="vdev0vring0", da=0x7000, size=0x3000),
    ),
    "enomem-late-region-end": _behind(
        ring=Vring(num=256, align=4096, da=0x8000),
        carveout=Carveout(name="vdev0vring0", da=0x9000, size=0x3000),
    ),
}
