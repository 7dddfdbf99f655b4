# SPDX-License-Identifier: Apache-2.0
"""Gathers what the loader's checks and the rules find in one file, with their limits."""

from collections import Counter
from dataclasses import replace

from resource_tables.check import Failure
from resource_tables.lint.finding import Finding
from resource_tables.lint.rules import rule_for_check
from resource_tables.lint.rules.check_places import failure_spot
from resource_tables.lint.rules.context import Context
from resource_tables.lint.rules.rule import Rule, Severity, Spot

#: Findings of one file beyond which they are only counted: the worst are kept.
MAX_FINDINGS = 1000
#: The same for those of one rule and severity.
MAX_PER_RULE = 50


class Collector:
    """The findings of one file so far. Thread safety: none; the caller serialises."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._found: dict[tuple[object, ...], Finding] = {}
        self._count: Counter[tuple[str, Severity]] = Counter()
        self._over = 0

    def add_failure(self, failure: Failure, *, refused: bool) -> None:
        """Report a check that failed; ``refused`` says whether the profile's loader fails for it."""
        check, profile = failure.check, self._context.profile
        rule = rule_for_check(check.id)
        if refused:
            severity = Severity.ERROR
        elif check.kernel:
            # Another loader's reason to refuse is worth a warning here, no more.
            severity = min(rule.severity, Severity.WARNING)
        else:
            severity = rule.severity
        if self._is_full(rule, severity):
            self._over += 1
            return
        message = failure.message if profile.speaks_linux else f"needs: {check.requires}"
        spot = failure_spot(self._context, failure, message)
        self._add(rule, replace(spot, severity=severity), check.source)

    def run(self, rule: Rule) -> None:
        """Report what a rule finds by itself."""
        if rule.function is None or (rule.needs_map and self._context.memory is None):
            return
        for spot in rule.function(self._context):
            self._add(rule, spot, rule.source)

    def _is_full(self, rule: Rule, severity: Severity) -> bool:
        severity = self._context.profile.severity.get(rule.id, severity)
        return self._count[rule.id, severity] >= MAX_PER_RULE

    def _add(self, rule: Rule, spot: Spot, source: str) -> None:
        severity = self._context.profile.severity.get(rule.id, spot.severity or rule.severity)
        offset = spot.offset
        if offset is not None and not spot.in_file:
            offset += self._context.table_at
        # Loaders look at one thing in different ways; the worst that is to be said of a place is enough.
        key = (rule.id, offset, spot.entry, spot.field, spot.message if offset is None else None)
        known = self._found.get(key)
        if known is not None and known.severity >= severity:
            return
        if known is None:
            if self._is_full(rule, severity):
                self._over += 1
                return
            self._count[rule.id, severity] += 1
        self._found[key] = Finding(
            rule=rule.id,
            severity=severity,
            message=spot.message,
            hint=spot.hint or rule.hint,
            source=source,
            offset=offset,
            size=spot.size,
            entry=spot.entry,
            field=spot.field,
        )

    @property
    def omitted(self) -> int:
        """How many findings the limits have left out."""
        return self._over + max(len(self._found) - MAX_FINDINGS, 0)

    def in_order(self) -> tuple[Finding, ...]:
        """Return the findings in file order, those without a place first."""
        kept = sorted(self._found.values(), key=lambda finding: -finding.severity)[:MAX_FINDINGS]
        return tuple(sorted(kept, key=_place))


def _place(finding: Finding) -> tuple[int, str, str]:
    return -1 if finding.offset is None else finding.offset, finding.rule, finding.field or ""
