# SPDX-License-Identifier: Apache-2.0
"""Tables as vendors publish them: what Linux boots is accepted, kept to the last byte, and written to."""

import struct

import pytest

from resource_tables import (
    ADDR_ANY,
    ElfImage,
    LiveTable,
    LoaderError,
    SegmentSpec,
    TableView,
    Unknown,
    check_image,
    check_segments,
    check_table,
    elf_image,
    parse,
    render_text,
    to_json,
)
from tests.resource_tables.strategies import (
    raw_carveout,
    raw_devmem,
    raw_table,
    raw_trace,
    raw_vdev,
    raw_vring,
)


def rpmsg(
    num: int, align: int, *das: int, ids: tuple[int, int] = (0, 1), notifyid: int = 0, id_: int = 7
) -> bytes:
    """Return a vdev with two equal rings."""
    first, second = das or (ADDR_ANY, ADDR_ANY)
    rings = (raw_vring(num, align, first, ids[0]), raw_vring(num, align, second, ids[1]))
    return raw_vdev(*rings, id_=id_, notifyid=notifyid)


def vendor(kind: int, size: int) -> bytes:
    """Return an entry of a vendor's type, ``size`` bytes with its type word."""
    return struct.pack("<I", kind) + bytes(range(size - 4))


OMAP_ENTRIES = (
    rpmsg(256, 4096),
    raw_vdev(*(raw_vring(256, 4096, notifyid=n) for n in (2, 3)), id_=3, dfeatures=0),
    *(raw_carveout(b"section%d" % n, da=0x80000000 + 0x100000 * n) for n in range(4)),
    raw_trace(),
    *(raw_devmem() for _ in range(9)),
)
NUTTX_CARVEOUTS = tuple(raw_carveout(b"shmem%d" % n, da=0x1000 * n, size=0x1000) for n in range(3))


def nuttx(role: bytes) -> bytes:
    """Return the simulator's table; ``role`` is what it puts into a vdev's reserved bytes."""
    entropy = raw_vdev(raw_vring(8, 8), id_=4, reserved=role)
    return raw_table(entropy, entropy, rpmsg(8, 8), *NUTTX_CARVEOUTS)


# name: table, its size as published, number of entries
ACCEPTED = {
    "TI PRU": (raw_table(rpmsg(16, 16, 0, 0, ids=(0, 0)), vendor(5, 32)), 124, 2),
    "TI PRU without entries": (raw_table() + bytes(4), 20, 0),
    "TI DRA7 IPU": (
        raw_table(
            rpmsg(256, 4096, 0x60000000, 0x60004000),
            *(raw_carveout(b"IPU_MEM%d" % n) for n in range(3)),
            raw_trace(),
            *(raw_devmem() for _ in range(13)),
        ),
        1100,
        18,
    ),
    "TI OMAP4 IPU": (raw_table(*OMAP_ENTRIES), 992, 16),
    "TI K3 R5": (raw_table(rpmsg(256, 4096, ids=(1, 2)), raw_trace()).ljust(4096, b"\0"), 4096, 2),
    "ST STM32MP157 M4": (raw_table(rpmsg(16, 16), raw_trace(name=b"cm4_log")), 140, 2),
    "Zephyr, trace only": (raw_table(raw_trace(da=0x10020001, size=0x401)), 68, 1),
    "Zephyr, vdev only": (raw_table(rpmsg(8, 16)), 88, 1),
    "Zephyr, both": (raw_table(rpmsg(8, 16), raw_trace(da=0x10020001, size=0x401)), 140, 2),
    "AMD R5": (
        raw_table(rpmsg(256, 4096, ids=(1, 2), notifyid=31), raw_trace(name=b"r5_trace")).ljust(256, b"\0"),
        256,
        2,
    ),
    "AMD R5 of 2017": (raw_table(vendor(4, 56), rpmsg(256, 4096, ids=(1, 2)), vendor(5, 20)), 172, 3),
    "MicroBlaze-V": (raw_table(rpmsg(256, 4096, 0x2ED40000, 0x2ED44000)), 88, 1),
    "Nios II": (raw_table(rpmsg(256, 4096)), 88, 1),
    # An array of two tables, one for each service; whoever reads the section sees the first.
    "Renesas RZ/G2": (
        raw_table(vendor(4, 20), rpmsg(512, 0x100, 0x43000000, 0x43050000, ids=(0, 0)))
        + raw_table(vendor(4, 20), rpmsg(512, 0x100, 0x43100000, 0x43150000, ids=(0, 0))),
        224,
        2,
    ),
    "NXP i.MX": (raw_table(rpmsg(256, 0x1000, 0xB8000000, 0xB8008000)), 88, 1),
    "Microchip PolarFire": (raw_table(rpmsg(256, 0x1000, 0x91D00000, 0x91D10000)), 88, 1),
    # Room for two offsets; the second is stale while num says one.
    "Allwinner E907": (struct.pack("<6I", 1, 1, 0, 0, 24, 92) + rpmsg(16, 16) + bytes(48), 140, 1),
    "NuttX simulator": (nuttx(b"\0\0"), 372, 6),
    "ADI SHARC": (raw_table(rpmsg(512, 4096)), 88, 1),
    "vendor range, both ends": (raw_table(vendor(128, 8), vendor(512, 8), vendor(513, 8)), 52, 3),
    "version in the upper half of the type": (raw_table(vendor(0x10080, 12), rpmsg(256, 4096)), 104, 2),
}
LAYOUTS = pytest.mark.parametrize(
    ("raw", "size", "num"), ACCEPTED.values(), ids=[name.replace(" ", "-") for name in ACCEPTED]
)


