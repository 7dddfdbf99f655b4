# SPDX-License-Identifier: Apache-2.0
"""Change fields of a table where they lie, in an image or in bare bytes: nothing moves, nothing else changes.

What would need room that is not there (another vring, a longer config space) is refused with the reason. The
table may be one that the loader refuses: its version or its reserved words are what wants to be corrected.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from resource_tables.authoring.edit_paths import REBUILD, Form, Paths, Target
from resource_tables.elf import ElfImage
from resource_tables.elf_header import ELF_MAGIC, SHT_NOBITS, TABLE_SECTION_NAME
from resource_tables.errors import EditError, TableError
from resource_tables.fields import Field, Value, shown
from resource_tables.model import decode_name, encode_name
from resource_tables.text import printable
from resource_tables.view import HEADER_BYTES, TableView


@dataclass(frozen=True, slots=True)
class Change:
    """One field that was set; ``offset`` is its first byte in the data given. Thread safety: immutable."""

    path: str
    offset: int
    old: Value
    new: Value


@dataclass(frozen=True, slots=True)
class Edited:
    """The bytes after an edit, as many as before, and what was set in them. Thread safety: immutable."""

    data: bytes
    changes: tuple[Change, ...]


def edit(data: bytes, settings: Sequence[str], *, raw: bool = False) -> Edited:
    """Return ``data`` with fields set: an image when it has the ELF magic, else or with ``raw`` a bare table.

    A setting is "PATH=VALUE". The path begins with the kind and number of an entry (carveout0, vdev1), its
    place (entry3) or its name, and ends with a field: ``vdev0.vring0.num``, ``vdev0buffer.len``; ``ver`` and
    ``reserved`` of the header stand alone. A value is written as in TOML, names and bytes without quotes.

    Raises EditError, which names the path and the reason, LoaderError for an image that is none, and
    TruncatedError for a table without a header. Nothing is set unless all can be. Thread safety: any thread.
    """
    is_image = data[:4] == ELF_MAGIC and not raw
    start, end = _table_range(ElfImage.parse(data)) if is_image else (0, len(data))
    if not is_image:
        _check_table(data)
    paths = Paths(data[start:end])
    edited = bytearray(data)
    changes: list[Change] = []
    taken: set[int] = set()
    for setting in settings:
        path, equals, text = (part.strip() for part in setting.partition("="))
        if not equals or not path:
            raise EditError(setting, "is no setting", "write PATH=VALUE, such as vdev0.vring0.num=64")
        target = paths.find(path)
        if not taken.isdisjoint(range(target.offset, target.end)):
            raise EditError(path, "is set twice")
        taken.update(range(target.offset, target.end))
        place = slice(start + target.offset, start + target.end)
        edited[place] = new = _encode(path, target, text)
        changes.append(Change(path, place.start, _decode(target, data[place]), _decode(target, new)))
    if is_image and _headers(bytes(edited)) != _headers(data):
        raise EditError("", "the table shares bytes with the headers of the ELF file, which must not change")
    return Edited(bytes(edited), tuple(changes))


def _check_table(data: bytes) -> None:
    """Refuse bytes that are no table: every file has a first word that could be taken for a version."""
    view = TableView(data)
    if view.num != len(view) or any(entry.avail < 0 or entry.offset < HEADER_BYTES for entry in view):
        raise EditError("", "is neither an ELF image nor a resource table: its offsets lead nowhere")


def _table_range(image: ElfImage) -> tuple[int, int]:
    section, name = image.table_section, TABLE_SECTION_NAME.decode()
    if section is None:
        raise EditError("", f"the image has no section {name}", REBUILD)
    if section.type == SHT_NOBITS:
        raise EditError("", f"section {name} has no bytes in the file (NOBITS): the firmware fills it in")
    if image.table_bytes is None:
        raise EditError("", f"section {name} ends behind the end of the file")
    return section.offset, section.offset + section.size


def _headers(data: bytes) -> object:
    """Return what an edit leaves alone in a sound file, and could reach in one whose parts overlap."""
    try:
        image = ElfImage.parse(data)
    except TableError:
        return None
    head = image.header
    sections = [head.section(index) for index in range(head.shnum)]
    return data[: head.header_bytes], image.segments, image.table_section, sections


def _encode(path: str, target: Target, text: str) -> bytes:
    """Return the bytes for a value, as many as the field has."""
    try:
        if target.form is Form.NAME:
            return encode_name(text)
        if target.form is Form.BYTES:
            data = _hex_bytes(text)
        else:
            number = target.form.read(_toml_value(target.form, text))
            data = number.to_bytes(target.size, "little")
    except ValueError as error:
        raise EditError(path, str(error)) from None
    if len(data) != target.size:
        what = f"has {target.size} bytes, and their number cannot change in place: {len(data)} were given"
        raise EditError(path, what, REBUILD)
    return data


def _hex_bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"must be bytes in hexadecimal, such as 0a1b, not {shown(text)}") from None


def _toml_value(field: Field, text: str) -> object:
    """Return what TOML would have for a text: a number, a list, or the text itself."""
    try:
        if field.kind.is_pair:
            return [int(part, 0) for part in text.strip("[]").split(",")]
        return int(text, 0)
    except ValueError:
        return text


def _decode(target: Target, data: bytes) -> Value:
    if target.form is Form.NAME:
        return printable(decode_name(data)[0])
    if target.form is Form.BYTES:
        return data.hex()
    return target.form.show(int.from_bytes(data, "little"))
