# SPDX-License-Identifier: Apache-2.0
"""What can be read of a table that has faults: the entries that lie in it, and why the others do not."""

from collections.abc import Iterator
from dataclasses import dataclass

from resource_tables.codec import read_entries
from resource_tables.errors import TruncatedError
from resource_tables.layout import TableLayout, bounded_view
from resource_tables.model import Entry
from resource_tables.text import entry_json, entry_lines, to_json
from resource_tables.view import HEADER_BYTES, TableView

#: Entries that cannot be read are named one by one up to this number: a table may claim millions of them.
MAX_NAMED = 100


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An entry that does not lie in the table in full; ``index`` is its place. Thread safety: immutable."""

    index: int
    offset: int
    reason: str


@dataclass(frozen=True, slots=True)
class Salvage:
    """The readable entries of a table by their places, the others, and the header.

    ``layout`` is the whole table when all of it can be read, else None. ``unnamed`` counts unreadable entries
    beyond those that are named. Thread safety: immutable.
    """

    view: TableView
    entries: dict[int, Entry]
    unreadable: tuple[Unreadable, ...]
    unnamed: int
    layout: TableLayout | None

    def to_json(self) -> dict[str, object]:
        """Return the table as :func:`resource_tables.to_json` does, with a reason for what cannot be read.

        Such an entry is an object of ``offset`` and ``unreadable``, at its place in the list.
        """
        if self.layout is not None:
            return to_json(self.layout)
        offsets = self.view.offsets
        shown: dict[int, object] = {
            index: entry_json(entry, offsets[index]) for index, entry in self.entries.items()
        }
        shown |= {one.index: {"offset": one.offset, "unreadable": one.reason} for one in self.unreadable}
        head = {"ver": self.view.version, "reserved": list(self.view.reserved), "size": self.view.size}
        return {**head, "entry": [shown[index] for index in sorted(shown)], "unnamed": self.unnamed}

    def lines(self) -> Iterator[str]:
        """Yield the table in the words of debugfs, and a line for each entry that cannot be read."""
        reasons = {one.index: one.reason for one in self.unreadable}
        for index in sorted(self.entries.keys() | reasons.keys()):
            if index in self.entries:
                yield from entry_lines(index, self.entries[index])
            else:
                yield f"Cannot be read: {reasons[index]}"
                yield ""
        if self.unnamed:
            yield f"{self.unnamed} more entries cannot be read"


def salvage(data: bytes) -> Salvage:
    """Read what can be read.

    Raises TableError when that is nothing: fewer bytes than a header, more than a table can have, or entries
    that overlap each other without end. Thread safety: any thread.
    """
    view = bounded_view(data)
    entries: dict[int, Entry] = {}
    unreadable: list[Unreadable] = []
    for index, (offset, found) in enumerate(zip(view.offsets, read_entries(view), strict=True)):
        if offset >= HEADER_BYTES and not isinstance(found, TruncatedError):
            entries[index] = found
        elif len(unreadable) < MAX_NAMED:
            reason = str(found) if offset >= HEADER_BYTES else f"entry {index} begins inside the header"
            unreadable.append(Unreadable(index, offset, reason))
    unnamed = view.num - len(entries) - len(unreadable)
    layout = TableLayout.parse(data) if len(entries) == view.num else None
    return Salvage(view, entries, tuple(unreadable), unnamed, layout)
