# SPDX-License-Identifier: Apache-2.0
"""Where the bytes of a field are that somebody names: vdev0.vring0.num, vdev0buffer.len, ver.

The table may be any bytes: a path leads to bytes inside of it, or to a reason why there are none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from resource_tables.errors import EditError
from resource_tables.fields import CLASSES, FIELDS, HEADER_FIELDS, VRING_FIELDS, Field, labels
from resource_tables.model import NAME_BYTES, RSC_VDEV
from resource_tables.places import vrings_end
from resource_tables.text import printable
from resource_tables.view import HEADER_BYTES, NAME_AT, EntryView, TableView

#: As in edits, or as the linter names it: vring0.num, vring[0].num.
_VRING = re.compile(r"vring(?:([0-9]{1,3})|\[([0-9]{1,3})\])\.(.+)")
_ENTRY = re.compile(r"entry([0-9]{1,9})")
#: Why there are as many of these as there are.
_FIXED = {
    "entries": "entries cannot be added or taken away in place",
    "vrings": "vrings cannot be added or taken away in place",
    "config": "the config space cannot grow or shrink in place",
}
REBUILD = "make a new table with `rproc table build` and link the firmware with it"


class Form(Enum):
    """What a field holds that is no number. Thread safety: immutable."""

    NAME = "name"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Target:
    """The bytes of one field in the table; ``entry`` is None for the header's. Thread safety: immutable."""

    entry: int | None
    offset: int
    size: int
    form: Field | Form

    @property
    def end(self) -> int:
        """The byte behind the field."""
        return self.offset + self.size


class Paths:
    """The fields of the table ``data`` by their paths.

    Raises TruncatedError for fewer bytes than a header, and EditError for what cannot be found or changed.
    Thread safety: any thread.
    """

    def __init__(self, data: bytes) -> None:
        self._view = TableView(data)
        self._entries = [entry for entry in self._view.entries if entry.avail >= 0]
        self._labels = dict(zip(labels(entry.type for entry in self._entries), self._entries, strict=True))

    def find(self, path: str) -> Target:
        """Return where the field lies."""
        if "." not in path:
            target = self._field(path, path, HEADER_FIELDS, None, 0)
        else:
            entry, rest = self._entry(path)
            target = self._entry_field(path, entry, rest)
        if target.end > self._view.size:
            raise EditError(path, f"lies at {target.offset:#x}, behind the table's {self._view.size} bytes")
        self._check_alone(path, target)
        return target

    def _entry(self, path: str) -> tuple[EntryView, str]:
        """Return the entry that a path begins with, by its label or by its name, and the rest of the path."""
        head, _, rest = path.partition(".")
        labelled = self._by_label(path, head)
        name, _, field = path.rpartition(".")
        named = [entry for entry in self._entries if _is_named(entry, name)]
        if labelled is not None:
            named = [entry for entry in named if entry.index != labelled.index] and [labelled, *named]
        if len(named) > 1:
            hint = " or ".join(f"entry{entry.index}.{field}" for entry in named[:4])
            raise EditError(path, f"{len(named)} entries are called so", hint)
        if labelled is not None:
            return labelled, rest
        if not named:
            known = ", ".join([*self._labels][:20])
            raise EditError(
                path, "there is no such entry", f"known: {known}, or the name of one" if known else ""
            )
        return named[0], field

    def _by_label(self, path: str, head: str) -> EntryView | None:
        if not (found := _ENTRY.fullmatch(head)):
            return self._labels.get(head)
        for entry in self._entries:
            if entry.index == int(found[1]):
                return entry
        raise EditError(path, f"the table has {len(self._view)} entries, and this is none that can be read")

    def _entry_field(self, path: str, entry: EntryView, rest: str) -> Target:
        kind = CLASSES.get(entry.type)
        payload = entry.offset + 4
        if kind is None:
            if rest != "body":
                self._field(path, rest, (), entry.index, 0, "body")
            ends = [offset for offset in self._view.offsets if offset > entry.offset]
            return Target(entry.index, payload, min([*ends, self._view.size]) - payload, Form.BYTES)
        if entry.type in NAME_AT:
            if rest == "name":
                return Target(entry.index, payload + NAME_AT[entry.type], NAME_BYTES, Form.NAME)
            return self._field(path, rest, FIELDS[kind], entry.index, entry.offset, "name")
        vrings = entry.num_of_vrings if _has_counts(entry) else 0
        if rest == "config" and _has_counts(entry):
            return Target(entry.index, payload + vrings_end(vrings), entry.config_len, Form.BYTES)
        if ring := _VRING.fullmatch(rest):
            number = int(ring[1] or ring[2])
            if number >= vrings:
                raise EditError(path, f"the vdev has {vrings} vrings; {_FIXED['vrings']}", REBUILD)
            start = payload + entry.vring_position(number)
            return self._field(path, ring[3], VRING_FIELDS, entry.index, start)
        return self._field(path, rest, FIELDS[kind], entry.index, entry.offset, "vring0.num, config")

    def _field(
        self, path: str, name: str, fields: Sequence[Field], entry: int | None, start: int, more: str = ""
    ) -> Target:
        if name == "type":
            raise EditError(path, "an entry of another type has another length", REBUILD)
        for field in fields:
            if field.name == name and field.counts:
                raise EditError(path, _FIXED[field.counts], REBUILD)
            if field.name == name:
                return Target(entry, start + field.at, field.kind.size, field)
        known = [field.name for field in fields if not field.counts] + [more] * bool(more)
        raise EditError(path, f"there is no field {name!r}", f"known: {', '.join(known)}")

    def _check_alone(self, path: str, target: Target) -> None:
        """Refuse bytes that are another entry's, too, or that say where the entries are."""
        if target.entry is not None and target.offset < HEADER_BYTES + 4 * len(self._view):
            raise EditError(path, "its bytes belong to the offset array, too")
        for entry in self._entries:
            claimed = entry.payload_bytes if entry.type != RSC_VDEV or _has_counts(entry) else 0
            end = entry.offset + 4 + claimed
            if entry.index != target.entry and entry.offset < target.end and target.offset < end:
                raise EditError(path, f"its bytes belong to entry {entry.index}, too")


def _is_named(entry: EntryView, name: str) -> bool:
    return entry.type in NAME_AT and entry.fits and name in (entry.name, printable(entry.name))


def _has_counts(vdev: EntryView) -> bool:
    """Whether the numbers of its vrings and of its config bytes lie inside the table."""
    return vdev.avail >= vrings_end(0)
