# SPDX-License-Identifier: Apache-2.0
"""The rules on where the table lies in the image and in the core's memory, X10 to X14 and X16.

Linux takes the table from the section's bytes in the file, fills it in, and copies it to sh_addr once the
segments are loaded. It asks nobody whether that is where the segments have put it.

Source: Linux remoteproc_elf_loader.c: rproc_elf_find_loaded_rsc_table; remoteproc_core.c: rproc_start.
"""

from collections.abc import Iterator

from resource_tables.elf_header import SHT_NOBITS, Section, Segment
from resource_tables.lint.rules import segments
from resource_tables.lint.rules.context import Context
from resource_tables.lint.rules.elf_fields import section_spot, segment_spot
from resource_tables.lint.rules.ranges import RangeIndex
from resource_tables.lint.rules.rule import Rule, Severity, Spot
from resource_tables.model import ADDR_ANY

_LOADED = "remoteproc_elf_loader.c: rproc_elf_find_loaded_rsc_table"
_START = "remoteproc_core.c: rproc_start"

_SHF_ALLOC = 2
_PF_W = 2


def _placed(context: Context) -> Section | None:
    """Return the table's section where it has an address and bytes of its own."""
    section = context.section
    if context.table is None or section is None or section.type == SHT_NOBITS:
        return None
    return section if section.flags & _SHF_ALLOC else None


def _home(context: Context, section: Section) -> tuple[int, Segment] | None:
    """Return the segment that brings the table's bytes, with its number."""
    end = section.offset + section.size
    for index, segment in context.segments:
        if segment.offset <= section.offset and end <= segment.offset + segment.filesz:
            return index, segment
    return None


def _is_waited_for(context: Context) -> bool:
    """Whether the firmware cannot do without what the host writes into its table."""
    return bool(context.vdevs) or any(carveout.da == ADDR_ANY for carveout in context.carveouts)


def _mild(context: Context) -> Severity:
    return Severity.WARNING if _is_waited_for(context) else Severity.INFO


def _out_of_memory(context: Context) -> Iterator[Spot]:
    section, memory = _placed(context), context.memory
    if section is None or memory is None:
        return
    carveouts = RangeIndex(context.ranges_of("carveout"))
    held = carveouts.containing(section.addr, section.addr + section.size)
    if held is None and memory.containing(section.addr, section.size) is None:
        message = f"the table [{section.addr:#x}, +{section.size:#x}) lies in no carveout and no region"
        yield section_spot(context, section, "sh_addr", message, severity=_mild(context))


def _not_loaded(context: Context) -> Iterator[Spot]:
    section = _placed(context)
    if section is not None and segments.are_known(context) and _home(context, section) is None:
        message = f"no segment brings the table to {section.addr:#x}"
        yield section_spot(context, section, "sh_addr", message, severity=_mild(context))


def _elsewhere(context: Context) -> Iterator[Spot]:
    section = _placed(context)
    home = None if section is None else _home(context, section)
    if section is None or home is None:
        return
    index, segment = home
    loaded = segment.paddr + section.offset - segment.offset
    if loaded != section.addr:
        message = f"segment {index} brings the table to {loaded:#x}, the host writes it to {section.addr:#x}"
        yield section_spot(context, section, "sh_addr", message)


def _read_only(context: Context) -> Iterator[Spot]:
    section = _placed(context)
    home = None if section is None else _home(context, section)
    if section is None or home is None:
        return
    index, segment = home
    region = None if context.memory is None else context.memory.containing(section.addr, section.size)
    if not segment.flags & _PF_W:
        message = f"segment {index}, in which the table lies, is not writable"
        yield segment_spot(context, index, "p_flags", message)
    elif region is not None and region.kind == "rom":
        message = f"the table lies in region {region.name!r}, which is ROM"
        yield section_spot(context, section, "sh_addr", message)


def _not_allocated(context: Context) -> Iterator[Spot]:
    section = context.section
    if section is not None and not section.flags & _SHF_ALLOC:
        yield section_spot(context, section, "sh_flags", "the table's section has no address (no SHF_ALLOC)")


def _unaligned(context: Context) -> Iterator[Spot]:
    section = _placed(context)
    if section is None or section.addr % 8 == 0:
        return
    severity, align = (Severity.WARNING, 4) if section.addr % 4 else (Severity.INFO, 8)
    message = f"the table is linked to {section.addr:#x}, no multiple of {align}"
    yield section_spot(context, section, "sh_addr", message, severity=severity)


RULES = (
    Rule(
        id="X10",
        title="table-in-memory",
        severity=Severity.WARNING,
        reason="Where the host has no memory at the table's link address it writes nothing back, and says "
        "nothing.",
        source=f"{_LOADED}; {_START}",
        hint="Link the table into a carveout with a fixed da, or into memory the target has.",
        function=_out_of_memory,
        needs_map=True,
    ),
    Rule(
        id="X11",
        title="table-loaded",
        severity=Severity.WARNING,
        reason="A table that no segment loads is not in the core's memory until the host writes it there.",
        source=f"{_LOADED}; {_START}",
        hint="Put the section into an output section that is loaded (not NOLOAD), with a program header.",
        function=_not_loaded,
    ),
    Rule(
        id="X12",
        title="table-address",
        severity=Severity.WARNING,
        reason="Segments are loaded to p_paddr, but the host writes the table to sh_addr, which is a virtual "
        "address: the two should be one.",
        source=f"{_LOADED}; remoteproc_elf_loader.c: rproc_elf_load_segments",
        hint="Give the section the same LMA as VMA, or have the firmware read the table at its VMA only.",
        function=_elsewhere,
    ),
    Rule(
        id="X13",
        title="table-writable",
        severity=Severity.WARNING,
        reason="The host writes addresses, notify ids, features and status into the table; memory that is "
        "read-only or a copy in ROM does not take them.",
        source=f"{_START}; remoteproc_virtio.c: rproc_virtio_set_status",
        hint="Place the table in a writable data segment in RAM; do not declare it const.",
        function=_read_only,
    ),
    Rule(
        id="X14",
        title="table-allocated",
        severity=Severity.WARNING,
        reason="A section without SHF_ALLOC is not in the core's memory, and its address of 0 is where the "
        "host may write it to.",
        source=_LOADED,
        hint="Declare the table as an initialised variable, and give its section to a memory region.",
        function=_not_allocated,
    ),
    Rule(
        id="X16",
        title="table-alignment",
        severity=Severity.WARNING,
        reason="Linux copies the table with memcpy, also to device memory, where neither host nor core can "
        "access an unaligned word.",
        source=_START,
        hint="Align the section to 8 in the linker script.",
        function=_unaligned,
    ),
)
