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

Two parts of the room that a boot does not need, imported only when they are asked for:

* ``lint``: the validator. ``validate(image) -> Report`` is the verdict of a loader and all findings;
  ``memory_map`` is the memory of a target.
* ``authoring``: a table as something that people write, compare and change; ``fields`` and ``layout`` say
  where each field lies.

What it refuses to do: it allocates no memory for a core, lays out no ring (``sizes`` says how large one is),
follows no offset in live memory, and does not repair a table. Only the validator's part reads files, each
once and with a bound (``files``). It does not reproduce known bugs of the kernel: no sum wraps, no name is a
format string, no read leaves the file.

Assumptions: host and core are little endian; device addresses in the table have 32 bits. Not modelled:
extended section and program header numbering (Linux does not know it either) and the meaning of vendor
entries, which are kept byte for byte.

The room imports the standard library only.
"""

import importlib
from typing import TYPE_CHECKING

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
    MemoryMapError,
    NoSuchEntryError,
    OverlapError,
    ProfileError,
    TableError,
    TruncatedError,
    UnreadableError,
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

if TYPE_CHECKING:
    from resource_tables.lint.finding import Finding, Report, Verdict
    from resource_tables.lint.profile import Profile, load_profile, profile_for, profile_names
    from resource_tables.lint.rules.rule import Severity
    from resource_tables.lint.validator import validate
    from resource_tables.memory_map import MemoryMap, Region, read_memory_map

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
    "Finding",
    "ImageSubject",
    "LiveTable",
    "LoaderError",
    "MemoryMap",
    "MemoryMapError",
    "NoSuchEntryError",
    "OverlapError",
    "Profile",
    "ProfileError",
    "Region",
    "Report",
    "ResourceTable",
    "Segment",
    "SegmentSpec",
    "Severity",
    "TableError",
    "TableSection",
    "TableSubject",
    "TableView",
    "Trace",
    "TruncatedError",
    "Unknown",
    "UnreadableError",
    "Vdev",
    "Verdict",
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
    "load_profile",
    "parse",
    "printable",
    "profile_for",
    "profile_names",
    "read_memory_map",
    "render_text",
    "run_checks",
    "to_json",
    "validate",
    "vring_name",
]

#: The validator's part, which a loader does not need: imported when it is first asked for.
_LAZY = {
    "Finding": "lint.finding",
    "MemoryMap": "memory_map",
    "Profile": "lint.profile",
    "Region": "memory_map",
    "Report": "lint.finding",
    "Severity": "lint.rules.rule",
    "Verdict": "lint.finding",
    "load_profile": "lint.profile",
    "profile_for": "lint.profile",
    "profile_names": "lint.profile",
    "read_memory_map": "memory_map",
    "validate": "lint.validator",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value
