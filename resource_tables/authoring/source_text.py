# SPDX-License-Identifier: Apache-2.0
"""A table as source text for a firmware: C, or assembler for the GNU and LLVM tools.

The text needs no header but <stdint.h> and <stddef.h>, and the bytes that a compiler makes of it are those of
``TableLayout.emit``, slack included. No text of the table goes into a comment, where it could end one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from resource_tables.elf_header import TABLE_SECTION_NAME
from resource_tables.errors import TableError
from resource_tables.fields import FIELDS, VRING_FIELDS, Field, Kind, labels, number_text, type_number
from resource_tables.layout import TableLayout
from resource_tables.model import (
    ADDR_ANY,
    NAME_BYTES,
    Carveout,
    Devmem,
    Entry,
    ResourceTable,
    Trace,
    Unknown,
    Vdev,
    Vring,
    encode_name,
)

#: The usual name of the table in a firmware.
SYMBOL = "resource_table"

_SECTION = TABLE_SECTION_NAME.decode()
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INTRO = f"""\
/*
 * Resource table, made by `rproc table build`: change what it was made of, not this file.
 *
 * It has to be in the image, in a section named exactly {_SECTION}, and in memory that the host can
 * write (not in flash). With --gc-sections the linker script has to keep it:
 *
 *     {_SECTION} : {{ KEEP(*({_SECTION})) }} > RAM
 */
