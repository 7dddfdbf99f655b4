# SPDX-License-Identifier: Apache-2.0
"""A table as TOML: written by people, made from a firmware, kept under version control.

The keys are Linux's names of the fields. Counts and lengths that follow from something else cannot be said,
so that they cannot be wrong. What is left out has the value that it has in almost every table. The format is
told in docs/table-toml.md.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from resource_tables.authoring.toml_values import Values, Where
from resource_tables.errors import PlacementError, TableError
from resource_tables.fields import (
    CLASSES,
    FIELDS,
    HEADER_FIELDS,
    TYPE_NAMES,
    VRING_FIELDS,
    Field,
    number_text,
)
from resource_tables.layout import MAX_TABLE, TableLayout, next_offset
from resource_tables.model import (
    NAME_BYTES,
    RSC_VDEV,
    Entry,
    ResourceTable,
    Unknown,
    Vdev,
    Vring,
    decode_name,
    encode_name,
)
from resource_tables.text import entry_json, printable, to_json
from resource_tables.view import HEADER_BYTES

_NUMBERS = {name: number for number, name in TYPE_NAMES.items()}
_U32 = 0xFFFFFFFF
#: Digits on a line of a long hexadecimal text.
_DIGITS = 64

# ---- reading ----


def load_toml(source: str, file: str = "table.toml") -> TableLayout:
    """Read a table; ``file`` begins the message of an error.

    Raises TableTextError, which names file, line and key. Thread safety: any thread.
    """
    values = Values(file, source)
    return _Reader(values).table(values.load())


def load_values(values: Mapping[str, Any], file: str = "table") -> TableLayout:
    """Read a table from the values that a TOML file has, or :func:`resource_tables.to_json` makes.

    Raises TableTextError. Thread safety: any thread.
    """
    return _Reader(Values(file)).table(values)


class _Reader:
    """Makes a table of the values of one file."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def table(self, raw: Mapping[str, Any]) -> TableLayout:
        check = self._values
        check.known(raw, (), ("ver", "reserved", "size", "entry", "slack"))
        entries = tuple(self._entry(item, index) for index, item in enumerate(check.tables(raw, (), "entry")))
        head = check.fields(raw, (), [field for field in HEADER_FIELDS if not field.counts])
        reserved = head["reserved"]
        table = ResourceTable(entries, head["version"], (reserved & _U32, reserved >> 32))
        layout = self._place(raw, table)
        try:
            written = TableLayout.parse(layout.emit())
        except PlacementError as error:
            check.fail(error.part, error.what, "leave out offset, or move what is in the way", "offset")
        except TableError as error:
            check.fail((), str(error))
        for index, (said, found) in enumerate(zip(entries, written.table.entries, strict=True)):
            if said != found:
                self._wrong_length(index, said, found)
        return written

    def _place(self, raw: Mapping[str, Any], table: ResourceTable) -> TableLayout:
        """Put each entry where it says, or behind the one before."""
        check = self._values
        slack = tuple(self._slack(item, i) for i, item in enumerate(check.tables(raw, (), "slack")))
        sizes = TableLayout(table, (0,) * len(table.entries), 0).sizes
        end, before, offsets = HEADER_BYTES + 4 * len(sizes), None, []
        ends = [end, *(offset + len(body) for offset, body in slack)]
        for index, (entry, size) in enumerate(zip(table.entries, sizes, strict=True)):
            item, usual = raw["entry"][index], next_offset(end, before)
            offsets.append(check.number(item, ("entry", str(index)), "offset", usual, MAX_TABLE))
            end, before = offsets[-1] + size, entry
            ends.append(end)
        size = check.number(raw, (), "size", max(ends), MAX_TABLE)
        if size < max(ends):
            check.fail((), f"is {size}, but what the table holds ends at {max(ends)}", "leave it out", "size")
        return TableLayout(table, tuple(offsets), size, slack)

    def _wrong_length(self, index: int, said: Entry, found: Entry) -> NoReturn:
        """Refuse a vendor's entry that would be read back as another: nothing in a table tells its length."""
        have, need = (len(entry.body) if isinstance(entry, Unknown) else 0 for entry in (said, found))
        what = f"has {have} bytes, but {need} lie between it and what follows or the end of the table"
        self._values.fail(("entry", str(index)), what, f"write all {need} bytes, zeros too", "body")

    def _entry(self, item: object, index: int) -> Entry:
        check, where = self._values, ("entry", str(index))
        raw = check.table(item, where)
        number = self._type(raw, where)
        if number > RSC_VDEV:
            check.known(raw, where, ("type", "offset", "body"))
            check.need(raw, where, "body", '"0011ff", what follows the type word; "" for nothing')
            return Unknown(type=number, body=check.hex(raw, where, "body"))
        kind = CLASSES[number]
        fields = [field for field in FIELDS[kind] if not field.counts]
        own = ("config", "vring") if kind is Vdev else ("name", "name_hex")
        check.known(raw, where, ("type", "offset", *own, *(field.name for field in fields)))
        values: dict[str, Any] = check.fields(raw, where, fields)
        if kind is Vdev:
            values |= {"config": check.hex(raw, where, "config"), "vrings": self._vrings(raw, where)}
        else:
            values["name"], values["name_tail"] = self._name(raw, where)
        return kind(**values)

    def _type(self, raw: Mapping[str, Any], where: Where) -> int:
        self._values.need(raw, where, "type", '"vdev", "carveout", … or the number of a vendor\'s type')
        value = raw["type"]
        is_vendor = type(value) is int and RSC_VDEV < value <= _U32
        if not is_vendor and not (isinstance(value, str) and value in _NUMBERS):
            self._values.choice(where, "type", value, _NUMBERS, "the number of a vendor's type, from 4")
        return value if is_vendor else _NUMBERS[value]

    def _vrings(self, raw: Mapping[str, Any], where: Where) -> tuple[Vring, ...]:
        check = self._values
        rings = check.tables(raw, where, "vring")
        if len(rings) > 255:
            check.fail(where, f"{len(rings)} vrings, but their count is one byte", "Linux takes two", "vring")
        found = []
        for index, item in enumerate(rings):
            here = (*where, "vring", str(index))
            ring = check.table(item, here)
            check.known(ring, here, [field.name for field in VRING_FIELDS])
            found.append(Vring(**check.fields(ring, here, VRING_FIELDS)))
        return tuple(found)

    def _name(self, raw: Mapping[str, Any], where: Where) -> tuple[str, bytes]:
        check, name = self._values, raw.get("name")
        if "name_hex" not in raw:
            check.need(raw, where, "name", '"…", at most 31 bytes; "" for an empty one')
        if "name" in raw and not isinstance(name, str):
            check.fail(where, "must be a string", "", "name")
        if "name_hex" not in raw:
            try:
                encode_name(str(name))
            except TableError as error:
                check.fail(where, str(error), "31 bytes are for the name, the last one ends it", "name")
            return str(name), b""
        field = check.hex(raw, where, "name_hex")
        if len(field) > NAME_BYTES:
            check.fail(where, f"has {len(field)} bytes, the field has {NAME_BYTES}", "", "name_hex")
        text, tail = decode_name(field)
        if name is not None and name not in (text, printable(text)):
            check.fail(
                where, f'is not what name_hex says: "{printable(text)}"', "leave one of them out", "name"
            )
        return text, tail

    def _slack(self, item: object, index: int) -> tuple[int, bytes]:
        check, where = self._values, ("slack", str(index))
        raw = check.table(item, where)
        check.known(raw, where, ("offset", "body"))
        check.need(raw, where, "offset", "…, bytes from the start of the table")
        return check.number(raw, where, "offset", 0, MAX_TABLE), check.hex(raw, where, "body")


