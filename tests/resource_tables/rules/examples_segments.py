# SPDX-License-Identifier: Apache-2.0
"""Examples of X05 to X09: what is loaded, and where."""

from dataclasses import replace

from resource_tables import SegmentSpec, elf_image
from resource_tables.lint.rules.rule import Severity
from resource_tables.memory_map import MemoryMap, Region
from tests.resource_tables.rules.harness import Example
from tests.resource_tables.strategies import raw_carveout, raw_table, raw_vdev, raw_vring
from tests.resource_tables.test_checks_image import GOOD, SIZE, TABLE, patched

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR

#: Where p_paddr of segment 0, 1 and 2 lies in an ELF64 file.
PADDR_0, PADDR_1, PADDR_2 = 88, 144, 200
EM_TI_PRU = 144
CODE = SegmentSpec(paddr=0x4000, data=b"code", memsz=64)
DATA = SegmentSpec(paddr=0x4040, data=b"data", memsz=64, flags=6)

HIGH = Region("high", 1 << 32, 1 << 32, 0x1000, "ram")
BOARD = MemoryMap((Region("sram", 0x1000, 0x1000, 0x1000, "tcm"), HIGH))

RINGS = raw_vdev(raw_vring(8, 16, 0x20000), raw_vring(8, 16, 0x21000))
#: A ring of 8 descriptors at alignment 16 takes 230 bytes.
RING_BYTES = 230
POOL = raw_carveout(b"vdev0buffer", da=0x30000, size=0x2000)


def loaded(*segments: SegmentSpec, table: bytes = TABLE, machine: int = 40) -> bytes:
    """Return an image of the table's segment and these."""
    return elf_image(table, segments=segments, machine=machine)


def beside_ring(segment: SegmentSpec) -> bytes:
    """Return an image with two rings, a pool of buffers, and this segment."""
    return loaded(segment, table=raw_table(POOL, RINGS))


EXAMPLES = (
    Example("X05", ERROR, None, "p_filesz", 64 + 32, good=GOOD, bad=patched(GOOD, "Q", (64 + 40, 0x43))),
    Example(
        "X05",
        ERROR,
        None,
        "p_offset",
        64 + 8,
        good=patched(GOOD, "Q", (64 + 8, SIZE - 68)),
        bad=patched(GOOD, "Q", (64 + 8, SIZE - 67)),
    ),
    Example("X06", ERROR, None, "p_paddr", PADDR_1, good=loaded(), bad=loaded(CODE), memory=BOARD),
    Example(
        "X06",
        ERROR,
        None,
        "p_paddr",
        PADDR_1,
        good=loaded(CODE, table=raw_table(raw_carveout(da=0x4000, size=64))),
        bad=loaded(CODE, table=raw_table(raw_carveout(da=0x4000, size=63))),
        memory=BOARD,
    ),
    Example(
        "X07",
        WARNING,
        None,
        "p_paddr",
        PADDR_1,
        good=loaded(replace(CODE, paddr=(1 << 32) - 64)),
        bad=loaded(replace(CODE, paddr=(1 << 32) - 63)),
    ),
    Example(
        "X07",
        WARNING,
        None,
        "p_paddr",
        PADDR_1,
        good=loaded(replace(CODE, paddr=1 << 32)),
        bad=loaded(replace(CODE, paddr=1 << 33)),
        memory=BOARD,
    ),
    # The tail that is cleared reaches into the next segment, then the bytes themselves do.
    Example(
        "X08",
        WARNING,
        None,
        "p_paddr",
        PADDR_2,
        good=loaded(CODE, DATA),
        bad=loaded(replace(CODE, memsz=65), DATA),
    ),
    Example(
        "X08",
        ERROR,
        None,
        "p_paddr",
        PADDR_2,
        good=loaded(CODE, replace(CODE, paddr=0x4040)),
        bad=loaded(CODE, replace(CODE, paddr=0x4003)),
    ),
    # A PRU has two memories at address 0, other cores have one.
    Example(
        "X08",
        WARNING,
        None,
        "p_paddr",
        PADDR_2,
        good=loaded(CODE, replace(DATA, paddr=0x4000), machine=EM_TI_PRU),
        bad=loaded(CODE, replace(DATA, paddr=0x4000)),
    ),
    Example(
        "X08",
        ERROR,
        None,
        "p_paddr",
        PADDR_2,
        good=loaded(CODE, replace(CODE, paddr=0x4040), machine=EM_TI_PRU),
        bad=loaded(CODE, CODE, machine=EM_TI_PRU),
    ),
    Example(
        "X09",
        ERROR,
        None,
        "p_paddr",
        PADDR_1,
        good=beside_ring(SegmentSpec(paddr=0x20000 + RING_BYTES, data=b"x")),
        bad=beside_ring(SegmentSpec(paddr=0x20000 + RING_BYTES - 1, data=b"x")),
    ),
    Example(
        "X09",
        ERROR,
        None,
        "p_paddr",
        PADDR_1,
        good=beside_ring(SegmentSpec(paddr=0x32000, data=b"x")),
        bad=beside_ring(SegmentSpec(paddr=0x31FFF, data=b"x")),
    ),
    # Linker scripts set the memory of rings aside with a segment that has no bytes.
    Example(
        "X09",
        INFO,
        None,
        "p_paddr",
        PADDR_1,
        good=beside_ring(SegmentSpec(paddr=0x22000, memsz=0x1000, flags=6)),
        bad=beside_ring(SegmentSpec(paddr=0x20000, memsz=0x2000, flags=6)),
    ),
)
