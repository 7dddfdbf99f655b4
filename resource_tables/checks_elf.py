# SPDX-License-Identifier: Apache-2.0
"""The checks on an image: file header, table section, segments.

Order, log lines and errno are those of Linux 6.12 drivers/remoteproc/remoteproc_elf_loader.c; its unsigned
wraps are not reproduced.
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass

from resource_tables.check import Check, Violation
from resource_tables.elf_header import (
    CLASS32,
    CLASS64,
    DATA_LITTLE,
    ELF_MAGIC,
    HEADER_BYTES,
    TABLE_SECTION_NAME,
    ElfHeader,
    Segment,
)

#: Says whether [da, da + size) lies in memory the host has for this core.
Translate = Callable[[int, int], bool]

_SANITY = "remoteproc_elf_loader.c: rproc_elf_sanity_check"
_FIND_TABLE = "remoteproc_elf_loader.c: find_table"
_LOAD = "remoteproc_elf_loader.c: rproc_elf_load_segments"
_NOT_ELF = "Give the firmware's ELF file, not a raw binary, a hex file or an archive."
_CUT_OFF = "The file is shorter than its own headers say: copy or build it again."


@dataclass(frozen=True, slots=True)
class SegmentSubject:
    """A segment to be loaded, its number in the program header table, and the file it lies in.

    ``translate`` None leaves the question of memory to the loader. Thread safety: immutable.
    """

    segment: Segment
    index: int
    header: ElfHeader
    translate: Translate | None = None

    @property
    def offset(self) -> int:
        """Where the program header lies in the file."""
        return self.header.phoff + self.index * self.header.program_header_bytes


def _when(failed: bool, offset: int | None = None, *args: int) -> Violation | None:
    return Violation(offset, args) if failed else None


def _image(
    id_: str,
    log: str,
    requires: str,
    function: Callable[[ElfHeader], Violation | None],
    *,
    hint: str = _CUT_OFF,
    gate: bool = False,
    kernel: bool = True,
) -> Check:
    return Check(
        id=id_,
        errno=errno.EINVAL,
        log=log,
        source=_SANITY if kernel else "resource_tables: checks_elf",
        applies_to="image",
        requires=requires,
        hint=hint,
        function=function,
        gate=gate,
        kernel=kernel,
    )


def _sections_end(header: ElfHeader, num: int) -> int:
    return header.shoff + num * header.section_header_bytes


IMAGE_CHECKS: tuple[Check, ...] = (
    _image(
        "elf-size",
        "Image is too small",
        "the file holds at least a 32-bit ELF header",
        lambda h: _when(h.size < HEADER_BYTES[CLASS32], h.size),
        hint=_NOT_ELF,
        gate=True,
    ),
    _image(
        "elf-magic",
        "Image is corrupted (bad magic)",
        "the file begins with the ELF magic",
        lambda h: _when(h.data[:4] != ELF_MAGIC, 0),
        hint=_NOT_ELF,
        gate=True,
    ),
    _image(
        "elf-class",
        "Unsupported class: %d",
        "the image is ELF32 or ELF64",
        lambda h: _when(h.elf_class not in (CLASS32, CLASS64), 4, h.elf_class),
        hint=_NOT_ELF,
        gate=True,
    ),
    _image(
        "elf64-size",
        "elf64 header is too small",
        "an ELF64 file holds at least its header",
        lambda h: _when(h.elf_class == CLASS64 and h.size < HEADER_BYTES[CLASS64], h.size),
        gate=True,
    ),
    _image(
        "elf-endianness",
        "Unsupported firmware endianness",
        "the image has the byte order of the host, little endian",
        lambda h: _when(h.encoding != DATA_LITTLE, 5),
        hint="Build the firmware for a little-endian target: shared memory is not converted.",
        gate=True,
    ),
    _image(
        "elf-shoff",
        "Section header table is out of bounds",
        "e_shoff lies inside the file",
        lambda h: _when(h.shoff > h.size, h.shoff),
    ),
    _image(
        "elf-shnum",
        "Section headers are out of bounds",
        "all section headers lie inside the file",
        lambda h: _when(h.shnum != 0 and _sections_end(h, h.shnum) > h.size, h.shoff),
    ),
    _image(
        "elf-shstrndx",
        "Image is too small",
        "the header of the section name table lies inside the file",
        lambda h: _when(_sections_end(h, h.shstrndx + 1) > h.size, h.shoff),
    ),
    # What 6.1 has in place of the three above; whoever has those never fails here first.
    _image(
        "elf-section-header",
        "Image is too small",
        "one section header lies inside the file",
        lambda h: _when(_sections_end(h, 1) > h.size, h.shoff),
    ),
    _image(
        "elf-phnum",
        "No loadable segments",
        "there is a program header",
        lambda h: _when(h.phnum == 0),
        hint="This is an object file or an archive member: link it first.",
    ),
    _image(
        "elf-phoff",
        "Firmware size is too small",
        "e_phoff lies inside the file",
        lambda h: _when(h.phoff > h.size, h.phoff),
    ),
    _image(
        "elf-phdrs",
        "Firmware size is too small",
        "all program headers lie inside the file (Linux checks the first byte only)",
        lambda h: _when(h.phoff <= h.size < h.phoff + h.phnum * h.program_header_bytes, h.phoff),
        kernel=False,
    ),
)


def _section_is_there(header: ElfHeader) -> Violation | None:
    return _when(header.find_section(TABLE_SECTION_NAME) is None)


def _section_in_file(header: ElfHeader) -> Violation | None:
    section = header.find_section(TABLE_SECTION_NAME)
    if section is None:
        return None
    return _when(section.offset + section.size > header.size, section.offset)


SECTION_CHECKS: tuple[Check, ...] = (
    Check(
        id="table-section",
        errno=errno.EINVAL,
        log=None,
        source=_FIND_TABLE,
        applies_to="section",
        requires="the image has a section named .resource_table",
        hint="Add a resource table, and KEEP() it in an output section of its own: --gc-sections drops it, "
        "and inside .data it has no name.",
        function=_section_is_there,
        gate=True,
    ),
    Check(
        id="table-section-bounds",
        errno=errno.EINVAL,
        log="resource table truncated",
        source=_FIND_TABLE,
        applies_to="section",
        requires="the .resource_table section lies inside the file",
        hint=_CUT_OFF,
        function=_section_in_file,
        gate=True,
    ),
)


def _segment_sizes(subject: SegmentSubject) -> Violation | None:
    segment = subject.segment
    return _when(segment.filesz > segment.memsz, subject.offset, segment.filesz, segment.memsz)


def _segment_in_file(subject: SegmentSubject) -> Violation | None:
    end = subject.segment.offset + subject.segment.filesz
    return _when(end > subject.header.size, subject.offset, end, subject.header.size)


def _segment_in_memory(subject: SegmentSubject) -> Violation | None:
    segment, translate = subject.segment, subject.translate
    if translate is None or translate(segment.paddr, segment.memsz):
        return None
    return Violation(subject.offset, (segment.paddr, segment.memsz))


SEGMENT_CHECKS: tuple[Check, ...] = (
    Check(
        id="segment-sizes",
        errno=errno.EINVAL,
        log="bad phdr filesz 0x%llx memsz 0x%llx",
        source=_LOAD,
        applies_to="segment",
        requires="a segment is in memory at least as large as in the file",
        hint="The program headers are damaged: link the image again.",
        function=_segment_sizes,
    ),
    Check(
        id="segment-bounds",
        errno=errno.EINVAL,
        log="truncated fw: need 0x%llx avail 0x%zx",
        source=_LOAD,
        applies_to="segment",
        requires="a segment's bytes lie inside the file",
        hint=_CUT_OFF,
        function=_segment_in_file,
    ),
    Check(
        id="segment-memory",
        errno=errno.EINVAL,
        log="bad phdr da 0x%llx mem 0x%llx",
        source=_LOAD,
        applies_to="segment",
        requires="a segment's whole memory range [p_paddr, p_paddr + p_memsz) lies in one carveout",
        hint="Add a carveout with this device address to the table, or a region to the machine.",
        function=_segment_in_memory,
    ),
)