# ---- writing ----


def dump_toml(table: ResourceTable | TableLayout) -> str:
    """Return the table as TOML, without what has its usual value.

    ``load_toml(dump_toml(layout)) == layout``, and the same table always gives the same text.
    Thread safety: any thread.
    """
    layout = TableLayout.of(table) if isinstance(table, ResourceTable) else table
    blocks = ["".join(_head_lines(layout)), *map("".join, _entries(layout))]
    blocks += [f"[[slack]]\n{_line('offset', at)}{_line('body', body.hex())}" for at, body in layout.slack]
    return "\n".join(block for block in blocks if block)


def _head_lines(layout: TableLayout) -> Iterator[str]:
    values = to_json(layout.table)
    values.pop("entry")
    yield from _value_lines(values, HEADER_FIELDS)
    ends = [end for _, end in layout.ranges] + [at + len(body) for at, body in layout.slack]
    if layout.size != max(ends):
        yield _line("size", layout.size)


def _entries(layout: TableLayout) -> Iterator[Iterator[str]]:
    end, before = layout.ranges[0][1], None
    for entry, (start, entry_end) in zip(layout.table.entries, layout.ranges[1:], strict=True):
        yield _entry_lines(entry, None if start == next_offset(end, before) else start)
        end, before = entry_end, entry


def _entry_lines(entry: Entry, offset: int | None) -> Iterator[str]:
    yield "[[entry]]\n"
    values: dict[str, Any] = entry_json(entry, offset)
    rings = values.pop("vring", [])
    yield from _value_lines(values, FIELDS[type(entry)])
    for ring in rings:
        yield "\n[[entry.vring]]\n"
        yield from _value_lines(ring, VRING_FIELDS)


def _value_lines(values: Mapping[str, Any], fields: tuple[Field, ...]) -> Iterator[str]:
    usual = {field.name: field.show(field.default) for field in fields if field.default is not None}
    # An address is said in any case: whether it is fixed is what one looks for first.
    usual |= {"da": [], "config": ""}
    yield from (_line(key, value) for key, value in values.items() if usual.get(key) != value)


def _line(key: str, value: int | str | list[int]) -> str:
    if isinstance(value, int):
        return f"{key} = {number_text(key, value)}\n"
    if isinstance(value, list):
        return f"{key} = {value}\n"
    if key in ("body", "config") and len(value) > _DIGITS:
        rows = (value[i : i + _DIGITS] for i in range(0, len(value), _DIGITS))
        return f'{key} = """\n' + "".join(f"{row}\n" for row in rows) + '"""\n'
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{key} = "{quoted}"\n'