"""
#: What means something else in a string literal; a question mark may begin a trigraph.
_ESCAPED = b'"\\?'
_STRUCT_NAMES = {Carveout: "carveout", Devmem: "devmem", Trace: "trace", Vdev: "vdev", Vring: "vring"}


@dataclass(frozen=True, slots=True)
class _Piece:
    """What lies at one place of a table: an entry with its label, or bytes that belong to none."""

    label: str
    offset: int
    entry: Entry | None
    data: bytes = b""


def _pieces(layout: TableLayout) -> Iterator[_Piece]:
    """Cut all behind the offset array into pieces that follow each other without a gap.

    An entry that shares bytes with one before it is there as bytes only: it has no place of its own.
    """
    data = layout.emit()
    names = labels(map(type_number, layout.table.entries))
    placed = sorted(
        zip(layout.ranges[1:], names, layout.table.entries, strict=True), key=lambda piece: piece[0]
    )
    cursor, gaps = layout.ranges[0][1], 0
    for (start, end), label, entry in placed:
        if start < cursor:
            continue
        if start > cursor:
            yield _Piece(f"gap{gaps}", cursor, None, data[cursor:start])
            gaps += 1
        yield _Piece(label, start, entry)
        cursor = end
    if cursor < len(data):
        yield _Piece("slack", cursor, None, data[cursor:])


def _check_symbol(symbol: str) -> None:
    if not _IDENTIFIER.fullmatch(symbol):
        raise TableError(f"{symbol!r} is no name for a symbol in C")


def _remark(field: Field, number: int) -> str:
    return " /* any */" if field.kind is Kind.ADDRESS and number == ADDR_ANY else ""


def _octal(data: bytes) -> str:
    """Return bytes as the inside of a string literal; always three digits, so that none swallows the next."""
    return "".join(
        chr(byte) if 32 <= byte < 127 and byte not in _ESCAPED else f"\\{byte:03o}" for byte in data
    )


# ---- C ----


def c_source(table: ResourceTable | TableLayout, symbol: str = SYMBOL) -> str:
    """Return the table as a C file that defines ``symbol``.

    Raises TableError for a symbol that is none, PlacementError for a layout that cannot be. Thread safety:
    any thread.
    """
    _check_symbol(symbol)
    layout = TableLayout.of(table) if isinstance(table, ResourceTable) else table
    pieces = list(_pieces(layout))
    lines = [_INTRO + "#include <stddef.h>\n#include <stdint.h>\n"]
    lines += _c_types(symbol, pieces)
    lines += _c_table_type(symbol, layout, pieces)
    lines += [
        f'__attribute__((section("{_SECTION}"), used, aligned(4)))',
        f"struct {symbol} {symbol} = {{",
        f"    .ver = {number_text('ver', layout.table.version)},",
        f"    .num = {len(layout.offsets)},",
        f"    .reserved = {{{', '.join(map(hex, layout.table.reserved))}}},",
        *_c_offsets(symbol, layout, pieces),
        *(line for piece in pieces for line in _c_piece(piece)),
        "};",
    ]
    return "\n".join(lines) + "\n"


def _c_members(kind: type) -> Iterator[str]:
    if kind is not Vring:
        yield "uint32_t type;"
    for field in VRING_FIELDS if kind is Vring else FIELDS[kind]:
        yield {1: "uint8_t {};", 2: "uint8_t {}[2];", 4: "uint32_t {};"}[field.kind.size].format(field.name)
    if kind not in (Vdev, Vring):
        yield f"char name[{NAME_BYTES}];"


def _c_types(symbol: str, pieces: list[_Piece]) -> Iterator[str]:
    kinds = [type(piece.entry) for piece in pieces]
    vrings = any(isinstance(piece.entry, Vdev) and piece.entry.vrings for piece in pieces)
    for kind, name in _STRUCT_NAMES.items():
        if kind in kinds or (kind is Vring and vrings):
            yield f"struct __attribute__((packed)) {symbol}_{name} {{"
            yield from (f"    {member}" for member in _c_members(kind))
            yield "};\n"


def _c_table_type(symbol: str, layout: TableLayout, pieces: list[_Piece]) -> Iterator[str]:
    yield f"struct __attribute__((packed)) {symbol} {{"
    yield "    uint32_t ver;"
    yield "    uint32_t num;"
    yield "    uint32_t reserved[2];"
    if layout.offsets:
        yield f"    uint32_t offset[{len(layout.offsets)}];"
    for piece in pieces:
        yield from (f"    {member}" for member in _c_piece_members(symbol, piece))
    yield "};\n"


def _c_piece_members(symbol: str, piece: _Piece) -> Iterator[str]:
    entry = piece.entry
    if entry is None:
        yield f"uint8_t {piece.label}[{len(piece.data)}];"
    elif isinstance(entry, Unknown):
        yield f"uint32_t {piece.label}_type;"
        if entry.body:
            yield f"uint8_t {piece.label}_body[{len(entry.body)}];"
    else:
        yield f"struct {symbol}_{_STRUCT_NAMES[type(entry)]} {piece.label};"
        if isinstance(entry, Vdev) and entry.vrings:
            yield f"struct {symbol}_vring {piece.label}_vring[{len(entry.vrings)}];"
        if isinstance(entry, Vdev) and entry.config:
            yield f"uint8_t {piece.label}_config[{len(entry.config)}];"


def _c_offsets(symbol: str, layout: TableLayout, pieces: list[_Piece]) -> Iterator[str]:
    if not layout.offsets:
        return
    members = {
        piece.offset: piece.label + ("_type" if isinstance(piece.entry, Unknown) else "")
        for piece in pieces
        if piece.entry is not None
    }
    yield "    .offset = {"
    for offset in layout.offsets:
        known = offset in members
        yield f"        {f'offsetof(struct {symbol}, {members[offset]})' if known else hex(offset)},"
    yield "    },"


def _c_piece(piece: _Piece) -> Iterator[str]:
    entry = piece.entry
    if entry is None:
        yield from _c_bytes(piece.label, piece.data)
    elif isinstance(entry, Unknown):
        yield f"    .{piece.label}_type = {number_text('type', entry.type)},"
        yield from _c_bytes(f"{piece.label}_body", entry.body)
    else:
        yield f"    .{piece.label} = {{"
        yield f"        .type = {entry.TYPE},"
        yield from (f"        {line}" for line in _c_fields(entry, FIELDS[type(entry)]))
        if not isinstance(entry, Vdev):
            yield f"        .name = {_c_name(encode_name(entry.name, entry.name_tail))},"
        yield "    },"
        if isinstance(entry, Vdev):
            yield from _c_vdev_rest(piece.label, entry)


def _c_vdev_rest(label: str, vdev: Vdev) -> Iterator[str]:
    if vdev.vrings:
        yield f"    .{label}_vring = {{"
        for vring in vdev.vrings:
            yield "        {"
            yield from (f"            {line}" for line in _c_fields(vring, VRING_FIELDS))
            yield "        },"
        yield "    },"
    yield from _c_bytes(f"{label}_config", vdev.config)


def _c_fields(owner: Entry | Vring, fields: tuple[Field, ...]) -> Iterator[str]:
    for field in fields:
        number = field.number(owner)
        shown = (
            f"{{{number & 0xFF}, {number >> 8}}}"
            if field.kind is Kind.BYTES
            else number_text(field.name, number)
        )
        yield f".{field.name} = {shown},{_remark(field, number)}"


def _c_name(name: bytes) -> str:
    text = name.rstrip(b"\0")
    if len(text) < NAME_BYTES:
        return f'"{_octal(text)}"'
    # A string of 32 characters has no room for its terminator: legal in C, but compilers warn.
    return "{" + ", ".join(f"'\\{byte:03o}'" for byte in name) + "}"


def _c_bytes(member: str, data: bytes) -> Iterator[str]:
    """Initialise an array of bytes; what is zero up to its end needs no word."""
    held = data.rstrip(b"\0")
    if not held:
        return
    yield f"    .{member} = {{"
    for start in range(0, len(held), 16):
        yield "        " + " ".join(f"0x{byte:02x}," for byte in held[start : start + 16])
    yield "    },"


# ---- assembler ----


def assembler_source(table: ResourceTable | TableLayout, symbol: str = SYMBOL) -> str:
    """Return the table as assembler source that defines ``symbol``, for any little-endian ELF target.

    Raises TableError for a symbol that is none, PlacementError for a layout that cannot be. Thread safety:
    any thread.
    """
    _check_symbol(symbol)
    layout = TableLayout.of(table) if isinstance(table, ResourceTable) else table
    lines = [
        _INTRO,
        f'    .section {_SECTION}, "aw", %progbits',
        "    .balign 4",
        f"    .global {symbol}",
        f"    .type {symbol}, %object",
        f"{symbol}:",
        *_words(("ver", layout.table.version), ("num", len(layout.offsets))),
        *_words(*(("reserved", word) for word in layout.table.reserved)),
        *(_s_word(hex(offset), f"offset[{i}]") for i, offset in enumerate(layout.offsets)),
        *(line for piece in _pieces(layout) for line in _s_piece(piece)),
        f"    .size {symbol}, . - {symbol}",
    ]
    return "\n".join(lines) + "\n"


def _s_word(shown: str, remark: str, size: int = 4) -> str:
    return (
        f"    .{size}byte {shown:<12} /* {remark} */" if size > 1 else f"    .byte {shown:<13} /* {remark} */"
    )


def _words(*words: tuple[str, int]) -> Iterator[str]:
    for remark, number in words:
        yield _s_word(number_text(remark, number), remark)


def _s_piece(piece: _Piece) -> Iterator[str]:
    entry = piece.entry
    yield f"    /* {piece.label}, at {piece.offset:#x} */"
    if entry is None:
        yield from _s_bytes(piece.data)
        return
    yield _s_word(number_text("type", type_number(entry)), "type")
    if isinstance(entry, Unknown):
        yield from _s_bytes(entry.body)
        return
    yield from _s_fields(entry, FIELDS[type(entry)])
    if isinstance(entry, Vdev):
        for index, vring in enumerate(entry.vrings):
            yield f"    /* vring {index} */"
            yield from _s_fields(vring, VRING_FIELDS)
        yield from _s_bytes(entry.config)
    else:
        yield from _s_name(encode_name(entry.name, entry.name_tail))


def _s_fields(owner: Entry | Vring, fields: tuple[Field, ...]) -> Iterator[str]:
    for field in fields:
        number = field.number(owner)
        yield _s_word(number_text(field.name, number), field.name, field.kind.size)


def _s_name(name: bytes) -> Iterator[str]:
    text = name.rstrip(b"\0")
    if text:
        yield f'    .ascii "{_octal(text)}"'
    if len(text) < NAME_BYTES:
        yield f"    .zero {NAME_BYTES - len(text)}"


def _s_bytes(data: bytes) -> Iterator[str]:
    held = data.rstrip(b"\0")
    for start in range(0, len(held), 16):
        yield "    .byte " + ", ".join(f"0x{byte:02x}" for byte in held[start : start + 16])
    if len(held) < len(data):
        yield f"    .zero {len(data) - len(held)}"
