# SPDX-License-Identifier: Apache-2.0
"""Points at a field of an entry by its name. Layouts: Linux include/linux/remoteproc.h, struct fw_rsc_*."""

from typing import TYPE_CHECKING

from resource_tables.lint.rules.rule import Severity, Spot
from resource_tables.model import RSC_TRACE, RSC_VDEV
from resource_tables.view import EntryView

if TYPE_CHECKING:
    from resource_tables.lint.rules.context import VringItem

#: Position (from the entry's start, type word included) and size in bytes of each field.
_MEMORY = {"da": (4, 4), "pa": (8, 4), "len": (12, 4), "flags": (16, 4), "name": (24, 32)}
_TRACE = {"da": (4, 4), "len": (8, 4), "name": (16, 32)}
_VDEV = {
    "id": (4, 4),
    "notifyid": (8, 4),
    "dfeatures": (12, 4),
    "gfeatures": (16, 4),
    "config_len": (20, 4),
    "status": (24, 1),
    "num_of_vrings": (25, 1),
}
_VRING = {"da": 0, "align": 4, "num": 8, "notifyid": 12, "pa": 16}


def entry_spot(
    entry: EntryView, field: str, message: str, *, hint: str | None = None, severity: Severity | None = None
) -> Spot:
    """Return a spot at a field of a carveout, devmem, trace or vdev. Thread safety: any thread."""
    layout = {RSC_TRACE: _TRACE, RSC_VDEV: _VDEV}.get(entry.type, _MEMORY)
    position, size = layout[field]
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
        offset=ring.offset + _VRING[field],
        entry=ring.entry.index,
        field=f"vring[{ring.index}].{field}",
        hint=hint,
        severity=severity,
    )
