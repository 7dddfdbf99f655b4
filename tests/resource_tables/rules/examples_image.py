# SPDX-License-Identifier: Apache-2.0
"""Examples of X01 to X04, X15, X17 and X18: the image as a whole."""

from dataclasses import replace

from resource_tables import SegmentSpec, elf_image
from resource_tables.lint.profile import load_profile
from resource_tables.lint.rules.rule import Severity
from resource_tables.memory_map import MemoryMap, Region
from tests.resource_tables.rules.harness import Example
from tests.resource_tables.strategies import raw_carveout, raw_table, raw_vdev, raw_vring
from tests.resource_tables.test_checks_image import GOOD, SIZE, TABLE, patched

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR

LINUX_6_1 = load_profile("linux-6.1")
ECU_HOST = load_profile("ecu-host")
#: It claims a section more than it has, at the end of the file.
SECTIONS_OUT = patched(GOOD, "H", (60, 4))
#: Its only program header begins in the file and ends behind it.
PHDRS_OUT = patched(GOOD, "Q", (32, SIZE - 1))
CORTEX_M = replace(load_profile("linux-6.12"), machines=(40,))

CODE = SegmentSpec(paddr=0x4000, data=b"code", memsz=64)
DATA = SegmentSpec(paddr=0x8000, data=b"data", flags=6)
VIRTUAL = replace(CODE, vaddr=0x10004000)


def started_at(entry: int, *segments: SegmentSpec) -> bytes:
    """Return an image with this entry point."""
    return elf_image(TABLE, entry=entry, segments=segments or (CODE, DATA))


def _reserved(size: int) -> MemoryMap:
    ring = Region("vdev0vring0", 0x80000000, 0x80000000, 0x4000)
    pool = Region("pool", 0x81000000, 0x81000000, size)
    return MemoryMap((ring, pool, Region("ddr", 0x80000000, 0x80000000, 1 << 30, "ram")))


#: The second ring takes 1 page, 16 buffers of 512 bytes take 2: with the carveout 5.
SMALL = raw_table(raw_carveout(size=0x1001), raw_vdev(raw_vring(8), raw_vring(8)))
LARGE = raw_table(raw_carveout(size=0x2001), raw_vdev(raw_vring(8), raw_vring(8)))

EXAMPLES = (
    Example("X01", ERROR, None, None, None, good=GOOD, bad=GOOD[:51]),
    Example("X01", ERROR, None, None, 0, good=GOOD, bad=b"\x7fELE" + GOOD[4:], raw=False),
    Example("X01", ERROR, None, "e_ident[EI_CLASS]", 4, good=GOOD, bad=patched(GOOD, "B", (4, 3))),
    Example("X01", ERROR, None, None, None, good=GOOD, bad=GOOD[:63]),
    Example("X01", ERROR, None, "e_ident[EI_DATA]", 5, good=GOOD, bad=elf_image(TABLE, big_endian=True)),
    Example("X01", ERROR, None, "e_phnum", 56, good=GOOD, bad=patched(GOOD, "H", (56, 0))),
    Example("X02", ERROR, None, "e_shnum", 60, good=GOOD, bad=SECTIONS_OUT),
    Example("X02", WARNING, None, "e_shnum", 60, good=GOOD, bad=SECTIONS_OUT, profile=LINUX_6_1),
    Example("X02", ERROR, None, "e_shstrndx", 62, good=GOOD, bad=patched(GOOD, "H", (62, 3))),
    Example("X02", ERROR, None, "e_shoff", 40, good=GOOD, bad=patched(GOOD, "Q", (40, SIZE + 1)), more=2),
    Example("X03", ERROR, None, "e_phoff", 32, good=GOOD, bad=patched(GOOD, "Q", (32, SIZE + 1))),
    Example("X03", WARNING, None, "e_phnum", 56, good=GOOD, bad=PHDRS_OUT),
    Example(
        "X03",
        ERROR,
        None,
        "e_phnum",
        56,
        good=GOOD,
        bad=PHDRS_OUT,
        profile=ECU_HOST,
    ),
    Example("X04", WARNING, None, "e_phnum", 56, good=GOOD, bad=patched(GOOD, "H", (56, 0xFFFF))),
    # A stripped image has neither section headers nor a place for them.
    Example(
        "X04",
        WARNING,
        None,
        "e_shnum",
        60,
        good=patched(patched(GOOD, "H", (60, 0), (62, 0)), "Q", (40, 0)),
        bad=patched(GOOD, "H", (60, 0)),
    ),
    Example("X04", WARNING, None, "e_shstrndx", 62, good=GOOD, bad=patched(GOOD, "H", (62, 0xFFFF))),
    Example("X15", WARNING, None, "e_entry", 24, good=started_at(0), bad=started_at(0x8000)),
    Example("X15", WARNING, None, "e_entry", 24, good=started_at(0x403F), bad=started_at(0x4040)),
    Example(
        "X15",
        WARNING,
        None,
        "e_entry",
        24,
        good=started_at(0x10004001, VIRTUAL),
        bad=started_at(0x10003FFF, VIRTUAL),
    ),
    Example(
        "X17",
        INFO,
        None,
        "e_machine",
        18,
        good=elf_image(TABLE, machine=40),
        bad=elf_image(TABLE, machine=62),
        profile=CORTEX_M,
    ),
    Example("X18", INFO, None, None, 0, good=SMALL, bad=LARGE, memory=_reserved(0x5000)),
)
