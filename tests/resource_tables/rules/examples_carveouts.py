# SPDX-License-Identifier: Apache-2.0
"""Examples of V25 to V41: carveouts, and those whose names Linux reserves."""

from dataclasses import replace

from resource_tables import (
    ADDR_ANY,
    Carveout,
    Entry,
    ResourceTable,
    SegmentSpec,
    Vdev,
    Vring,
    elf_image,
    emit,
)
from resource_tables.lint.profile import load_profile
from resource_tables.lint.rules.rule import Severity
from resource_tables.memory_map import MemoryMap, Region
from tests.resource_tables.rules.harness import Example

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR

WITH_IOMMU = replace(load_profile("linux-6.12"), iommu=True)
OPENAMP = load_profile("openamp")
ECU_HOST = load_profile("ecu-host")

#: Ordinary memory and a piece of it that is set aside for the core.
MEMORY = MemoryMap(
    (
        Region("ddr", 0x80000000, 0x80000000, 0x40000000, "ram"),
        Region("shared", 0x90000000, 0x90000000, 0x100000),
        Region("anywhere", ADDR_ANY, 0, 0x4000),
    )
)
RING = Vring(num=256, align=4096)
#: A ring of 256 descriptors at alignment 4096 takes 10246 bytes, three pages.
RING_PAGES = 0x3000


def rpmsg(*das: int, num: int = 256) -> Vdev:
    """Return an rpmsg device with two rings at these addresses, or at any."""
    first, second = das or (ADDR_ANY, ADDR_ANY)
    rings = (
        Vring(num=num, align=4096, da=first, notifyid=0),
        Vring(num=num, align=4096, da=second, notifyid=1),
    )
    return Vdev(id=7, dfeatures=1, vrings=rings)


def table(*entries: Entry) -> bytes:
    """Return a table in the usual layout: entries of a table with one begin at 20, with two at 24."""
    return emit(ResourceTable(entries))


def carveout(
    name: str = "code", da: int = ADDR_ANY, size: int = 0x1000, pa: int = 0, flags: int = 0
) -> bytes:
    """Return a table with one carveout; its name lies at 44."""
    return table(Carveout(name=name, da=da, size=size, pa=pa, flags=flags))


def named(name: str, da: int = ADDR_ANY, size: int = 0x10000, vdev: Vdev | None = None) -> bytes:
    """Return a table of a carveout (at 24) and an rpmsg device (at 80)."""
    return table(Carveout(name=name, da=da, size=size), vdev or rpmsg())


def late(name: str, size: int, da: int = ADDR_ANY) -> bytes:
    """Return a table of an rpmsg device (at 24) and a carveout (at 92), whose len is at 104."""
    return table(rpmsg(), Carveout(name=name, da=da, size=size))


def two(first: Carveout, second: Carveout) -> bytes:
    """Return a table of two carveouts, at 24 and 80."""
    return table(first, second)


def loaded_at_zero(da_of_code: int) -> bytes:
    """Return an image with a carveout at 0, and code somewhere; its table lies at 176 in the file."""
    code = SegmentSpec(paddr=da_of_code, data=bytes(64))
    return elf_image(carveout(da=0, size=0x10000), table_addr=0x40000, segments=(code,), machine=40)


LOW = Carveout(name="low", da=0x10000, size=0x2000)

