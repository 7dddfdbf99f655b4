# SPDX-License-Identifier: Apache-2.0
"""Examples of V17 to V24: types, sizes, reserved fields and names of entries."""

import struct
from dataclasses import replace

from resource_tables.lint.profile import load_profile
from resource_tables.lint.rules.rule import Severity
from tests.resource_tables.rules.examples_container import placed
from tests.resource_tables.rules.harness import Example
from tests.resource_tables.strategies import (
    raw_carveout,
    raw_devmem,
    raw_table,
    raw_trace,
    raw_vdev,
    raw_vring,
)

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR

VENDOR = replace(load_profile("linux-6.12"), vendor_types={5: "interrupt map", 130: "clocks"})
OPENAMP = replace(load_profile("linux-6.12"), ignored=frozenset({"vdev-reserved"}))

RINGS = (raw_vring(), raw_vring(notifyid=1))
VDEV = raw_vdev(*RINGS)
ROLE = raw_vdev(*RINGS, reserved=b"\1\0")


def typed(type_: int) -> bytes:
    """Return a table of one entry of this type, 16 bytes of it, at 20."""
    return raw_table(struct.pack("<4I", type_, 0, 0, 0))


EXAMPLES = (
    *(
        Example("V17", WARNING, 0, "type", 20, good=raw_table(VDEV), bad=typed(type_))
        for type_ in (4, 5, 127, 513, 0x10003, 0xFFFFFFFF)
    ),
    Example("V17", WARNING, 0, "type", 20, good=typed(5), bad=typed(4), profile=VENDOR),
    Example("V17", WARNING, 0, "type", 20, good=typed(0x10005), bad=typed(0x10006), profile=VENDOR),
    Example("V18", WARNING, 0, "type", 20, good=typed(127), bad=typed(128)),
    Example("V18", WARNING, 0, "type", 20, good=typed(513), bad=typed(512)),
    Example("V18", WARNING, 0, "type", 20, good=typed(130), bad=typed(131), profile=VENDOR),
    Example("V19", ERROR, 0, None, 20, good=raw_table(raw_carveout()), bad=raw_table(raw_carveout()[:-1])),
    Example("V19", ERROR, 0, None, 20, good=raw_table(raw_devmem()), bad=raw_table(raw_devmem()[:-1])),
    Example("V19", ERROR, 0, None, 20, good=raw_table(raw_trace()), bad=raw_table(raw_trace()[:-1])),
    Example("V19", ERROR, 0, None, 20, good=raw_table(VDEV), bad=raw_table(VDEV[:-1])),
    # A trace in the configuration space of a vdev; the host writes to neither.
    Example(
        "V20",
        WARNING,
        1,
        None,
        92,
        good=raw_table(raw_vdev(*RINGS), raw_trace()),
        bad=raw_table(raw_vdev(*RINGS, config_len=8), raw_trace()),
    ),
    # The second half of a carveout is a vdev, whose status and rings the host fills in.
    Example(
        "V20",
        ERROR,
        1,
        None,
        48,
        good=placed(24, 80, entries=((24, raw_carveout()), (80, VDEV))),
        bad=placed(24, 48, entries=((24, raw_carveout()), (48, VDEV))),
    ),
    # A ring that is claimed and not there is the head of the next entry.
    Example(
        "V20",
        ERROR,
        1,
        None,
        72,
        good=raw_table(raw_vdev(raw_vring()), raw_trace()),
        bad=raw_table(raw_vdev(raw_vring(), num=2), raw_trace()),
    ),
    # Of a vendor's entry only the type word is known.
    Example(
        "V20",
        WARNING,
        1,
        None,
        26,
        good=placed(24, 28, entries=((24, b"\x05"), (28, b"\x06"))),
        bad=placed(24, 26, entries=((24, b"\x05"), (26, b"\x06"))),
    ),
    Example(
        "V21",
        ERROR,
        0,
        "reserved",
        40,
        good=raw_table(raw_carveout()),
        bad=raw_table(raw_carveout(reserved=1)),
    ),
    Example(
        "V21", ERROR, 0, "reserved", 40, good=raw_table(raw_devmem()), bad=raw_table(raw_devmem(reserved=1))
    ),
    Example(
        "V21", ERROR, 0, "reserved", 32, good=raw_table(raw_trace()), bad=raw_table(raw_trace(reserved=1))
    ),
    Example(
        "V21",
        ERROR,
        0,
        "reserved",
        46,
        good=raw_table(VDEV),
        bad=raw_table(ROLE),
    ),
    Example(
        "V21",
        WARNING,
        0,
        "reserved",
        46,
        good=raw_table(VDEV),
        bad=raw_table(ROLE),
        profile=OPENAMP,
    ),
    Example(
        "V22",
        WARNING,
        0,
        "name",
        44,
        good=raw_table(raw_carveout(b"c" * 31)),
        bad=raw_table(raw_carveout(b"c" * 32)),
    ),
    Example(
        "V22",
        WARNING,
        0,
        "name",
        36,
        good=raw_table(raw_trace(name=b"t" * 31)),
        bad=raw_table(raw_trace(name=b"t" * 32)),
    ),
    *(
        Example("V23", WARNING, 0, "name", 44, good=raw_table(raw_carveout(b"code_0")), bad=raw_table(bad))
        for bad in map(raw_carveout, (b"code/0", b"code 0", b"code\x1b[0m", b"c\xc3\xb6de"))
    ),
    Example(
        "V23",
        WARNING,
        0,
        "name",
        36,
        good=raw_table(raw_trace(name=b"trace:r5\0stale bytes")),
        bad=raw_table(raw_trace(name=b"trace r5")),
    ),
    Example(
        "V24",
        INFO,
        2,
        "type",
        128,
        good=raw_table(raw_carveout(b"a"), raw_carveout(b"b"), raw_trace()),
        bad=raw_table(raw_trace(), raw_trace(), raw_carveout(b"a"), raw_carveout(b"b")),
    ),
)
