# SPDX-License-Identifier: Apache-2.0
"""Examples of X10 to X14 and X16: where the table lies in the image and in the core's memory."""

from resource_tables import elf_image
from resource_tables.builder import PF_RX
from resource_tables.lint.rules.rule import Severity
from resource_tables.memory_map import MemoryMap, Region
from tests.resource_tables.rules.harness import Example
from tests.resource_tables.strategies import raw_carveout, raw_table, raw_trace, raw_vdev, raw_vring
from tests.resource_tables.test_checks_image import patched

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR

VDEV = raw_table(raw_vdev(raw_vring(), raw_vring(notifyid=1)))
TRACE = raw_table(raw_trace())
HEAP = raw_table(raw_carveout(da=0x2000))
#: Its section header lies behind the image's one program header, the table and the names.
IMAGE = elf_image(VDEV)
SECTION = int.from_bytes(IMAGE[40:48], "little") + 64
FLAGS, ADDR = SECTION + 8, SECTION + 16
#: The only program header, and the fields of it that are changed here.
P_FLAGS, P_PADDR, P_FILESZ = 64 + 4, 64 + 24, 64 + 32
PT_NOTE = 4

FLASH = Region("flash", 0x8000, 0x8000, 0x1000, "rom")
RAM = MemoryMap((Region("sram", 0x1000, 0x1000, 0x1000, "tcm"), FLASH))


def linked_to(address: int, table: bytes = VDEV) -> bytes:
    """Return an image whose table is linked and loaded to this address."""
    return elf_image(table, table_addr=address)


def _small(table: bytes) -> bytes:
    """Return an image whose segment ends a byte before the table does."""
    image = elf_image(table)
    return patched(image, "Q", (P_FILESZ, len(table) - 1))


def _addr(table: bytes) -> int:
    """Return where sh_addr of the table's section lies."""
    return int.from_bytes(elf_image(table)[40:48], "little") + 64 + 16


EXAMPLES = (
    Example("X10", WARNING, None, "sh_addr", ADDR, good=linked_to(0x1FA0), bad=linked_to(0x1FB0), memory=RAM),
    Example(
        "X10",
        WARNING,
        None,
        "sh_addr",
        _addr(raw_table(raw_carveout())),
        good=linked_to(0x1000, raw_table(raw_carveout())),
        bad=linked_to(0x3000, raw_table(raw_carveout())),
        memory=RAM,
    ),
    # Nobody waits for what the host would write.
    Example(
        "X10",
        INFO,
        None,
        "sh_addr",
        _addr(HEAP),
        good=linked_to(0x2FA0, HEAP),
        bad=linked_to(0x3000, HEAP),
        memory=RAM,
    ),
    Example("X11", WARNING, None, "sh_addr", ADDR, good=IMAGE, bad=_small(VDEV)),
    Example("X11", WARNING, None, "sh_addr", ADDR, good=IMAGE, bad=patched(IMAGE, "I", (64, PT_NOTE))),
    Example("X11", INFO, None, "sh_addr", _addr(TRACE), good=elf_image(TRACE), bad=_small(TRACE)),
    Example(
        "X12",
        WARNING,
        None,
        "sh_addr",
        ADDR,
        good=patched(IMAGE, "Q", (P_PADDR, 0x20000000), (ADDR, 0x20000000)),
        bad=patched(IMAGE, "Q", (P_PADDR, 0x20000000)),
    ),
    Example("X13", WARNING, None, "p_flags", P_FLAGS, good=IMAGE, bad=patched(IMAGE, "I", (P_FLAGS, PF_RX))),
    Example("X13", WARNING, None, "sh_addr", ADDR, good=linked_to(0x1000), bad=linked_to(0x8000), memory=RAM),
    Example("X14", WARNING, None, "sh_flags", FLAGS, good=IMAGE, bad=patched(IMAGE, "Q", (FLAGS, 1))),
    Example("X16", WARNING, None, "sh_addr", ADDR, good=linked_to(0x1008), bad=linked_to(0x1002)),
    Example("X16", INFO, None, "sh_addr", ADDR, good=linked_to(0x1008), bad=linked_to(0x1004)),
    Example(
        "X16",
        WARNING,
        None,
        "sh_addr",
        int.from_bytes(elf_image(VDEV, elf_class=32)[32:36], "little") + 40 + 12,
        good=elf_image(VDEV, elf_class=32, table_addr=0x1000),
        bad=elf_image(VDEV, elf_class=32, table_addr=0x1001),
    ),
)
