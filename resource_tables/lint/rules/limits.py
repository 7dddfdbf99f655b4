# SPDX-License-Identifier: Apache-2.0
"""What the validator itself leaves out, said where it does."""

from collections.abc import Iterator

from resource_tables.lint.rules.context import MAX_ENTRIES, MAX_JUDGED, Context
from resource_tables.lint.rules.rule import Rule, Severity, Spot


def _too_many(context: Context) -> Iterator[Spot]:
    count = 0 if context.table is None else len(context.table)
    if count > MAX_ENTRIES:
        message = f"{count} entries: the rules look at the first {MAX_ENTRIES} only"
        if count > MAX_JUDGED:
            message += f", the verdict at the first {MAX_JUDGED}"
        yield Spot(message=message, offset=4, field="num")


RULES = (
    Rule(
        id="V61",
        title="entries-limit",
        severity=Severity.WARNING,
        reason="Nothing needs thousands of entries; the validator stops there so that no file keeps it busy.",
        source="resource_tables: rules/limits",
        hint="Look at num: a table of a few entries is usual.",
        function=_too_many,
    ),
)
