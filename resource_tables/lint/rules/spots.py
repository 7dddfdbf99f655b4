# SPDX-License-Identifier: Apache-2.0
"""Points at a field of an entry by its name."""

from typing import TYPE_CHECKING

from resource_tables.fields import CLASSES, FIELDS, VRING_FIELDS
from resource_tables.lint.rules.rule import Severity, Spot
from resource_tables.model import NAME_BYTES
from resource_tables.view import NAME_AT, EntryView

if TYPE_CHECKING:
    from resource_tables.lint.rules.context import VringItem

#: Position (from the entry's start, type word included) and size in bytes of each field, by type.
_PLACES = {
    number: {field.name: (field.at, field.kind.size) for field in FIELDS[kind]}
    | ({"name": (4 + NAME_AT[number], NAME_BYTES)} if number in NAME_AT else {})
    for number, kind in CLASSES.items()
}
_VRING_PLACES = {field.name: field.at for field in VRING_FIELDS}


def entry_spot(
    entry: EntryView, field: str, message: str, *, hint: str | None = None, severity: Severity | None = None
) -> Spot:
    """Return a spot at a field of a carveout, devmem, trace or vdev. Thread safety: any thread."""
    position, size = _PLACES[entry.type][field]
    return Spot(
        message=message,
        offset=entry.offset + position,
        size=size,
        entry=entry.index,
        field=field,
        hint=hint,
        severity=severity,
    )


def vring_spot(
    ring: "VringItem", field: str, message: str, *, hint: str | None = None, severity: Severity | None = None
) -> Spot:
    """Return a spot at a field of a vring. Thread safety: any thread."""
    return Spot(
        message=message,
        offset=ring.offset + _VRING_PLACES[field],
        entry=ring.entry.index,
        field=f"vring[{ring.index}].{field}",
        hint=hint,
        severity=severity,
    )
