# SPDX-License-Identifier: Apache-2.0
"""All rules of the validator: one list, in the order of their ids."""

from resource_tables.lint.rules import (
    carveouts,
    container,
    devmem_trace,
    entries,
    image,
    limits,
    reserved_names,
    segments,
    table_section,
    vdevs,
    vrings,
)
from resource_tables.lint.rules.rule import Rule

_MODULES = (
    container,
    entries,
    carveouts,
    reserved_names,
    devmem_trace,
    vdevs,
    vrings,
    limits,
    image,
    segments,
    table_section,
)

#: Every rule; each module has its own in a tuple of the same name.
RULES: tuple[Rule, ...] = tuple(sorted((r for m in _MODULES for r in m.RULES), key=lambda rule: rule.id))

_BY_ID = {rule.id: rule for rule in RULES}
_BY_CHECK = {check: rule for rule in RULES for check in rule.checks}


def rule_by_id(id_: str) -> Rule:
    """Return the rule; raises KeyError when there is none. Thread safety: any thread."""
    return _BY_ID[id_]


def rule_for_check(check: str) -> Rule:
    """Return the rule that reports failures of a loader check; KeyError for no check.

    Thread safety: any thread.
    """
    return _BY_CHECK[check]