EXAMPLES = (
    Example(
        "V25", ERROR, 1, "name", 104, good=two(LOW, replace(LOW, name="high", da=0x20000)), bad=two(LOW, LOW)
    ),
    Example(
        "V25",
        ERROR,
        1,
        "name",
        104,
        good=two(replace(LOW, name="a" * 30 + "b"), replace(LOW, name="a" * 31, da=0x20000)),
        bad=two(replace(LOW, name="a" * 31), replace(LOW, name="a" * 31 + "b", da=0x20000)),
    ),
    Example("V26", WARNING, 0, "name", 44, good=carveout(), bad=carveout("")),
    Example("V27", WARNING, 0, "name", 44, good=carveout(), bad=carveout("heap%d")),
    Example("V28", WARNING, 0, "len", 32, good=carveout(), bad=carveout(size=0)),
    Example("V28", ERROR, 0, "len", 32, good=carveout(), bad=carveout(size=0), profile=ECU_HOST),
    Example("V29", WARNING, 0, "da", 24, good=carveout(da=0x1000), bad=carveout(da=0x1010)),
    Example("V29", INFO, 0, "len", 32, good=carveout(), bad=carveout(size=0x1010)),
    Example("V29", ERROR, 0, "da", 24, good=carveout(da=0x1000), bad=carveout(da=0x1010), profile=WITH_IOMMU),
    Example(
        "V29",
        ERROR,
        0,
        "len",
        32,
        good=carveout(da=0x1000),
        bad=carveout(da=0x1000, size=0x800),
        profile=WITH_IOMMU,
    ),
    Example(
        "V30", WARNING, 0, "da", 24, good=carveout(da=0xFFFFF000), bad=carveout(da=0xFFFFF000, size=0x2000)
    ),
    Example(
        "V30",
        ERROR,
        0,
        "da",
        24,
        good=carveout(da=0xFFFFE000),
        bad=carveout(da=0xFFFFF000, size=0x2000),
        profile=ECU_HOST,
    ),
    Example(
        "V31",
        WARNING,
        1,
        "da",
        84,
        good=two(LOW, Carveout(name="high", da=0x12000, size=0x1000)),
        bad=two(LOW, Carveout(name="high", da=0x11000, size=0x1000)),
    ),
    Example(
        "V31",
        ERROR,
        1,
        "da",
        84,
        good=two(LOW, Carveout(name="high", size=0x1000)),
        bad=two(LOW, Carveout(name="high", da=0x11FFF, size=0x1000)),
        profile=ECU_HOST,
    ),
    Example("V32", WARNING, 0, "da", 24, good=carveout(), bad=carveout(da=0)),
    Example(
        "V32",
        WARNING,
        0,
        "da",
        200,
        good=loaded_at_zero(0xFFC0),
        bad=loaded_at_zero(0x20000),
    ),
    Example(
        "V33",
        WARNING,
        0,
        "da",
        24,
        good=carveout("shared", 0x90000000),
        bad=carveout("shraed", 0x90000000),
        memory=MEMORY,
    ),
    Example(
        "V34",
        ERROR,
        0,
        "len",
        32,
        good=carveout("shared", size=0x100000),
        bad=carveout("shared", size=0x101000),
        memory=MEMORY,
    ),
    Example(
        "V34",
        ERROR,
        0,
        "da",
        24,
        good=carveout("shared", 0x900FF000),
        bad=carveout("shared", 0x900FF000, 0x2000),
        memory=MEMORY,
    ),
    Example(
        "V34",
        ERROR,
        0,
        "da",
        24,
        good=carveout("shared", 0x90000000),
        bad=carveout("shared", 0x8FFFF000),
        memory=MEMORY,
    ),
    Example(
        "V34",
        ERROR,
        0,
        "da",
        24,
        good=carveout("anywhere"),
        bad=carveout("anywhere", 0x90000000),
        memory=MEMORY,
    ),
    Example("V35", WARNING, 0, "len", 32, good=carveout(size=0x7FFFF000), bad=carveout(size=0x80000000)),
    Example("V36", WARNING, 0, "flags", 36, good=carveout(flags=0x3F), bad=carveout(flags=0x40)),
    Example(
        "V36",
        WARNING,
        0,
        "flags",
        36,
        good=carveout(da=0x1000, flags=1),
        bad=carveout(da=0x1000, flags=4),
        profile=WITH_IOMMU,
    ),
    Example("V37", INFO, 0, "pa", 28, good=carveout(), bad=carveout(pa=0x80000000)),
    Example(
        "V38",
        ERROR,
        0,
        "len",
        36,
        good=named("vdev0vring1", size=RING_PAGES),
        bad=named("vdev0vring1", size=RING_PAGES - 1),
    ),
    Example("V38", WARNING, 0, "name", 48, good=named("vdev0vring1"), bad=named("vdev0vring2")),
    Example("V38", WARNING, 0, "name", 48, good=named("vdev0buffer", size=0x40000), bad=named("vdev1buffer")),
    Example(
        "V38",
        ERROR,
        0,
        "vring[0].num",
        56,
        good=table(rpmsg(num=16)),
        bad=table(rpmsg()),
        memory=MemoryMap((Region("vdev0vring0", 0x90000000, 0x90000000, 0x2000),)),
    ),
    Example(
        "V39",
        ERROR,
        0,
        "da",
        28,
        good=named("vdev0vring0", vdev=rpmsg(ADDR_ANY, 0x20000)),
        bad=named("vdev0vring0", vdev=rpmsg(0x10000, 0x20000)),
    ),
    Example(
        "V39",
        ERROR,
        0,
        "da",
        28,
        good=named("vdev0vring0", 0x10000, 0x4000, rpmsg(0x11000, ADDR_ANY)),
        bad=named("vdev0vring0", 0x10000, 0x4000, rpmsg(0x12000, ADDR_ANY)),
    ),
    Example(
        "V39",
        ERROR,
        0,
        "da",
        28,
        good=named("vdev0vring0", 0x10000, 0x4000, rpmsg(0x10000, ADDR_ANY)),
        bad=named("vdev0vring0", 0x10000, 0x4000, rpmsg(0xF000, ADDR_ANY)),
    ),
    Example(
        "V39",
        ERROR,
        0,
        "vring[1].da",
        68,
        good=table(rpmsg(0x90000000, 0x90004000)),
        bad=table(rpmsg(0x90000000, 0x90006000)),
        memory=MemoryMap((Region("vdev0vring1", 0x90004000, 0x90004000, 0x4000),)),
    ),
    Example(
        "V39",
        ERROR,
        1,
        "len",
        104,
        good=late("vdev0vring0", RING_PAGES),
        bad=late("vdev0vring0", RING_PAGES + 1),
    ),
    Example(
        "V40",
        ERROR,
        0,
        "len",
        36,
        good=named("vdev0buffer", size=0x40000),
        bad=named("vdev0buffer", size=0x3F000),
    ),
    # 24 KiB of buffers take 32 from a pool.
    Example(
        "V40",
        ERROR,
        0,
        "len",
        36,
        good=named("vdev0buffer", size=0x8000, vdev=rpmsg(num=24)),
        bad=named("vdev0buffer", size=0x6000, vdev=rpmsg(num=24)),
    ),
    Example(
        "V40",
        ERROR,
        0,
        "vring[0].num",
        56,
        good=table(rpmsg(num=4)),
        bad=table(rpmsg(num=8)),
        memory=MemoryMap((Region("vdev0buffer", 0x90000000, 0x90000000, 0x1000),)),
    ),
    *(
        Example("V41", WARNING, 0, "name", 48, good=named("vdev0vring0"), bad=named(slip))
        for slip in ("vdev0_vring0", "vdev0vring00", "VDEV0VRING0", "vdev0ring0", "vdev_0_buffer", "vdev0buf")
    ),
)
