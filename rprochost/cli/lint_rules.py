# SPDX-License-Identifier: Apache-2.0
"""What ``rproc lint`` says about its rules and profiles."""

import difflib
from typing import TYPE_CHECKING

from rprochost.cli.common import EXIT_OK, Output, UsageError

if TYPE_CHECKING:
    from resource_tables.lint.rules.rule import Rule


def list_rules(output: Output) -> int:
    """Print all rules, one line each, or as one object."""
    from resource_tables.lint.rules import RULES

    output.record({"rules": [_object(rule) for rule in RULES]})
    output.result(
        "\n".join(f"{one.id:<5}{one.severity.word:<9}{one.title:<26} {one.reason}" for one in RULES)
    )
    return EXIT_OK


def list_profiles(output: Output) -> int:
    """Print the project's profiles, one line each, or as one object."""
    from resource_tables.lint.profile import load_profile, profile_names

    profiles = [load_profile(name) for name in profile_names()]
    output.record(
        {"profiles": [{"profile": one.name, "title": one.title, "loader": one.loader} for one in profiles]}
    )
    output.result("\n".join(f"{one.name:<13} {one.title}" for one in profiles))
    return EXIT_OK


def explain_rule(name: str, output: Output) -> int:
    """Print everything there is to know of one rule; its id or its title names it."""
    from resource_tables.lint.rules.page import explain

    rule = _find(name)
    output.record(_object(rule), explain(rule).rstrip("\n"))
    return EXIT_OK


def _find(name: str) -> "Rule":
    from resource_tables.lint.rules import RULES

    for rule in RULES:
        if name.lower() in (rule.id.lower(), rule.title):
            return rule
    error = UsageError(f"no rule {name!r}")
    near = difflib.get_close_matches(name.lower(), [rule.title for rule in RULES], n=1)
    error.hint = f"did you mean {near[0]}?" if near else "rproc lint --list-rules"
    raise error


def _object(rule: "Rule") -> dict[str, object]:
    return {
        "rule": rule.id,
        "title": rule.title,
        "severity": rule.severity.word,
        "reason": rule.reason,
        "hint": rule.hint,
        "source": rule.source,
        "checks": list(rule.checks),
        "needs_map": rule.needs_map,
    }
