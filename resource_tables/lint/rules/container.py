# SPDX-License-Identifier: Apache-2.0
"""The rules on the table's section, its header and its offset array, V01 to V16.

Source: Linux remoteproc_elf_loader.c: find_table; include/linux/rsc_table.h: rsc_table_for_each_entry.
"""

from collections.abc import Iterator

from resource_tables.checks_table import FIND_TABLE, ITERATOR, MAX_TABLE_BYTES
from resource_tables.elf_header import SHT_NOBITS
from resource_tables.lint.rules.context import Context
from resource_tables.lint.rules.elf_fields import section_spot
from resource_tables.lint.rules.extents import array_end, host_writes_in, unclaimed, used_bytes
from resource_tables.lint.rules.rule import Rule, Severity, Spot
from resource_tables.sizes import PAGE
from resource_tables.view import HEADER_BYTES

_COPY = "remoteproc_elf_loader.c: rproc_elf_load_rsc_table"
_WRITE_BACK = "remoteproc_core.c: rproc_start; remoteproc_virtio.c: rp_find_vq"

#: Every field of a table is a word or smaller.
_ALIGN = 4
#: Compilers and linkers pad to eight bytes; that says nothing.
_PADDING = 8


def _second_section(context: Context) -> Iterator[Spot]:
    for section in context.sections[1:]:
        first = context.table_at
        yield section_spot(
            context, section, "sh_name", f"a second .resource_table; Linux takes the first, at {first:#x}"
        )


def _no_bits(context: Context) -> Iterator[Spot]:
    section = context.section
    if section is not None and section.type == SHT_NOBITS and section.size > 0:
        message = (
            f"the section is NOBITS: the {section.size} bytes at {section.offset:#x} of the file are not "
            "the table, and Linux takes them for it"
        )
        yield section_spot(context, section, "sh_type", message)


def _no_entries(context: Context) -> Iterator[Spot]:
    if context.table is not None and context.table.num == 0:
        yield Spot(message="the table has no entries", offset=4, field="num")


def _offset_spot(index: int, message: str, severity: Severity | None = None) -> Spot:
    return Spot(
        message=message,
        offset=HEADER_BYTES + 4 * index,
        entry=index,
        field=f"offset[{index}]",
        severity=severity,
    )


def _unaligned(context: Context) -> Iterator[Spot]:
    for entry in context.entries:
        if entry.offset % _ALIGN:
            message = f"entry {entry.index} begins at {entry.offset:#x}, no multiple of {_ALIGN}"
            yield _offset_spot(entry.index, message)


def _in_the_array(context: Context) -> Iterator[Spot]:
    end = array_end(context)
    for entry in context.entries:
        if entry.offset < end:
            message = f"entry {entry.index} begins at {entry.offset:#x}, the offset array ends at {end:#x}"
            written = host_writes_in(entry, HEADER_BYTES, end)
            yield _offset_spot(entry.index, message, Severity.ERROR if written else None)


def _shared(context: Context) -> Iterator[Spot]:
    first: dict[int, int] = {}
    for entry in context.entries:
        known = first.setdefault(entry.offset, entry.index)
        if known != entry.index:
            message = f"entries {known} and {entry.index} are both the one at {entry.offset:#x}"
            written = host_writes_in(entry, 0, len(context.data))
            yield _offset_spot(entry.index, message, Severity.ERROR if written else None)


def _gaps(context: Context) -> Iterator[tuple[int, int, bool]]:
    """Yield where and how many bytes belong to no entry, and whether that is unusually many at the end."""
    for start, end in unclaimed(context):
        if end - start >= _PADDING:
            at_end = context.table is not None and end == context.table.size
            yield start, end - start, at_end and end - start >= PAGE


def _slack(context: Context) -> Iterator[Spot]:
    for start, size, is_large in _gaps(context):
        if not is_large:
            yield Spot(message=f"{size} bytes belong to no entry", offset=start, size=size)


def _large_slack(context: Context) -> Iterator[Spot]:
    for start, size, is_large in _gaps(context):
        if is_large:
            yield Spot(message=f"{size} bytes behind the last entry belong to none", offset=start, size=16)


def _outside_window(context: Context) -> Iterator[Spot]:
    window, used = context.profile.attach_window, used_bytes(context)
    if context.table is not None and window is not None and used > window:
        message = f"the entries end at byte {used}, {context.profile.name} maps {window} of a running core's"
        yield Spot(message=message, offset=min(window, context.table.size - 1))


