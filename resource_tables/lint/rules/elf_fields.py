# SPDX-License-Identifier: Apache-2.0
"""Points at a field of an ELF header by its name. Layouts: System V ABI, chapter "Object Files"."""

from resource_tables.elf_header import CLASS64, Section
from resource_tables.lint.rules.context import Context
from resource_tables.lint.rules.rule import Severity, Spot

#: Position in the structure and size in bytes, for ELF32 and for ELF64.
_Place = tuple[int, int]
_HEADER: dict[str, tuple[_Place, _Place]] = {
    "e_ident[EI_CLASS]": ((4, 1), (4, 1)),
    "e_ident[EI_DATA]": ((5, 1), (5, 1)),
    "e_phoff": ((28, 4), (32, 8)),
    "e_shoff": ((32, 4), (40, 8)),
    "e_machine": ((18, 2), (18, 2)),
    "e_entry": ((24, 4), (24, 8)),
    "e_phnum": ((44, 2), (56, 2)),
    "e_shnum": ((48, 2), (60, 2)),
    "e_shstrndx": ((50, 2), (62, 2)),
}
_SEGMENT: dict[str, tuple[_Place, _Place]] = {
    "p_flags": ((24, 4), (4, 4)),
    "p_paddr": ((12, 4), (24, 8)),
    "p_offset": ((4, 4), (8, 8)),
    "p_filesz": ((16, 4), (32, 8)),
}
_SECTION: dict[str, tuple[_Place, _Place]] = {
    "sh_name": ((0, 4), (0, 4)),
    "sh_type": ((4, 4), (4, 4)),
    "sh_flags": ((8, 4), (8, 8)),
    "sh_addr": ((12, 4), (16, 8)),
    "sh_offset": ((16, 4), (24, 8)),
}


def header_spot(context: Context, field: str, message: str, *, severity: Severity | None = None) -> Spot:
    """Return a spot at a field of the file header. Thread safety: any thread."""
    return _spot(context, 0, _HEADER[field], field, message, severity)


def segment_spot(
    context: Context, index: int, field: str, message: str, *, severity: Severity | None = None
) -> Spot:
    """Return a spot at a field of program header ``index``. Thread safety: any thread."""
    return _spot(context, context.segment_offset(index), _SEGMENT[field], field, message, severity)


def section_spot(
    context: Context, section: Section, field: str, message: str, *, severity: Severity | None = None
) -> Spot:
    """Return a spot at a field of a section header. Thread safety: any thread."""
    return _spot(context, section.at, _SECTION[field], field, message, severity)


def _spot(
    context: Context,
    start: int,
    places: tuple[_Place, _Place],
    field: str,
    message: str,
    severity: Severity | None,
) -> Spot:
    wide = context.header is not None and context.header.elf_class == CLASS64
    position, size = places[wide]
    return Spot(
        message=message,
        offset=start + position,
        size=size,
        field=field,
        severity=severity,
        in_file=True,
    )
