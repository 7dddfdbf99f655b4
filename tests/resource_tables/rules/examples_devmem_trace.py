# SPDX-License-Identifier: Apache-2.0
"""Examples of V42 to V48: devmem entries and trace buffers."""

from dataclasses import replace

from resource_tables import ADDR_ANY, Carveout, Devmem, ResourceTable, Trace, elf_image, emit
from resource_tables.lint.profile import load_profile
from resource_tables.lint.rules.rule import Severity
from resource_tables.memory_map import MemoryMap, Region
from tests.resource_tables.rules.examples_carveouts import (
    ECU_HOST,
    MEMORY,
    WITH_IOMMU,
    carveout,
    rpmsg,
    table,
)
from tests.resource_tables.rules.harness import Example

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR

UART = Devmem(name="uart", da=0x48000000, pa=0x4A000000, size=0x1000)
LOG = Trace(name="trace0", da=0x20000, size=0x1000)
WITHOUT_IOMMU = replace(load_profile("linux-6.12"), iommu=False)


def log_over_table(da: int) -> bytes:
    """Return an image with a log at ``da`` and its table, 68 bytes, at 0x1000; in the file it is at 128."""
    raw = emit(ResourceTable((replace(LOG, da=da, size=0x100),)))
    return elf_image(raw, table_addr=0x1000, machine=40)


EXAMPLES = (
    Example("V42", INFO, 0, None, 20, good=carveout(), bad=table(UART)),
    Example("V42", ERROR, 0, None, 20, good=carveout(), bad=table(UART), profile=WITHOUT_IOMMU),
    Example("V42", ERROR, 0, None, 20, good=carveout(), bad=table(UART), profile=ECU_HOST),
    Example("V43", WARNING, 0, "da", 24, good=table(UART), bad=table(replace(UART, da=0x48000010))),
    Example("V43", WARNING, 0, "pa", 28, good=table(UART), bad=table(replace(UART, pa=0x4A000010))),
    Example("V43", WARNING, 0, "len", 32, good=table(UART), bad=table(replace(UART, size=0))),
    Example("V43", INFO, 0, "pa", 28, good=table(UART), bad=table(replace(UART, pa=0))),
    Example(
        "V43",
        ERROR,
        0,
        "len",
        32,
        good=table(UART),
        bad=table(replace(UART, size=0x100)),
        profile=WITH_IOMMU,
    ),
    Example(
        "V43", ERROR, 0, "da", 24, good=table(UART), bad=table(replace(UART, da=ADDR_ANY)), profile=WITH_IOMMU
    ),
    Example(
        "V44",
        WARNING,
        1,
        "da",
        84,
        good=table(UART, replace(UART, da=0x48001000)),
        bad=table(replace(UART, size=0x2000), replace(UART, da=0x48001000)),
    ),
    Example(
        "V44",
        WARNING,
        0,
        "da",
        28,
        good=table(UART, Carveout(name="code", da=0x48001000, size=0x1000)),
        bad=table(UART, Carveout(name="code", da=0x47FFF000, size=0x2000)),
    ),
    Example(
        "V45",
        WARNING,
        0,
        "pa",
        28,
        good=table(replace(UART, pa=0x90000000)),
        bad=table(replace(UART, pa=0x80000000)),
        memory=MEMORY,
    ),
    # One page of the two is ordinary memory.
    Example(
        "V45",
        WARNING,
        0,
        "pa",
        28,
        good=table(replace(UART, pa=0x900FF000)),
        bad=table(replace(UART, pa=0x900FF000, size=0x2000)),
        memory=MEMORY,
    ),
    Example("V46", WARNING, 0, "len", 28, good=table(LOG), bad=table(replace(LOG, size=0))),
    Example(
        "V46",
        WARNING,
        0,
        "len",
        28,
        good=table(replace(LOG, size=1 << 20)),
        bad=table(replace(LOG, size=(1 << 20) + 1)),
    ),
    Example("V46", WARNING, 0, "da", 24, good=table(LOG), bad=table(replace(LOG, da=ADDR_ANY))),
    Example(
        "V46",
        WARNING,
        0,
        "da",
        24,
        good=table(replace(LOG, da=0xFFFFF000)),
        bad=table(replace(LOG, da=0xFFFFF001)),
    ),
    Example(
        "V47",
        WARNING,
        1,
        "da",
        84,
        good=table(Carveout(name="log", da=0x20000, size=0x1000), LOG),
        bad=table(Carveout(name="log", da=0x20000, size=0x800), LOG),
        memory=MEMORY,
    ),
    Example(
        "V47",
        WARNING,
        0,
        "da",
        24,
        good=table(replace(LOG, da=0x900FF000)),
        bad=table(replace(LOG, da=0xC0000000)),
        memory=MEMORY,
    ),
    # A ring at 0x10000 of 10246 bytes; its pages are longer.
    Example(
        "V48",
        ERROR,
        1,
        "da",
        96,
        good=table(rpmsg(0x10000, 0x14000), replace(LOG, da=0x12806)),
        bad=table(rpmsg(0x10000, 0x14000), replace(LOG, da=0x12805)),
    ),
    # The ring lies at the start of the carveout that has its name.
    Example(
        "V48",
        ERROR,
        2,
        "da",
        156,
        good=table(Carveout(name="vdev0vring0", da=0x1C000, size=0x5000), rpmsg(), LOG),
        bad=table(Carveout(name="vdev0vring0", da=0x20000, size=0x5000), rpmsg(), LOG),
    ),
    # The buffers are the first 256 KiB of their carveout; behind them is room for a log.
    Example(
        "V48",
        ERROR,
        2,
        "da",
        156,
        good=table(
            Carveout(name="vdev0buffer", da=0x100000, size=0x50000), rpmsg(), replace(LOG, da=0x140000)
        ),
        bad=table(
            Carveout(name="vdev0buffer", da=0x100000, size=0x50000), rpmsg(), replace(LOG, da=0x13FFFF)
        ),
    ),
    Example(
        "V48",
        ERROR,
        1,
        "da",
        96,
        good=table(rpmsg(num=8), replace(LOG, da=0x22000)),
        bad=table(rpmsg(num=8), LOG),
        memory=MemoryMap((Region("vdev0buffer", 0x20000, 0x20000, 0x2000),)),
    ),
    Example("V48", ERROR, 0, "da", 152, good=log_over_table(0x1044), bad=log_over_table(0xFFF)),
)
