# SPDX-License-Identifier: Apache-2.0
"""Where a failure of a loader check is to be shown: the field at fault, its bytes, its entry."""

from dataclasses import replace

from resource_tables.check import Failure
from resource_tables.checks_elf import SegmentSubject
from resource_tables.checks_table import EntrySubject
from resource_tables.checks_vdev import RegionSubject, VringSubject
from resource_tables.lint.rules.context import Context
from resource_tables.lint.rules.elf_fields import header_spot, section_spot, segment_spot
from resource_tables.lint.rules.rule import Spot
from resource_tables.lint.rules.spots import entry_spot

#: The field of the file header that is at fault.
_HEADER_FIELDS = {
    "elf-class": "e_ident[EI_CLASS]",
    "elf-endianness": "e_ident[EI_DATA]",
    "elf-shoff": "e_shoff",
    "elf-shnum": "e_shnum",
    "elf-shstrndx": "e_shstrndx",
    "elf-section-header": "e_shoff",
    "elf-phnum": "e_phnum",
    "elf-phoff": "e_phoff",
    "elf-phdrs": "e_phnum",
}
#: The same of a program header.
_SEGMENT_FIELDS = {"segment-sizes": "p_filesz", "segment-bounds": "p_offset", "segment-memory": "p_paddr"}
#: Fields of the table by the checks that point at them, and their bytes; others point at a whole entry.
_TABLE_FIELDS = {
    "table-version": ("ver", 4),
    "table-reserved": ("reserved", 4),
    "table-num": ("num", 4),
    "entry-offset-header": ("offset[{entry}]", 4),
    "entry-offset-end": ("offset[{entry}]", 4),
    "entry-type-room": ("offset[{entry}]", 4),
    "carveout-reserved": ("reserved", 4),
    "carveout-name": ("name", 32),
    "carveout-len": ("len", 4),
    "carveout-range": ("da", 4),
    "late-region-len": ("len", 4),
    "late-region-any": ("da", 4),
    "late-region-da": ("da", 4),
    "late-region-end": ("da", 4),
    "devmem-reserved": ("reserved", 4),
    "trace-reserved": ("reserved", 4),
    "vdev-reserved": ("reserved", 2),
    "vdev-vrings": ("num_of_vrings", 1),
    "vring-empty": ("vring[{vring}]", 20),
    "vring-num": ("vring[{vring}].num", 4),
    "vring-single": ("vring[{vring}].num", 4),
    "vring-align": ("vring[{vring}].align", 4),
    "vring-da": ("vring[{vring}].da", 4),
}


def failure_spot(context: Context, failure: Failure, message: str) -> Spot:
    """Return the spot of a failure: what a check points at, made a field with a name where it is one.

    Thread safety: any thread.
    """
    check, subject = failure.check, failure.subject
    if check.id in _HEADER_FIELDS:
        spot = header_spot(context, _HEADER_FIELDS[check.id], message)
    elif isinstance(subject, SegmentSubject):
        spot = segment_spot(context, subject.index, _SEGMENT_FIELDS[check.id], message)
    elif check.applies_to == "section" and context.section is not None:
        spot = section_spot(context, context.section, "sh_offset", message)
    elif check.applies_to in ("image", "section"):
        inside = failure.offset is not None and failure.offset < len(context.data)
        spot = Spot(message=message, offset=failure.offset if inside else None, in_file=True)
    elif isinstance(subject, RegionSubject) and subject.entry is not None:
        spot = entry_spot(subject.entry, "len" if check.id == "region-len" else "da", message)
    else:
        spot = _table_spot(failure, message)
    return replace(spot, hint=check.hint)


def _table_spot(failure: Failure, message: str) -> Spot:
    subject, entry, vring = failure.subject, None, None
    if isinstance(subject, EntrySubject | VringSubject):
        entry = subject.entry.index
    if isinstance(subject, VringSubject):
        vring = subject.vring
    field, size = _TABLE_FIELDS.get(failure.check.id, (None, 4))
    return Spot(
        message=message,
        # A table that is too short for a header is shown from its start: its end may be that of the file.
        offset=0 if failure.check.id == "table-header" else failure.offset,
        size=size,
        entry=entry,
        field=None if field is None else field.format(entry=entry, vring=vring),
    )