@LAYOUTS
def test_a_published_layout_that_linux_boots_is_accepted(raw: bytes, size: int, num: int) -> None:
    assert len(raw) == size
    assert check_table(raw) == ()
    image = ElfImage.parse(elf_image(raw, elf_class=32, machine=40, e_type=2))
    check_image(image)
    assert image.table_bytes == raw


@LAYOUTS
def test_a_published_layout_has_values_a_text_and_its_own_bytes(raw: bytes, size: int, num: int) -> None:
    table = parse(raw)
    assert len(table.entries) == num
    assert TableView(raw).raw == raw
    text = render_text(table)
    assert text.count("Entry ") + text.count("Unknown resource") == num
    assert len(str(to_json(table))) > 20


@LAYOUTS
def test_a_published_layout_takes_the_hosts_addresses_and_ids(raw: bytes, size: int, num: int) -> None:
    live = LiveTable(raw, bytearray(raw))
    notifyid = 0
    for vdev in range(live.num_vdevs):
        for vring in range(live.num_vrings(vdev)):
            live.set_vring_da(vdev, vring, 0x40000000 + 0x2000 * notifyid)
            live.set_notifyid(vdev, vring, notifyid)
            notifyid += 1
    rings = [ring for vdev in parse(live.tobytes()).vdevs for ring in vdev.vrings]
    assert [ring.notifyid for ring in rings] == list(range(notifyid))
    assert [ring.da for ring in rings] == [0x40000000 + 0x2000 * n for n in range(notifyid)]


def test_an_interrupt_map_of_a_pru_is_kept_byte_for_byte() -> None:
    raw, _, _ = ACCEPTED["TI PRU"]
    assert parse(raw).entries[1] == Unknown(type=5, body=bytes(range(28)))


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (raw_table(*OMAP_ENTRIES, version=4), "table-version"),
        (bytes(224), "table-version"),
        (b"", "table-header"),
        (nuttx(b"\1\0"), "vdev-reserved"),
    ],
    ids=["OMAP4 version 4", "all zero", "section of size 0", "NuttX role"],
)
def test_a_published_layout_that_linux_refuses_is_refused_for_the_same_reason(raw: bytes, rule: str) -> None:
    with pytest.raises(LoaderError) as caught:
        check_table(raw)
    assert caught.value.rule == rule


def test_a_role_in_a_vdevs_reserved_byte_can_be_let_through_and_is_kept() -> None:
    raw = nuttx(b"\1\0")
    assert check_table(raw, ignore={"vdev-reserved"}) == ()
    assert [vdev.reserved for vdev in parse(raw).vdevs] == [1, 1, 0]


def test_two_segments_at_one_address_are_both_there_to_choose_from() -> None:
    code = SegmentSpec(paddr=0, data=b"instructions", flags=5)
    data = SegmentSpec(paddr=0, data=b"data", flags=6)
    image = ElfImage.parse(elf_image(raw_table(), elf_class=32, machine=144, segments=(code, data)))
    check_segments(image, lambda da, size: True)
    assert [(segment.paddr, segment.flags) for segment in image.segments[1:]] == [(0, 5), (0, 6)]
    assert image.entry == 0


def test_a_second_section_with_a_longer_name_is_not_the_table() -> None:
    names = b"\0.resource_table\0.shstrtab\0"
    longer = b"\0.resource_table_metadata\0"
    data = elf_image(raw_table()).replace(names, longer + bytes(len(names) - len(longer)))
    assert ElfImage.parse(data).table_section is None
