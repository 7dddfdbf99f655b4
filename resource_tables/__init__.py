# SPDX-License-Identifier: Apache-2.0
"""Resource tables: from the bytes in a firmware image to values, and from the host's decisions back to bytes.

What the room does, in the order in which a boot uses it:

* ``elf``, ``elf_header``: a bounds-checked reader of ELF32 and ELF64 headers, segments, and the section that
  holds the table. ``ElfImage.parse(data)`` passes Linux's sanity checks or raises.
* ``view``: ``TableView(data)`` shows untrusted table bytes and never judges; ``raw`` are the bytes as given.
* ``model``, ``codec``: ``parse(data)`` gives values that cannot be wrong, ``emit(table)`` the canonical
  bytes; ``parse(emit(table)) == table``.
* ``check``, ``checks``, ``checks_elf``, ``checks_table``, ``checks_vdev``: the kernel's checks as one list,
  each with its errno, log line and place in Linux, and a few of our own, marked ``kernel=False``. The loader
  raises the first failure, a report collects all of them from the same walk.
* ``live``: ``LiveTable`` writes back what the host decides (addresses, notify ids, features, status,
  configuration space), at offsets taken once from a trusted copy.
* ``builder``: small images for cores that have no linker. ``text``: a table as text or JSON.

What it refuses to do: it reads no file, allocates no memory, knows no ring arithmetic, follows no offset in
live memory, and does not repair a table. It does not reproduce known bugs of the kernel: no sum wraps, no
name is a format string, no read leaves the file.

Assumptions: host and core are little endian; device addresses in the table have 32 bits. Not modelled:
extended section and program header numbering (Linux does not know it either) and the meaning of vendor
entries, which are kept byte for byte.

The room imports the standard library only.
"""

from resource_tables.builder import SegmentSpec, elf_image
from resource_tables.check import Check, Failure, Violation
from resource_tables.checks import (
    CHECKS,
    OWN_CHECKS,
    ImageSubject,
    TableSubject,
    check_image,
    check_region,
    check_segment,
    check_segments,
    check_table,
    failures,
    run_checks,
)
from resource_tables.codec import emit, parse
from resource_tables.elf import ElfImage, TableSection
from resource_tables.elf_header import PT_LOAD, SHT_NOBITS, Segment
from resource_tables.errors import (
    ConfigSpaceError,
    LoaderError,
    NoSuchEntryError,
    OverlapError,
    TableError,
    TruncatedError,
)
from resource_tables.live import NOTIFYID_NONE, LiveTable
from resource_tables.model import (
    ADDR_ANY,
    Carveout,
    Devmem,
    Entry,
    ResourceTable,
    Trace,
    Unknown,
    Vdev,
    Vring,
    buffer_name,
    vring_name,
)
from resource_tables.text import printable, render_text, to_json
from resource_tables.view import EntryView, TableView

__all__ = [
    "ADDR_ANY",
    "CHECKS",
    "NOTIFYID_NONE",
    "OWN_CHECKS",
    "PT_LOAD",
    "SHT_NOBITS",
    "Carveout",
    "Check",
    "ConfigSpaceError",
    "Devmem",
    "ElfImage",
    "Entry",
    "EntryView",
    "Failure",
    "ImageSubject",
    "LiveTable",
    "LoaderError",
    "NoSuchEntryError",
    "OverlapError",
    "ResourceTable",
    "Segment",
    "SegmentSpec",
    "TableError",
    "TableSection",
    "TableSubject",
    "TableView",
    "Trace",
    "TruncatedError",
    "Unknown",
    "Vdev",
    "Violation",
    "Vring",
    "buffer_name",
    "check_image",
    "check_region",
    "check_segment",
    "check_segments",
    "check_table",
    "elf_image",
    "emit",
    "failures",
    "parse",
    "printable",
    "render_text",
    "run_checks",
    "to_json",
    "vring_name",
]
