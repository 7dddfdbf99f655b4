# SPDX-License-Identifier: Apache-2.0
"""Examples of V49 to V60: virtio devices and their rings."""

from dataclasses import replace
from typing import Any

from resource_tables import ADDR_ANY, Carveout, ResourceTable, Vdev, Vring, elf_image, emit
from resource_tables.lint.profile import load_profile
from resource_tables.lint.rules.rule import Severity
from tests.resource_tables.rules.examples_carveouts import ECU_HOST, MEMORY, OPENAMP, rpmsg, table
from tests.resource_tables.rules.harness import Example

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR

RPMSG = rpmsg()
FIRST, SECOND = RPMSG.vrings
ZERO_IS_ANY = replace(load_profile("linux-6.12"), zero_is_any=True)
#: In a table with one vdev the entry lies at 20, its vrings at 48 and 68.
GOOD = table(RPMSG)


def vdev(**fields: Any) -> bytes:
    """Return a table of an rpmsg device with other fields."""
    return table(replace(RPMSG, **fields))


def second(**fields: int) -> bytes:
    """Return a table of an rpmsg device whose second ring has other fields."""
    return table(replace(RPMSG, vrings=(FIRST, replace(SECOND, **fields))))


def serial(num: int) -> bytes:
    """Return a table of a serial port whose second ring, at 68, has ``num`` descriptors."""
    return table(replace(RPMSG, id=11, vrings=(FIRST, replace(SECOND, num=num))))


def rings_over_table(da: int) -> bytes:
    """Return an image with a ring at ``da`` and its table, 88 bytes, at 0x12000; in the file it is at 128."""
    raw = emit(ResourceTable((rpmsg(da, 0x20000),)))
    return elf_image(raw, table_addr=0x12000, machine=40)


def entropy(*rings: Vring) -> bytes:
    """Return a table of an entropy source, which works with one ring."""
    return table(Vdev(id=4, vrings=rings))


def in_carveout(da: int) -> bytes:
    """Return a table of a carveout (at 24) and an rpmsg device (at 80, its rings at 108 and 128)."""
    return table(Carveout(name="shared", da=0x10000, size=0x10000), rpmsg(da, 0x100000))


def at_home(da: int) -> bytes:
    """Return a table of a ring's carveout (at 24) and an rpmsg device (at 80), with rings at 108, 128."""
    return table(Carveout(name="vdev0vring0", da=0x10000, size=0x8000), rpmsg(da, ADDR_ANY))


