# SPDX-License-Identifier: Apache-2.0
"""Change fields of an ELF image by their names, to make what no linker makes."""

import struct

from resource_tables.elf_header import CLASS64, ElfHeader

_IDENT = 16
_HEADER = [
    *("type", "machine", "version", "entry", "phoff", "shoff", "flags"),
    *("ehsize", "phentsize", "phnum", "shentsize", "shnum", "shstrndx"),
]
_SECTION = ["name", "type", "flags", "addr", "offset", "size", "link", "info", "align", "entsize"]
_PROGRAM = {
    False: ["type", "offset", "vaddr", "paddr", "filesz", "memsz", "flags", "align"],
    True: ["type", "flags", "offset", "vaddr", "paddr", "filesz", "memsz", "align"],
}
_HEADER_LAYOUT = {False: "<HHIIIIIHHHHHH", True: "<HHIQQQIHHHHHH"}
_SECTION_LAYOUT = {False: "<10I", True: "<2I4Q2I2Q"}
_PROGRAM_LAYOUT = {False: "<8I", True: "<2I6Q"}


def header(image: bytes, **fields: int) -> bytes:
    """Return the image with fields of its file header changed, named as in elf.h without their e_."""
    wide = ElfHeader(image).elf_class == CLASS64
    return _changed(image, _IDENT, _HEADER_LAYOUT[wide], _HEADER, fields)


def ident(image: bytes, index: int, value: int) -> bytes:
    """Return the image with a byte of e_ident changed."""
    return image[:index] + bytes((value,)) + image[index + 1 :]


def segment(image: bytes, index: int, **fields: int) -> bytes:
    """Return the image with fields of a program header changed, named without their p_."""
    head = ElfHeader(image)
    wide = head.elf_class == CLASS64
    at = head.phoff + index * head.program_header_bytes
    return _changed(image, at, _PROGRAM_LAYOUT[wide], _PROGRAM[wide], fields)


def section(image: bytes, index: int, **fields: int) -> bytes:
    """Return the image with fields of a section header changed, named without their sh_."""
    head = ElfHeader(image)
    at = head.shoff + index * head.section_header_bytes
    return _changed(image, at, _SECTION_LAYOUT[head.elf_class == CLASS64], _SECTION, fields)


def with_section_twice(image: bytes, index: int, **fields: int) -> bytes:
    """Return the image with a copy of a section header behind the others, and fields of the copy changed."""
    head = ElfHeader(image)
    size = head.section_header_bytes
    headers = image[head.shoff : head.shoff + head.shnum * size]
    copy = headers[index * size : (index + 1) * size]
    moved = image + bytes(-len(image) % 8)
    longer = header(moved + headers + copy, shoff=len(moved), shnum=head.shnum + 1)
    return section(longer, head.shnum, **fields)


def _changed(image: bytes, at: int, layout: str, names: list[str], fields: dict[str, int]) -> bytes:
    values = dict(zip(names, struct.unpack_from(layout, image, at), strict=True))
    unknown = fields.keys() - values.keys()
    if unknown:
        raise KeyError(f"{', '.join(sorted(unknown))}: not one of {', '.join(names)}")
    record = struct.pack(layout, *(values | fields).values())
    return image[:at] + record + image[at + len(record) :]
