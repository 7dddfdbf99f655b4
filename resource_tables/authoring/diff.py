# SPDX-License-Identifier: Apache-2.0
"""Two tables compared by what they say: entries added, removed, moved, and fields with other values.

Where an entry lies and what lies between entries makes no difference to any loader and is none here.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from resource_tables.fields import HEADER_FIELDS, Value, labels, type_number
from resource_tables.model import Entry, ResourceTable, Unknown, Vdev
from resource_tables.places import places
from resource_tables.text import printable


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    ``kind`` is "added", "removed", "moved" or "changed". ``entry`` says which entry in words ("vdev0",
    ``carveout1 "vdev0buffer"``), empty for the header; ``old_index`` and ``new_index`` are its places in the
    offset arrays, None where it is not. For "changed", ``field`` is the path of the field in it and ``old``
    and ``new`` are its values, None where one of the tables has no such field. Thread safety: immutable.
    """

    kind: str
    entry: str
    old_index: int | None = None
    new_index: int | None = None
    field: str = ""
    old: Value | None = None
    new: Value | None = None


#: An entry with its place and its label.
_Item = tuple[int, str, Entry]


def diff(old: ResourceTable, new: ResourceTable) -> tuple[Difference, ...]:
    """Return what the second table says that the first does not, and the other way round; empty for the same.

    Entries belong together when they have the same type and name, for vdevs and vendor entries the same id
    or type number, in the order of the tables; of what is left over, entries of one type at one place.
    Thread safety: any thread.
    """
    pairs, removed, added = _pairs(_items(old), _items(new))
    found = list(_header(old, new))
    found += [Difference("removed", _words(item), old_index=item[0]) for item in removed]
    moved = _moved(pairs)
    for before, after in pairs:
        if before[0] in moved:
            found.append(Difference("moved", _words(after), before[0], after[0]))
        found += _fields(before, after)
    found += [Difference("added", _words(item), new_index=item[0]) for item in added]
    return tuple(found)


def _items(table: ResourceTable) -> list[_Item]:
    names = labels(map(type_number, table.entries))
    return list(zip(range(len(names)), names, table.entries, strict=True))


def _words(item: _Item) -> str:
    _, label, entry = item
    if isinstance(entry, Unknown):
        return f"{label} (type {entry.type})"
    return label if isinstance(entry, Vdev) else f'{label} "{printable(entry.name)}"'


def _identity(entry: Entry) -> tuple[int, object]:
    """Return what tells an entry from the others of its table."""
    if isinstance(entry, Unknown):
        return entry.type, None
    return entry.TYPE, entry.id if isinstance(entry, Vdev) else entry.name


def _pairs(old: list[_Item], new: list[_Item]) -> tuple[list[tuple[_Item, _Item]], list[_Item], list[_Item]]:
    """Return which entries belong together, and what is left over of both tables."""
    known = _by_identity(old)
    pairs, rest = [], []
    for identity, item in _by_identity(new).items():
        before = known.pop(identity, None)
        if before is None:
            rest.append(item)
        else:
            pairs.append((before, item))
    left = {(index, type_number(entry)): (index, label, entry) for index, label, entry in known.values()}
    added = []
    for item in rest:
        before = left.pop((item[0], type_number(item[2])), None)
        if before is None:
            added.append(item)
        else:
            pairs.append((before, item))
    return sorted(pairs, key=lambda pair: pair[1][0]), list(left.values()), added


def _by_identity(items: list[_Item]) -> dict[tuple[object, int], _Item]:
    counts: Counter[object] = Counter()
    found: dict[tuple[object, int], _Item] = {}
    for item in items:
        identity = _identity(item[2])
        found[identity, counts[identity]] = item
        counts[identity] += 1
    return found


def _moved(pairs: list[tuple[_Item, _Item]]) -> set[int]:
    """Return the old places of the fewest entries that have to move to get from one order to the other.

    ``pairs`` are in the new order: whatever is not on a longest run of rising old places has moved.
    """
    ends: list[int] = []  # the smallest old place that a run of each length can end with
    lengths = []
    for before, _ in pairs:
        length = bisect_left(ends, before[0])
        ends[length : length + 1] = [before[0]]
        lengths.append(length)
    moved, wanted = set(), len(ends) - 1
    for (before, _), length in zip(reversed(pairs), reversed(lengths), strict=True):
        if length == wanted:
            wanted -= 1
        else:
            moved.add(before[0])
    return moved


def _header(old: ResourceTable, new: ResourceTable) -> Iterator[Difference]:
    for field in HEADER_FIELDS:
        before, after = field.number(old), field.number(new)
        # The number of entries differs when entries were added or removed, which is told anyway.
        if before != after and not field.counts:
            yield Difference("changed", "", field=field.name, old=field.show(before), new=field.show(after))


def _fields(before: _Item, after: _Item) -> Iterator[Difference]:
    old, new = ({place.path: place.value for place in places(item[2])} for item in (before, after))
    for path in {**old, **new}:
        if old.get(path) != new.get(path):
            yield Difference(
                "changed", _words(after), before[0], after[0], path, old.get(path), new.get(path)
            )
