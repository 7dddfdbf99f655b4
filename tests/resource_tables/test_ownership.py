# SPDX-License-Identifier: Apache-2.0
"""Who writes which field, compared with what a boot writes."""

import re

import pytest
from hypothesis import given

from resource_tables import Carveout, Devmem, ResourceTable, Trace, Unknown, Vdev, Vring
from resource_tables.authoring.ownership import DRIVER, FIRMWARE, HOST, PLATFORM, STEPS, Owned, ownership
from resource_tables.layout import TableLayout
from resource_tables.places import places
from rproc import RemoteProc
from tests.resource_tables.strategies import TABLES
from tests.rproc.support import RecordingCore, RecordingDriver, image_carveout, make_image

#: What the firmware puts into fields of others, so that each write of the host is seen.
STALE = 0x55
RINGS = tuple(Vring(num=8, align=16, notifyid=STALE, pa=STALE) for _ in range(2))
TABLE = ResourceTable(
    (
        image_carveout(),
        Carveout(name="shared", size=0x800, pa=STALE, flags=3),
        Trace(name="trace0", da=0x1001_0000, size=0x1000),
        Vdev(id=7, dfeatures=0x7000_0005, gfeatures=STALE, notifyid=STALE, vrings=RINGS, config=b"conf"),
        Vdev(id=4, dfeatures=3, gfeatures=STALE, status=STALE, vrings=RINGS),
    )
)


def field(table: ResourceTable, path: str) -> Owned:
    """Return one field by its path."""
    (found,) = [one for one in ownership(TableLayout.of(table)) if f"{one.label}.{one.field}" == path]
    return found


def snapshots() -> tuple[bytes, bytes, bytes]:
    """Boot and return the table as in the file, as the core finds it, and when the drivers are there."""
    core = RecordingCore(make_image(TABLE))
    drivers = [RecordingDriver(7, features=0x3000_0001), RecordingDriver(4)]
    rproc = RemoteProc(core, "fw", name="door", drivers=drivers)
    started: list[bytes] = []

    def loaded() -> bytes:
        boot = core.boots[-1]
        return bytes(boot.memory.view(boot.table_da, boot.table_size))

    core.while_starting = lambda: started.append(loaded())
    rproc.boot()
    up = loaded()
    rproc.shutdown()
    return TableLayout.of(TABLE).emit(), started[0], up


def changed(before: bytes, after: bytes) -> set[str]:
    """Return the fields whose bytes differ."""
    layout = TableLayout.of(TABLE)
    found = set()
    for one in ownership(layout):
        (size,) = (
            [place.size for place in places(layout.table.entries[one.entry]) if place.path == one.field]
            if one.entry is not None
            else [8 if one.field == "reserved" else 4]
        )
        if before[one.offset : one.offset + size] != after[one.offset : one.offset + size]:
            found.add(f"{one.label}.{one.field}")
    return found


def owned(*steps: str) -> set[str]:
    """Return the fields that are written in these steps."""
    return {f"{one.label}.{one.field}" for one in ownership(TableLayout.of(TABLE)) if one.step in steps}


def test_a_boot_writes_the_fields_that_are_the_hosts_in_the_steps_that_are_told() -> None:
    image, started, up = snapshots()
    by_the_host = changed(image, started)
    assert by_the_host <= owned("resources", "allocation")
    # A fixed address, and sizes that memory can have, are written back as they were asked for.
    as_asked = {"carveout0.da", "carveout0.len", "carveout1.len"}
    assert by_the_host == owned("resources", "allocation") - as_asked
    by_drivers = changed(started, up)
    assert by_drivers == owned("probe") - {"vdev0.config"}


def test_what_linux_will_write_is_what_a_boot_writes() -> None:
    _, _, up = snapshots()
    values = {f"{one.label}.{one.field}": one.value for one in ownership(TableLayout.parse(up))}
    told = {
        f"{one.label}.{one.field}": int(found[1], 0)
        for one in ownership(TableLayout.of(TABLE))
        if (found := re.match(r"will be (\w+):", one.remark))
    }
    assert len(told) == 5
    assert told == {path: values[path] for path in told}


@pytest.mark.parametrize(
    ("path", "writer", "step", "words"),
    [
        ("carveout0.da", HOST, "allocation", "wanted address"),
        ("carveout1.da", HOST, "allocation", "the host chooses an address"),
        ("carveout1.flags", FIRMWARE, "link", "IOMMU"),
        ("carveout1.name", FIRMWARE, "link", "registered under this name"),
        ("trace0.da", FIRMWARE, "link", "each look"),
        ("vdev0.status", DRIVER, "probe", "DRIVER_OK"),
        ("vdev0.notifyid", FIRMWARE, "link", "ignored"),
        ("vdev1.gfeatures", DRIVER, "probe", "bits of dfeatures"),
        ("vdev0.vring1.da", HOST, "probe", "carveout vdev0vring1"),
        ("vdev1.vring0.notifyid", HOST, "resources", "will be 2"),
        ("vdev0.vring0.pa", FIRMWARE, "link", "neither read nor written"),
    ],
)
def test_a_field_has_its_writer_its_step_and_a_reason(path: str, writer: str, step: str, words: str) -> None:
    found = field(TABLE, path)
    assert (found.writer, found.step) == (writer, step)
    assert words in found.remark


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vdev0buffer", "the buffers of vdev0"),
        ("vdev12vring1", "the vring 1 of vdev12"),
        ("vdev0", "registered"),
    ],
)
def test_a_carveouts_name_says_what_it_is_for(name: str, words: str) -> None:
    assert words in field(ResourceTable((Carveout(name=name, size=1),)), "carveout0.name").remark


@pytest.mark.parametrize(
    ("type_", "writer"), [(5, FIRMWARE), (128, PLATFORM), (512, PLATFORM), (513, FIRMWARE)]
)
def test_a_vendors_entry_is_the_platform_drivers_in_linuxs_range_only(type_: int, writer: str) -> None:
    assert field(ResourceTable((Unknown(type=type_, body=b"1"),)), "vendor0.body").writer == writer


def test_nobody_writes_a_devmem() -> None:
    table = ResourceTable((Devmem(name="uart", da=0, pa=0, size=4096),))
    found = [one for one in ownership(TableLayout.of(table)) if one.entry is not None]
    assert {one.writer for one in found} == {FIRMWARE}
    assert [one.field for one in found] == ["da", "pa", "len", "flags", "reserved", "name"]


@given(TABLES)
def test_every_field_of_every_table_has_an_owner_a_known_step_and_a_remark(table: ResourceTable) -> None:
    layout = TableLayout.of(table)
    found = ownership(layout)
    assert {one.step for one in found} <= STEPS.keys()
    assert all(one.writer in (FIRMWARE, HOST, DRIVER, PLATFORM) and one.remark for one in found)
    fields = [(one.entry, one.field) for one in found]
    assert len(set(fields)) == len(fields)
    in_entries = [
        (index, place.path)
        for index, entry in enumerate(table.entries)
        for place in places(entry)
        if place.size
    ]
    assert [one for one in fields if one[0] is not None] == in_entries
