# SPDX-License-Identifier: Apache-2.0
"""Small ELF images round a resource table, for cores that have no linker: Python cores and tests."""

import struct
from dataclasses import dataclass

from resource_tables.codec import emit
from resource_tables.elf_header import (
    CLASS32,
    CLASS64,
    DATA_BIG,
    DATA_LITTLE,
    ELF_MAGIC,
    HEADER_BYTES,
    PROGRAM_HEADER_BYTES,
    PT_LOAD,
    SECTION_HEADER_BYTES,
    TABLE_SECTION_NAME,
)
from resource_tables.errors import TableError
from resource_tables.model import ResourceTable

EM_X86_64 = 62
ET_DYN = 3
PF_RX, PF_RW = 5, 6

_SHT_PROGBITS, _SHT_STRTAB = 1, 3
_SHF_WRITE_ALLOC = 3
_ALIGN = 16
_NAMES = b"\0" + TABLE_SECTION_NAME + b"\0.shstrtab\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSpec:
    """A segment to put into an image.

    ``paddr`` is where Linux loads it. ``memsz`` (bytes) None means as large as ``data``, ``vaddr`` None means
    as ``paddr``. Nothing is judged: tests build broken images from it. Thread safety: immutable.
    """

    paddr: int
    data: bytes = b""
    memsz: int | None = None
    vaddr: int | None = None
    flags: int = PF_RX
    type: int = PT_LOAD


@dataclass(frozen=True, slots=True)
class _Placed:
    spec: SegmentSpec
    offset: int


def elf_image(
    table: bytes | ResourceTable | None,
    *,
    elf_class: int = 64,
    machine: int = EM_X86_64,
    table_addr: int = 0x1000,
    segments: tuple[SegmentSpec, ...] = (),
    e_type: int = ET_DYN,
    entry: int = 0,
    big_endian: bool = False,
    section_name: bytes = TABLE_SECTION_NAME,
    section_type: int = _SHT_PROGBITS,
) -> bytes:
    """Make an image whose ``.resource_table`` lies in a PT_LOAD of its own, loaded at its link address.

    ``table_addr`` is a device address: give the table a carveout that contains it. ``segments`` follow the
    table's segment; ``table`` None leaves out both table and section (with no ``segments``, the image has no
    program header and is refused). The section name must be as long as the usual one. Raises TableError for
    a class other than 32 or 64, or an address that does not fit it. Thread safety: any thread.
    """
    if elf_class not in (32, 64):
        raise TableError(f"elf_class is {elf_class}, not 32 or 64")
    if len(section_name) != len(TABLE_SECTION_NAME):
        raise TableError(f"section name {section_name!r} is not {len(TABLE_SECTION_NAME)} bytes long")
    raw = emit(table) if isinstance(table, ResourceTable) else table
    specs = segments if raw is None else (SegmentSpec(paddr=table_addr, data=raw, flags=PF_RW), *segments)
    names = _NAMES.replace(TABLE_SECTION_NAME, section_name)
    writer = _Writer(CLASS64 if elf_class == 64 else CLASS32, ">" if big_endian else "<")
    try:
        return writer.image((e_type, machine, entry), specs, raw, section_type, names)
    except struct.error as error:
        raise TableError(f"a value does not fit an ELF{elf_class} image: {error}") from None


class _Writer:
    """Lays out header, program headers, segments, names, section headers, in this order."""

    def __init__(self, elf_class: int, order: str) -> None:
        self._class = elf_class
        self._order = order

    def image(
        self,
        identity: tuple[int, int, int],
        specs: tuple[SegmentSpec, ...],
        table: bytes | None,
        table_type: int,
        names: bytes,
    ) -> bytes:
        body = bytearray(HEADER_BYTES[self._class] + len(specs) * PROGRAM_HEADER_BYTES[self._class])
        placed = [_Placed(spec, _append(body, spec.data)) for spec in specs]
        names_at = _append(body, names)
        sections = [self._section(0, 0, 0, 0, 0, 0, 0)]
        if table is not None:
            home = placed[0]
            sections.append(
                self._section(1, table_type, _SHF_WRITE_ALLOC, home.spec.paddr, home.offset, len(table), 4)
            )
        sections.append(self._section(names.index(b".shstrtab"), _SHT_STRTAB, 0, 0, names_at, len(names), 1))
        sections_at = _append(body, b"".join(sections))
        head = self._header(identity, len(placed), sections_at, len(sections))
        head += b"".join(self._program_header(segment) for segment in placed)
        body[: len(head)] = head
        return bytes(body)

    def _header(self, identity: tuple[int, int, int], phnum: int, shoff: int, shnum: int) -> bytes:
        e_type, machine, entry = identity
        encoding = DATA_BIG if self._order == ">" else DATA_LITTLE
        ident = (ELF_MAGIC + bytes((self._class, encoding, 1))).ljust(16, b"\0")
        word = "Q" if self._class == CLASS64 else "I"
        return ident + struct.pack(
            f"{self._order}HHI{word}{word}{word}I6H",
            e_type,
            machine,
            1,
            entry,
            HEADER_BYTES[self._class] if phnum else 0,
            shoff,
            0,
            HEADER_BYTES[self._class],
            PROGRAM_HEADER_BYTES[self._class],
            phnum,
            SECTION_HEADER_BYTES[self._class],
            shnum,
            shnum - 1,
        )

    def _program_header(self, placed: _Placed) -> bytes:
        spec = placed.spec
        memsz = len(spec.data) if spec.memsz is None else spec.memsz
        vaddr = spec.paddr if spec.vaddr is None else spec.vaddr
        place = (placed.offset, vaddr, spec.paddr, len(spec.data), memsz)
        if self._class == CLASS64:
            return struct.pack(self._order + "2I6Q", spec.type, spec.flags, *place, _ALIGN)
        return struct.pack(self._order + "8I", spec.type, *place, spec.flags, _ALIGN)

    def _section(
        self, name: int, kind: int, flags: int, da: int, offset: int, size: int, align: int
    ) -> bytes:
        layout = "2I4Q2I2Q" if self._class == CLASS64 else "10I"
        return struct.pack(self._order + layout, name, kind, flags, da, offset, size, 0, 0, align, 0)


def _append(body: bytearray, data: bytes) -> int:
    body += bytes(-len(body) % _ALIGN)
    offset = len(body)
    body += data
    return offset
