# SPDX-License-Identifier: Apache-2.0
"""Who writes which field of a table, and when: firmware, host, or the driver of a virtio device.

Nobody can tell that from the table: all of it lies in memory that both sides can write, and some of it is
valid only after a certain step of the boot.

Source: Linux remoteproc_core.c (rproc_handle_resources, rproc_parse_vring, rproc_alloc_vring,
rproc_alloc_registered_carveouts, rproc_start) and remoteproc_virtio.c.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from resource_tables.fields import HEADER_FIELDS, Value, labels, type_number
from resource_tables.layout import TableLayout
from resource_tables.model import (
    ADDR_ANY,
    Carveout,
    Devmem,
    Entry,
    Trace,
    Unknown,
    Vdev,
    vring_name,
)
from resource_tables.places import Place, places
from resource_tables.view import HEADER_BYTES

#: The steps of a boot in which the table is read or written, in their order.
STEPS = {
    "link": "the firmware's source and its linker say it, and nobody writes it afterwards",
    "parse": "the host copies the table out of the file and checks its header",
    "resources": "the host goes through the entries in table order, in its own copy",
    "allocation": "the host finds memory for the carveouts and vrings, and fills in its copy",
    "load": "segments are loaded, then the host's copy goes over the table in the core's memory (sh_addr)",
    "start": "the core begins to run; from here on both sides share one table",
    "probe": "virtio devices are registered, their drivers find the vrings and say DRIVER_OK",
}

FIRMWARE, HOST, DRIVER, PLATFORM = "firmware", "host", "virtio driver", "platform driver"

#: The names by which Linux finds the memory of a vdev.
_SPOKEN_FOR = re.compile(r"vdev(\d{1,3})(?:buffer|vring(\d))")
#: Bits that the rings of Linux and the rpmsg driver know: NS, INDIRECT_DESC, EVENT_IDX.
_RPMSG_BITS = 1 | 1 << 28 | 1 << 29
_RPMSG = 7


@dataclass(frozen=True, slots=True)
class Owned:
    """A field and who has it.

    ``entry`` is the place in the offset array, None for the header; ``label`` is what edits call the entry;
    ``offset`` is the first byte in the table. ``writer`` is who writes the field last, ``step`` when (a key
    of STEPS), ``remark`` what to know about it. Thread safety: immutable.
    """

    entry: int | None
    label: str
    field: str
    offset: int
    value: Value
    writer: str
    step: str
    remark: str


#: Writer, step of the last write, remark.
_Fact = tuple[str, str, str]

_RESERVED = (FIRMWARE, "link", "Linux refuses anything but 0")
_HEADER: dict[str, _Fact] = {
    "ver": (FIRMWARE, "link", "Linux takes 1 only"),
    "num": (FIRMWARE, "link", "entries; 0 is legal"),
    "reserved": _RESERVED,
    "offset": (FIRMWARE, "link", "where each entry begins; the host never moves one"),
}
_CARVEOUT: dict[str, _Fact] = {
    "pa": (HOST, "allocation", "physical address of the memory, cut to 32 bits"),
    "len": (HOST, "allocation", "wanted bytes; replaced by the size of the memory, which may be larger"),
    "flags": (FIRMWARE, "link", "IOMMU protection bits, used when the memory is mapped"),
    "reserved": _RESERVED,
}
_DEVMEM: dict[str, _Fact] = {
    "da": (FIRMWARE, "link", "mapped by the IOMMU in step resources; without one the boot fails"),
    "pa": (FIRMWARE, "link", "the physical address that is mapped there"),
    "len": (FIRMWARE, "link", "bytes that are mapped"),
    "flags": (FIRMWARE, "link", "IOMMU protection bits of the mapping"),
    "reserved": _RESERVED,
    "name": (FIRMWARE, "link", "for people: nothing looks it up"),
}
_TRACE: dict[str, _Fact] = {
    "da": (FIRMWARE, "link", "translated at each look at the trace file; the host writes nothing here"),
    "len": (FIRMWARE, "link", "most bytes of text; it ends at the first NUL"),
    "reserved": _RESERVED,
    "name": (FIRMWARE, "link", "for people: the file is called after the number of the trace"),
}
_VDEV: dict[str, _Fact] = {
    "notifyid": (FIRMWARE, "link", "ignored: the numbers that count are those of the vrings"),
    "dfeatures": (FIRMWARE, "link", "what the firmware offers, read in step probe"),
    "config_len": (FIRMWARE, "link", "bytes of config space behind the vrings"),
    "status": (DRIVER, "probe", "1, 3, then 7 with DRIVER_OK (4); 0x83 when the driver failed; 0 on removal"),
    "num_of_vrings": (FIRMWARE, "link", "Linux takes two at most, rpmsg needs two"),
    "reserved": _RESERVED,
    "config": (DRIVER, "probe", "both sides write it, without a notice or a lock: say who writes what"),
}
_VRING: dict[str, _Fact] = {
    "align": (FIRMWARE, "link", "of the used ring; read in step resources"),
    "num": (FIRMWARE, "link", "buffers of the ring; read in step resources"),
    "pa": (FIRMWARE, "link", "neither read nor written by Linux"),
}
_FACTS: dict[type[Entry], dict[str, _Fact]] = {
    Carveout: _CARVEOUT,
    Devmem: _DEVMEM,
    Trace: _TRACE,
    Vdev: _VDEV,
    Unknown: {},
}


def ownership(layout: TableLayout) -> tuple[Owned, ...]:
    """Return every field of a table with who writes it, header first, entries in table order.

    ``vringN.notifyid`` and ``gfeatures`` tell what Linux will write there. Thread safety: any thread.
    """
    return (*_header(layout), *_entries(layout))


def _header(layout: TableLayout) -> Iterator[Owned]:
    for field in HEADER_FIELDS:
        value = field.show(field.number(layout.table))
        yield Owned(None, "", field.name, field.at, value, *_HEADER[field.name])
    for index, offset in enumerate(layout.offsets):
        yield Owned(None, "", f"offset[{index}]", HEADER_BYTES + 4 * index, offset, *_HEADER["offset"])


def _entries(layout: TableLayout) -> Iterator[Owned]:
    entries = layout.table.entries
    names = labels(map(type_number, entries))
    vdevs = notifyids = 0
    for index, (entry, label, start) in enumerate(zip(entries, names, layout.offsets, strict=True)):
        for place in filter(lambda place: place.size, places(entry)):
            fact = _fact(entry, place, vdevs, notifyids)
            yield Owned(index, label, place.path, start + place.at, place.value, *fact)
        if isinstance(entry, Vdev):
            vdevs += 1
            notifyids += len(entry.vrings)


def _fact(entry: Entry, place: Place, vdev: int, notifyid: int) -> _Fact:
    """Return who writes a field; ``vdev`` and ``notifyid`` are the next numbers that Linux gives."""
    vring, dot, name = place.path.rpartition(".")
    if isinstance(entry, Unknown):
        return _vendor(entry)
    if dot and name in _VRING:
        return _VRING[name]
    if dot:
        return _written_vring(name, vring_name(vdev, int(vring[5:])), notifyid + int(vring[5:]), place.value)
    if isinstance(entry, Vdev) and name in ("id", "gfeatures"):
        return _driver(entry, name)
    if isinstance(entry, Carveout) and name in ("da", "name", "name_hex"):
        return _carveout(entry, name)
    return _FACTS[type(entry)]["name" if name == "name_hex" else name]


def _carveout(entry: Carveout, name: str) -> _Fact:
    if name == "da" and entry.da == ADDR_ANY:
        return HOST, "allocation", "the host chooses an address and writes it here"
    if name == "da":
        return HOST, "allocation", "wanted address; written back, as registered for this name if anything is"
    if found := _SPOKEN_FOR.fullmatch(entry.name):
        use = f"the {'buffers' if found[2] is None else f'vring {found[2]}'} of vdev{found[1]}"
    else:
        use = "memory that is registered under this name, else new memory"
    return FIRMWARE, "link", f"looked up in step resources: {use}"


def _driver(vdev: Vdev, name: str) -> _Fact:
    if name == "id":
        kind = {7: "rpmsg", 11: "a serial port", 3: "a console", 4: "entropy"}.get(vdev.id, "another device")
        return FIRMWARE, "link", f"virtio device: {kind}; its driver is probed in step probe"
    if vdev.id == _RPMSG:
        will = f"{vdev.dfeatures & _RPMSG_BITS:#x}"
        return DRIVER, "probe", f"will be {will}: what is offered and Linux knows; valid with DRIVER_OK"
    return DRIVER, "probe", "the bits of dfeatures that the driver knows; valid with DRIVER_OK"


def _written_vring(name: str, carveout: str, notifyid: int, value: Value) -> _Fact:
    if name == "notifyid":
        return HOST, "resources", f"will be {notifyid}: the lowest free number, whatever the image says"
    asked = "the host chooses" if value == "any" else "wanted address"
    return HOST, "probe", f"{asked}; then the start of carveout {carveout}; valid with DRIVER_OK"


def _vendor(entry: Unknown) -> _Fact:
    if entry.is_vendor:
        return (
            PLATFORM,
            "resources",
            "handed to the platform driver; skipped with a warning when it has no use",
        )
    return FIRMWARE, "link", "skipped with a warning: no type that Linux knows"