EXAMPLES = (
    Example("V49", ERROR, 0, "num_of_vrings", 45, good=GOOD, bad=table(replace(RPMSG, vrings=(FIRST,)))),
    Example(
        "V49",
        ERROR,
        0,
        "num_of_vrings",
        45,
        good=GOOD,
        bad=table(replace(RPMSG, vrings=(FIRST, SECOND, SECOND))),
    ),
    Example("V49", WARNING, 0, "num_of_vrings", 45, good=entropy(FIRST, SECOND), bad=entropy(FIRST)),
    Example("V50", INFO, 0, "id", 24, good=vdev(id=11), bad=vdev(id=36)),
    Example("V50", WARNING, 0, "id", 24, good=vdev(id=7), bad=vdev(id=0)),
    Example("V50", WARNING, 0, "id", 24, good=vdev(id=7), bad=vdev(id=0xCAB)),
    Example("V51", WARNING, 0, "dfeatures", 32, good=GOOD, bad=vdev(dfeatures=0)),
    Example("V52", WARNING, 0, "dfeatures", 32, good=GOOD, bad=vdev(dfeatures=3)),
    Example(
        "V52", WARNING, 0, "dfeatures", 32, good=vdev(id=11, dfeatures=2), bad=vdev(id=11, dfeatures=1 << 24)
    ),
    Example("V52", INFO, 0, "dfeatures", 32, good=GOOD, bad=vdev(dfeatures=1 | 1 << 29)),
    Example("V52", INFO, 0, "dfeatures", 32, good=GOOD, bad=vdev(dfeatures=1 | 1 << 28)),
    Example("V53", WARNING, 0, "status", 44, good=GOOD, bad=vdev(status=4)),
    Example("V53", INFO, 0, "gfeatures", 36, good=vdev(notifyid=31), bad=vdev(gfeatures=1)),
    Example("V53", INFO, 0, "vring[1].pa", 84, good=GOOD, bad=second(pa=0x80000000)),
    Example("V54", INFO, 0, "vring[1].notifyid", 80, good=GOOD, bad=second(notifyid=0)),
    Example(
        "V54", INFO, 0, "vring[1].notifyid", 80, good=second(notifyid=0xFFFFFFFF), bad=second(notifyid=2)
    ),
    Example(
        "V54",
        WARNING,
        0,
        "vring[0].notifyid",
        60,
        good=vdev(notifyid=31),
        bad=vdev(notifyid=0),
        profile=OPENAMP,
    ),
    Example("V55", ERROR, 0, "vring[1]", 68, good=GOOD, bad=second(num=0)),
    Example("V55", ERROR, 0, "vring[1]", 68, good=GOOD, bad=second(align=0)),
    Example("V56", ERROR, 0, "vring[1].num", 76, good=second(num=1), bad=second(num=24)),
    Example("V56", ERROR, 0, "vring[1].num", 76, good=second(num=32768), bad=second(num=65536)),
    Example("V57", WARNING, 0, "vring[1].align", 72, good=second(align=16), bad=second(align=24)),
    Example("V57", WARNING, 0, "vring[1].align", 72, good=GOOD, bad=second(align=2)),
    Example("V57", ERROR, 0, "vring[1].align", 72, good=GOOD, bad=second(align=2), profile=ECU_HOST),
    Example("V57", WARNING, 0, "vring[1].align", 72, good=second(align=4096), bad=second(align=8192)),
    Example("V57", INFO, 0, "vring[1].align", 72, good=second(align=16), bad=second(align=8)),
    Example("V58", WARNING, 0, "vring[1].num", 76, good=GOOD, bad=second(num=128)),
    Example("V58", WARNING, 0, "vring[1].align", 72, good=GOOD, bad=second(align=16)),
    Example("V58", WARNING, 0, "vring[1].num", 76, good=serial(2), bad=serial(1)),
    Example("V58", INFO, 0, "vring[0].num", 56, good=GOOD, bad=table(rpmsg(num=512))),
    Example("V59", WARNING, 0, "vring[1].da", 68, good=GOOD, bad=second(da=0)),
    Example("V59", WARNING, 0, "vring[1].da", 68, good=second(da=0x8000), bad=second(da=0x8800)),
    Example(
        "V59",
        WARNING,
        0,
        "vring[1].da",
        68,
        good=second(da=0x8000, align=16),
        bad=second(da=0x8800, align=16),
    ),
    Example(
        "V59", ERROR, 0, "vring[1].da", 68, good=second(da=0x8000), bad=second(da=0x8800), profile=ECU_HOST
    ),
    Example("V59", WARNING, 0, "vring[1].da", 68, good=second(da=0xFFFFD000), bad=second(da=0xFFFFE000)),
    Example(
        "V59",
        ERROR,
        0,
        "vring[1].da",
        68,
        good=second(da=0xFFFFD000),
        bad=second(da=0xFFFFE000),
        profile=ECU_HOST,
    ),
    Example("V59", WARNING, 0, "vring[1].da", 68, good=GOOD, bad=second(da=0x90000000), memory=MEMORY),
    # A ring is put at the start of its carveout, not where it asks to be inside.
    Example("V59", WARNING, 1, "vring[0].da", 108, good=at_home(0x10000), bad=at_home(0x11000)),
    Example(
        "V59",
        WARNING,
        0,
        "vring[1].da",
        68,
        good=second(da=ADDR_ANY),
        bad=second(da=0x20000000),
        memory=MEMORY,
        profile=ZERO_IS_ANY,
    ),
    # 10246 bytes at alignment 4096: the next free page is three further.
    Example(
        "V60",
        ERROR,
        0,
        "vring[1].da",
        68,
        good=table(rpmsg(0x10000, 0x13000)),
        bad=table(rpmsg(0x10000, 0x12000)),
    ),
    Example(
        "V60",
        ERROR,
        1,
        "vring[0].da",
        120,
        good=table(rpmsg(0x10000, 0x20000), replace(rpmsg(0x30000, 0x40000), id=3)),
        bad=table(rpmsg(0x10000, 0x20000), replace(rpmsg(0x10000, 0x40000), id=3)),
    ),
    Example(
        "V60", ERROR, 0, "vring[0].da", 176, good=rings_over_table(0x13000), bad=rings_over_table(0x10000)
    ),
    Example(
        "V60",
        ERROR,
        1,
        "vring[0].da",
        108,
        good=table(Carveout(name="vdev0buffer", da=0x100000, size=0x40000), rpmsg(0x140000, 0x200000)),
        bad=table(Carveout(name="vdev0buffer", da=0x100000, size=0x40000), rpmsg(0x13F000, 0x200000)),
    ),
    Example("V60", INFO, 1, "vring[0].da", 108, good=in_carveout(0x30000), bad=in_carveout(0x12000)),
    Example(
        "V60",
        ERROR,
        1,
        "vring[0].da",
        108,
        good=in_carveout(0x12000),
        bad=in_carveout(0x1E000),
        profile=ECU_HOST,
    ),
)
