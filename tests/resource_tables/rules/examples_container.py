# SPDX-License-Identifier: Apache-2.0
"""Examples of V01 to V16 and V61: the table's section, header and offset array."""

import struct
from dataclasses import replace

from resource_tables import SHT_NOBITS, SegmentSpec, elf_image
from resource_tables.lint.profile import load_profile
from resource_tables.lint.rules.rule import Severity
from tests.resource_tables.rules.harness import Example
from tests.resource_tables.strategies import (
    raw_devmem,
    raw_table,
    raw_trace,
    raw_vdev,
    raw_vring,
)
from tests.resource_tables.test_checks_image import GOOD, SIZE, TABLE, TABLE_HEADER, patched

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR

#: Where the builder puts the table of an image with one segment.
TABLE_AT = 128
CODE = SegmentSpec(paddr=0x4000, data=b"code")
WITHOUT = elf_image(None, segments=(CODE,))
ANY_PLATFORM = replace(load_profile("linux-6.12"), table_required=False)
K3 = replace(load_profile("linux-6.12"), attach_window=256)

RINGS = (raw_vring(), raw_vring(notifyid=1))
VDEV = raw_vdev(*RINGS)


def twice(name: bytes = b".resource_table") -> bytes:
    """Return an image whose third section, that of the names, has this name, too."""
    names = GOOD.index(b"\0.resource_table\0.shstrtab\0")
    return patched(GOOD, "I", (TABLE_HEADER + 64, GOOD.index(name + b"\0") - names))


def placed(*offsets: int, size: int = 200, entries: tuple[tuple[int, bytes], ...] = ()) -> bytes:
    """Return a table with these offsets, and entries wherever they are put."""
    data = bytearray(struct.pack(f"<4I{len(offsets)}I", 1, len(offsets), 0, 0, *offsets).ljust(size, b"\0"))
    for at, entry in entries:
        data[at : at + len(entry)] = entry
    return bytes(data)


def crowded(count: int) -> bytes:
    """Return a table whose entries are all one vendor's entry behind the offset array."""
    return placed(*[16 + 4 * count] * count, size=20 + 4 * count, entries=((16 + 4 * count, b"\x80"),))


TRACE = raw_trace()
#: Unaligned offsets whose low halves are 0: four of their bytes are the type of a carveout.
IN_THE_ARRAY = struct.pack("<4I", 1, 2, 0, 0) + struct.pack("<2I", 18, 0x00010000).ljust(0x10100, b"\0")

EXAMPLES = (
    Example("V01", ERROR, None, None, None, good=GOOD, bad=WITHOUT),
    Example("V01", WARNING, None, None, None, good=GOOD, bad=WITHOUT, profile=ANY_PLATFORM),
    Example("V02", WARNING, None, "sh_name", TABLE_HEADER + 64, good=twice(b".shstrtab"), bad=twice()),
    Example(
        "V03",
        WARNING,
        None,
        "sh_type",
        TABLE_HEADER + 4,
        good=GOOD,
        bad=elf_image(TABLE, section_type=SHT_NOBITS),
    ),
    Example(
        "V04",
        ERROR,
        None,
        "sh_offset",
        TABLE_HEADER + 24,
        good=patched(GOOD, "Q", (TABLE_HEADER + 24, SIZE - 68)),
        bad=patched(GOOD, "Q", (TABLE_HEADER + 24, SIZE - 67)),
    ),
    Example("V05", ERROR, None, None, 0, good=raw_table(), bad=raw_table()[:15]),
    Example("V05", ERROR, None, None, TABLE_AT, good=elf_image(raw_table()), bad=elf_image(b"")),
    Example("V06", ERROR, None, "ver", 0, good=raw_table(), bad=raw_table(version=4)),
    Example("V06", ERROR, None, "ver", TABLE_AT, good=GOOD, bad=elf_image(bytes(224))),
    Example("V07", ERROR, None, "reserved", 12, good=raw_table(), bad=raw_table(reserved=(0, 1))),
    Example("V08", ERROR, None, "num", 4, good=raw_table(TRACE), bad=patched(raw_table(TRACE), "I", (4, 14))),
    Example("V09", WARNING, None, "num", 4, good=raw_table(TRACE), bad=raw_table()),
    Example("V10", ERROR, 0, "offset[0]", 16, good=placed(20), bad=placed(15)),
    Example("V10", ERROR, 1, "offset[1]", 20, good=placed(24, 80), bad=placed(24, 200)),
    Example("V10", ERROR, 1, "offset[1]", 20, good=placed(24, 80), bad=placed(24, 198)),
    Example(
        "V11",
        WARNING,
        0,
        "offset[0]",
        16,
        good=placed(20, entries=((20, TRACE),)),
        bad=placed(22, entries=((22, TRACE),)),
    ),
    Example("V12", WARNING, 0, "offset[0]", 16, good=placed(24, 80), bad=placed(20, 80)),
    Example("V12", ERROR, 0, "offset[0]", 16, good=placed(24, 80), bad=IN_THE_ARRAY),
    Example(
        "V13",
        WARNING,
        1,
        "offset[1]",
        20,
        good=raw_table(TRACE, TRACE),
        bad=placed(24, 24, entries=((24, TRACE),)),
    ),
    Example(
        "V13",
        ERROR,
        1,
        "offset[1]",
        20,
        good=raw_table(VDEV, VDEV),
        bad=placed(24, 24, entries=((24, VDEV),)),
    ),
    Example("V14", INFO, None, None, 68, good=raw_table(TRACE) + bytes(7), bad=raw_table(TRACE) + bytes(8)),
    Example(
        "V14",
        INFO,
        None,
        None,
        72,
        good=placed(24, 76, size=124, entries=((24, TRACE), (76, TRACE))),
        bad=placed(24, 80, size=128, entries=((24, TRACE), (80, TRACE))),
    ),
    # Room for a second offset, as some tables have it.
    Example(
        "V14", INFO, None, None, 20, good=raw_table(TRACE), bad=placed(28, size=76, entries=((28, TRACE),))
    ),
    # Only its vendor knows how long the last entry is.
    Example(
        "V14",
        INFO,
        None,
        None,
        120,
        good=placed(24, 72, entries=((24, TRACE), (72, b"\x05"))),
        bad=placed(24, 72, entries=((24, TRACE), (72, TRACE))),
    ),
    Example(
        "V15",
        WARNING,
        None,
        None,
        68,
        good=raw_table(TRACE).ljust(4096, b"\0"),
        bad=raw_table(TRACE).ljust(68 + 4096, b"\0"),
    ),
    Example(
        "V15", ERROR, None, None, 0, good=raw_table(TRACE), bad=raw_table(TRACE).ljust((4 << 20) + 1, b"\0")
    ),
    Example(
        "V16",
        WARNING,
        None,
        None,
        256,
        good=raw_table(VDEV, TRACE).ljust(4096, b"\0"),
        bad=raw_table(VDEV, *[raw_devmem()] * 4),
        profile=K3,
    ),
    Example("V61", WARNING, None, "num", 4, good=crowded(8192), bad=crowded(8193)),
)
