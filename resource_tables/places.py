# SPDX-License-Identifier: Apache-2.0
"""The fields of an entry one after the other, each with its path, its bytes and its value."""

from collections.abc import Iterator
from dataclasses import dataclass

from resource_tables.fields import FIELDS, VRING_FIELDS, Value
from resource_tables.model import NAME_BYTES, Entry, Unknown, Vdev
from resource_tables.text import name_values
from resource_tables.view import NAME_AT, VDEV_BYTES, VRING_BYTES


@dataclass(frozen=True, slots=True)
class Place:
    """One field: its path in the entry ("len", "vring0.num"), its bytes and what it holds.

    ``at`` is counted from the type word; ``value`` is as in TOML and JSON. Thread safety: immutable.
    """

    path: str
    at: int
    size: int
    value: Value


def places(entry: Entry) -> Iterator[Place]:
    """Yield every field of an entry in the order of its structure, without the type word.

    Thread safety: any thread.
    """
    for field in FIELDS[type(entry)]:
        yield Place(field.name, field.at, field.kind.size, field.show(field.number(entry)))
    if isinstance(entry, Unknown):
        yield Place("body", 4, len(entry.body), entry.body.hex())
    elif isinstance(entry, Vdev):
        yield from _vring_places(entry)
        yield Place("config", 4 + vrings_end(len(entry.vrings)), len(entry.config), entry.config.hex())
    else:
        for key, value in name_values(entry).items():
            yield Place(key, 4 + NAME_AT[entry.TYPE], NAME_BYTES, value)


def vrings_end(num: int) -> int:
    """Return where the config space of a vdev with that many vrings begins, in bytes of its payload."""
    return VDEV_BYTES + VRING_BYTES * num


def _vring_places(vdev: Vdev) -> Iterator[Place]:
    for index, vring in enumerate(vdev.vrings):
        start = 4 + vrings_end(index)
        for field in VRING_FIELDS:
            path = f"vring{index}.{field.name}"
            yield Place(path, start + field.at, field.kind.size, field.show(field.number(vring)))
