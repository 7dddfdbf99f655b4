# SPDX-License-Identifier: Apache-2.0
"""A table as text, in the words of Linux's debugfs file ``resource_table``, and as JSON.

Source: Linux remoteproc_debugfs.c: rproc_rsc_table_show. Names come from the firmware: what a terminal could
take for a command is written as an escape.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from resource_tables.fields import FIELDS, HEADER_FIELDS, TYPE_NAMES, VRING_FIELDS, Field, Value
from resource_tables.layout import TableLayout
from resource_tables.model import (
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


def printable(name: str) -> str:
    """Return a name with every byte that is no printable text as ``\\xNN``, and a backslash doubled.

    Thread safety: any thread.
    """
    return "".join(
        character if character.isprintable() and character != "\\" else _escape(character)
        for character in name
    )


def _escape(character: str) -> str:
    if character == "\\":
        return "\\\\"
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def render_text(table: ResourceTable) -> str:
    """Return what the debugfs file shows; empty for a table without entries. Thread safety: any thread."""
    return "".join(
        line + "\n" for index, entry in enumerate(table.entries) for line in entry_lines(index, entry)
    )


def _signed(value: int) -> int:
    """Return what %d makes of a u32: Linux prints a released notify id as -1."""
    return value - (1 << 32) if value >> 31 else value


def entry_lines(index: int, entry: Entry) -> Iterator[str]:
    """Yield the lines of one entry; ``index`` is its number. Thread safety: any thread."""
    if isinstance(entry, Unknown):
        yield f"Unknown resource type found: {_signed(entry.type)}"
        return
    yield f"Entry {index} is of type {type(entry).__name__.lower()}"
    yield from _vdev_lines(entry) if isinstance(entry, Vdev) else _memory_lines(entry)


def _memory_lines(entry: Carveout | Devmem | Trace) -> Iterator[str]:
    yield f"  Device Address 0x{entry.da:x}"
    if not isinstance(entry, Trace):
        yield f"  Physical Address 0x{entry.pa:x}"
    yield f"  Length 0x{entry.size:x} Bytes"
    if not isinstance(entry, Trace):
        yield f"  Flags 0x{entry.flags:x}"
    yield f"  Reserved (should be zero) [{_signed(entry.reserved)}]"
    yield f"  Name {printable(entry.name)}"
    yield ""


def _vdev_lines(vdev: Vdev) -> Iterator[str]:
    yield f"  ID {_signed(vdev.id)}"
    yield f"  Notify ID {_signed(vdev.notifyid)}"
    yield f"  Device features 0x{vdev.dfeatures:x}"
    yield f"  Guest features 0x{vdev.gfeatures:x}"
    yield f"  Config length 0x{len(vdev.config):x}"
    yield f"  Status 0x{vdev.status:x}"
    yield f"  Number of vrings {len(vdev.vrings)}"
    yield f"  Reserved (should be zero) [{vdev.reserved & 0xFF}][{vdev.reserved >> 8}]"
    yield ""
    for index, vring in enumerate(vdev.vrings):
        yield from _vring_lines(index, vring)


def _vring_lines(index: int, vring: Vring) -> Iterator[str]:
    yield f"  Vring {index}"
    yield f"    Device Address 0x{vring.da:x}"
    yield f"    Alignment {_signed(vring.align)}"
    yield f"    Number of buffers {_signed(vring.num)}"
    yield f"    Notify ID {_signed(vring.notifyid)}"
    yield f"    Physical Address 0x{vring.pa:x}"
    yield ""


def to_json(table: ResourceTable | TableLayout) -> dict[str, Any]:
    """Return the table as an object of numbers, strings and lists that ``json.dumps`` takes.

    Keys and values are those of a TOML file (docs/table-toml.md): Linux's names of the fields, addresses
    and sizes as numbers, "any" for ADDR_ANY, bytes in hexadecimal. A name is given as printable text, and as
    ``name_hex`` too where that does not tell all of its bytes. A TableLayout also tells ``size``, the
    ``offset`` of each entry, and ``slack``. Thread safety: any thread.
    """
    if isinstance(table, ResourceTable):
        return {**_field_values(table, HEADER_FIELDS), "entry": list(map(entry_json, table.entries))}
    return {
        **_field_values(table.table, HEADER_FIELDS),
        "size": table.size,
        "entry": list(map(entry_json, table.table.entries, table.offsets)),
        "slack": [{"offset": offset, "body": body.hex()} for offset, body in table.slack],
    }


def entry_json(entry: Entry, offset: int | None = None) -> dict[str, Any]:
    """Return one entry as :func:`to_json` has it, with its place in the table when that is given."""
    place = {} if offset is None else {"offset": offset}
    if isinstance(entry, Unknown):
        return {"type": entry.type, **place, "body": entry.body.hex()}
    values: dict[str, Any] = {"type": TYPE_NAMES[entry.TYPE], **place}
    if not isinstance(entry, Vdev):
        values |= name_values(entry)
    values |= _field_values(entry, FIELDS[type(entry)])
    if isinstance(entry, Vdev):
        values["config"] = entry.config.hex()
        values["vring"] = [_field_values(vring, VRING_FIELDS) for vring in entry.vrings]
    return values


def name_values(entry: Carveout | Devmem | Trace) -> dict[str, str]:
    """Return the name as printable text and, where that does not tell all of its bytes, in hexadecimal."""
    shown = printable(entry.name)
    if not entry.name_tail and shown == entry.name:
        return {"name": shown}
    return {"name": shown, "name_hex": encode_name(entry.name, entry.name_tail).hex()}


def _field_values(owner: Entry | Vring | ResourceTable, fields: Iterable[Field]) -> dict[str, Value]:
    return {field.name: field.show(field.number(owner)) for field in fields if not field.counts}
