# SPDX-License-Identifier: Apache-2.0
"""Every rule has an example that passes and one that fails; every check of the loader belongs to one rule."""

import re
from collections import Counter

import pytest

from resource_tables import CHECKS
from resource_tables.lint.rules import RULES, rule_by_id, rule_for_check
from tests.resource_tables.rules.harness import Example, all_examples

EXAMPLES = pytest.mark.parametrize(
    "example",
    [
        pytest.param(example, id=f"{example.rule}-{example.severity.word}-{number}")
        for number, example in enumerate(all_examples())
    ],
)
IDS = [f"V{number:02}" for number in range(1, 61)] + [f"X{number:02}" for number in range(1, 19)]


@EXAMPLES
def test_a_rule_is_silent_about_what_keeps_to_it(example: Example) -> None:
    findings = example.report(example.good).findings
    assert [finding for finding in findings if finding.rule == example.rule] == []


@EXAMPLES
def test_a_rule_says_where_it_is_broken_and_how_bad_that_is(example: Example) -> None:
    findings = [f for f in example.report(example.bad).findings if f.rule == example.rule]
    assert len(findings) == 1 + example.more
    told = findings[0]
    assert (told.severity, told.entry, told.field, told.offset) == (
        example.severity,
        example.entry,
        example.field,
        example.offset,
    )
    assert all((told.message, told.hint, told.source))


def test_every_rule_has_an_example_and_every_example_a_rule() -> None:
    assert {example.rule for example in all_examples()} == {rule.id for rule in RULES}


def test_every_number_of_the_catalogue_has_a_rule() -> None:
    assert [rule.id for rule in RULES if rule.id in IDS] == IDS


def test_every_check_of_the_loader_is_reported_by_one_rule() -> None:
    assert sorted(check for rule in RULES for check in rule.checks) == sorted(check.id for check in CHECKS)
    assert all(check.id in rule_for_check(check.id).checks for check in CHECKS)


def test_a_rule_has_something_to_look_at_and_words_for_it() -> None:
    for rule in RULES:
        assert rule.checks or rule.function is not None
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.title)
        assert re.fullmatch(r"[^.]*(\.\w[^.]*)*\.", rule.reason), rule.id
        assert rule.source
        assert rule.hint.endswith("."), rule.id
        assert rule_by_id(rule.id) is rule
    assert max(Counter(rule.title for rule in RULES).values()) == 1
