# SPDX-License-Identifier: Apache-2.0
"""A table as text, in the words of Linux's debugfs file ``resource_table``, and as JSON.

Source: Linux remoteproc_debugfs.c: rproc_rsc_table_show. Names come from the firmware: what a terminal could
take for a command is written as an escape.
"""

from collections.abc import Iterator

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

#: Version of the form of :func:`to_json`.
SCHEMA = 1


def printable(name: str) -> str:
    """Return a name with every byte that is no printable text as ``\\xNN``, and a backslash doubled."""
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
        line + "\n" for index, entry in enumerate(table.entries) for line in _entry_lines(index, entry)
    )


def _signed(value: int) -> int:
    """Return what %d makes of a u32: Linux prints a released notify id as -1."""
    return value - (1 << 32) if value >> 31 else value


def _entry_lines(index: int, entry: Entry) -> Iterator[str]:
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


def to_json(table: ResourceTable) -> dict[str, object]:
    """Return the table as an object of numbers, strings and lists that ``json.dumps`` takes.

    Addresses and sizes are numbers, ADDR_ANY is 4294967295; bytes are hexadecimal strings. A name is given as
    printable text, and as ``name_hex`` too where that does not tell all of its bytes.
    Thread safety: any thread.
    """
    return {
        "schema": SCHEMA,
        "version": table.version,
        "reserved": list(table.reserved),
        "entries": [_entry_json(entry) for entry in table.entries],
    }


def _entry_json(entry: Entry) -> dict[str, object]:
    if isinstance(entry, Unknown):
        return {"type": "unknown", "type_number": entry.type, "body": entry.body.hex()}
    if isinstance(entry, Vdev):
        return _vdev_json(entry)
    shown: dict[str, object] = {"type": type(entry).__name__.lower(), "name": printable(entry.name)}
    if entry.name_tail or shown["name"] != entry.name:
        shown["name_hex"] = encode_name(entry.name, entry.name_tail).hex()
    shown |= {"da": entry.da, "size": entry.size}
    if not isinstance(entry, Trace):
        shown |= {"pa": entry.pa, "flags": entry.flags}
    return shown | {"reserved": entry.reserved}


def _vdev_json(vdev: Vdev) -> dict[str, object]:
    return {
        "type": "vdev",
        "id": vdev.id,
        "notifyid": vdev.notifyid,
        "dfeatures": vdev.dfeatures,
        "gfeatures": vdev.gfeatures,
        "status": vdev.status,
        "reserved": vdev.reserved,
        "config": vdev.config.hex(),
        "vrings": [
            {"da": r.da, "align": r.align, "num": r.num, "notifyid": r.notifyid, "pa": r.pa}
            for r in vdev.vrings
        ],
    }
