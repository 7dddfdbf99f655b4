# SPDX-License-Identifier: Apache-2.0
"""Names for the entries of a table, so that a finding points at "vdev0" and not at a number."""

from collections.abc import Iterator
from functools import cached_property

from resource_tables.fields import TYPE_NAMES
from resource_tables.lint.finding import Finding, Report
from resource_tables.lint.rules.context import Context
from resource_tables.text import printable
from resource_tables.view import NAME_AT, EntryView


class EntryNames:
    """The names of one report's entries.

    Thread safety: immutable.
    """

    def __init__(self, report: Report) -> None:
        self._context = report.context

    def place(self, finding: Finding) -> str:
        """Return which entry and which field a finding is about, or "" where it is about none."""
        entry = "" if finding.entry is None else self.entry(finding.entry)
        return " ".join(part for part in (entry, finding.field) if part)

    def entry(self, index: int) -> str:
        """Return "entry 2 (vdev0)", or "entry 2" where the bytes tell no more."""
        name = self._names.get(index)
        return f"entry {index} ({name})" if name else f"entry {index}"

    @cached_property
    def _names(self) -> dict[int, str]:
        return {} if self._context is None else dict(_names(self._context))


def _names(context: Context) -> Iterator[tuple[int, str]]:
    for entry in context.entries:
        yield entry.index, _name(entry)
    # The X of vdevXvringY is not the number of the entry.
    for vdev in context.vdevs:
        yield vdev.entry.index, f"vdev{vdev.ordinal}"


def _name(entry: EntryView) -> str:
    kind = TYPE_NAMES.get(entry.type, f"type {entry.type}")
    if entry.type in NAME_AT and entry.name:
        return f'{kind} "{printable(entry.name)}"'
    return kind
