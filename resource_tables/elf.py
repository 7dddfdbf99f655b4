# SPDX-License-Identifier: Apache-2.0
"""A firmware image that has passed Linux's sanity checks."""

from dataclasses import dataclass

from resource_tables.checks_elf import IMAGE_CHECKS
from resource_tables.elf_header import TABLE_SECTION_NAME, ElfHeader, Segment


@dataclass(frozen=True, slots=True)
class TableSection:
    """Where the resource table lies: in the file and, by ``addr``, in the core's memory.

    ``offset`` and ``size`` are bytes as the section header says them, unchecked. Thread safety: immutable.
    """

    offset: int
    addr: int  #: link address (sh_addr): the device address of the loaded table
    size: int
    type: int  #: sh_type, ignored as Linux does
    flags: int
    align: int


@dataclass(frozen=True, slots=True)
class ElfImage:
    """Headers of an ELF32 or ELF64 image, each of them inside the file.

    Segments and the table section are as the file says them: ``check_image`` and ``check_segments`` judge
    those. Thread safety: immutable.
    """

    header: ElfHeader
    segments: tuple[Segment, ...]
    table_section: TableSection | None

    @classmethod
    def parse(cls, data: bytes | bytearray | memoryview) -> "ElfImage":
        """Read the headers of ``data``; raises LoaderError (EINVAL) for the first sanity check that fails.

        Source: Linux remoteproc_elf_loader.c: rproc_elf_sanity_check.
        """
        header = ElfHeader(data)
        for check in IMAGE_CHECKS:
            failure = check.apply(header)
            if failure is not None:
                raise failure.error()
        return cls(header, tuple(header.segments()), _table_section(header))

    @property
    def data(self) -> bytes:
        """The whole file."""
        return self.header.data

    @property
    def elf_class(self) -> int:
        """32 or 64."""
        return 32 * self.header.elf_class

    @property
    def machine(self) -> int:
        """The number of the processor (e_machine); Linux does not look at it."""
        return self.header.machine

    @property
    def type(self) -> int:
        """2 for an executable, 3 for a shared object or position-independent executable."""
        return self.header.type

    @property
    def entry(self) -> int:
        """The boot address (e_entry); 0 is normal."""
        return self.header.entry

    @property
    def table_bytes(self) -> bytes | None:
        """The bytes of the table, exactly sh_size of them, or None when there are none inside the file."""
        section = self.table_section
        if section is None or section.offset + section.size > self.header.size:
            return None
        return self.data[section.offset : section.offset + section.size]


def _table_section(header: ElfHeader) -> TableSection | None:
    found = header.find_section(TABLE_SECTION_NAME)
    if found is None:
        return None
    return TableSection(found.offset, found.addr, found.size, found.type, found.flags, found.align)