RULES = (
    Rule(
        id="V01",
        title="table-section",
        severity=Severity.WARNING,
        reason="Without a section named .resource_table Linux's own loader ends the boot and says nothing; "
        "some platforms boot on.",
        source=FIND_TABLE,
        hint="Add a table, and KEEP() it in an output section of its own: --gc-sections drops it, and inside "
        ".data it has no name.",
        checks=("table-section",),
    ),
    Rule(
        id="V02",
        title="table-section-once",
        severity=Severity.WARNING,
        reason="Linux takes the first section of that name and never sees another.",
        source=FIND_TABLE,
        hint="Link one table only: look for a second object file or library that brings one.",
        function=_second_section,
    ),
    Rule(
        id="V03",
        title="table-section-bytes",
        severity=Severity.WARNING,
        reason="A NOBITS section has no bytes in the file, but Linux does not look at the type and reads "
        "whatever lies there.",
        source=FIND_TABLE,
        hint="Initialise the table in the source and put its section among data, not bss.",
        function=_no_bits,
    ),
    Rule(
        id="V04",
        title="table-section-bounds",
        severity=Severity.ERROR,
        reason="A table that reaches past the end of the file is refused.",
        source=FIND_TABLE,
        hint="The file was cut off: copy or build it again.",
        checks=("table-section-bounds",),
    ),
    Rule(
        id="V05",
        title="table-header",
        severity=Severity.ERROR,
        reason="A section that is empty or shorter than the table's 16-byte header is refused.",
        source=FIND_TABLE,
        hint="KEEP() the section in the linker script, and mark the table as used.",
        checks=("table-header",),
    ),
    Rule(
        id="V06",
        title="table-version",
        severity=Severity.ERROR,
        reason="Linux knows version 1 and refuses every other, also where the section holds something else.",
        source=FIND_TABLE,
        hint="Set ver to 1; for other numbers look at what the first 16 bytes really are.",
        checks=("table-version",),
    ),
    Rule(
        id="V07",
        title="table-reserved",
        severity=Severity.WARNING,
        reason="The two reserved words of the header must be 0.",
        source=FIND_TABLE,
        hint="Set reserved to { 0, 0 }.",
        checks=("table-reserved",),
    ),
    Rule(
        id="V08",
        title="table-num",
        severity=Severity.ERROR,
        reason="The header promises more entries than the section has room for offsets.",
        source=FIND_TABLE,
        hint="Let num be the length of the offset array, and check the section's size.",
        checks=("table-num",),
    ),
    Rule(
        id="V09",
        title="table-empty",
        severity=Severity.WARNING,
        reason="A table without entries is legal and boots, but gives neither memory nor rpmsg.",
        source="remoteproc_core.c: rproc_handle_resources",
        hint="If the core is to talk to the host, add a vdev; if not, this is as it should be.",
        function=_no_entries,
    ),
    Rule(
        id="V10",
        title="entry-offset",
        severity=Severity.ERROR,
        reason="An entry must begin behind the header and have room for its type; older kernels read out of "
        "bounds.",
        source=ITERATOR,
        hint="Compute offset[] with offsetof() and keep no stale entries in it.",
        checks=("entry-offset-header", "entry-offset-end", "entry-type-room"),
    ),
    Rule(
        id="V11",
        title="entry-alignment",
        severity=Severity.WARNING,
        reason="The words of an unaligned entry cannot be read in device memory or by a strict core.",
        source="include/linux/remoteproc.h: struct resource_table (packed)",
        hint="Begin every entry at a multiple of 4.",
        function=_unaligned,
    ),
    Rule(
        id="V12",
        title="entry-behind-array",
        severity=Severity.WARNING,
        reason="Linux takes the words of the offset array for an entry, and may write to them.",
        source=ITERATOR,
        hint="Compute offset[] with offsetof(), from the start of the table.",
        function=_in_the_array,
    ),
    Rule(
        id="V13",
        title="entry-offset-once",
        severity=Severity.WARNING,
        reason="Two entries at one offset are one entry that is handled twice; what the host writes for one "
        "replaces what it wrote for the other.",
        source=_WRITE_BACK,
        hint="Give each entry bytes of its own, or take one of the offsets out of num.",
        function=_shared,
    ),
    Rule(
        id="V14",
        title="table-gap",
        severity=Severity.INFO,
        reason="Bytes between or behind the entries are copied with the table and do no harm.",
        source=_COPY,
        hint="Nothing to do, unless an entry was meant to be here: then add it to offset[] and num.",
        function=_slack,
    ),
    Rule(
        id="V15",
        title="table-size",
        severity=Severity.WARNING,
        reason="Linux copies the whole section, and the copy in the core's memory must have room for it.",
        source=_COPY,
        hint="Look at what else the linker script puts into the section; "
        f"{MAX_TABLE_BYTES >> 20} MiB are the limit.",
        checks=("table-copy",),
        function=_large_slack,
    ),
    Rule(
        id="V16",
        title="table-attach-window",
        severity=Severity.WARNING,
        reason="When the host attaches to a running core, this platform's driver maps a fixed number of "
        "bytes and does not see the rest of the table.",
        source="stm32_rproc.c: stm32_rproc_get_loaded_rsc_table; imx_rproc.c: "
        "imx_rproc_get_loaded_rsc_table; ti_k3_r5_remoteproc.c: k3_r5_get_loaded_rsc_table",
        hint="Make the table shorter; a vendor's entries may go.",
        function=_outside_window,
    ),
)
