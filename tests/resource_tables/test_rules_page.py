# SPDX-License-Identifier: Apache-2.0
"""The page with the rules is the list of rules, and so is what the command line explains."""

import re
from pathlib import Path

import pytest

from resource_tables import CHECKS
from resource_tables.lint.rules import RULES, rule_by_id
from resource_tables.lint.rules.page import MAPPING, explain, markdown
from resource_tables.lint.rules.rule import Rule

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rules.md"


def test_the_page_is_made_from_the_list_of_rules() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == markdown(), "python -m resource_tables.lint.rules.page > docs/rules.md"


def test_every_rule_has_a_line_and_a_section_in_the_page() -> None:
    text = markdown()
    assert re.findall(r"^\| \[([VX]\d\d)\]", text, flags=re.MULTILINE) == [rule.id for rule in RULES]
    assert re.findall(r"^### ([VX]\d\d)", text, flags=re.MULTILINE) == [rule.id for rule in RULES]


def test_what_became_of_a_number_is_told_of_numbers_that_there_are() -> None:
    assert list(MAPPING) == sorted(MAPPING)
    known = {rule.id for rule in RULES}
    assert set(MAPPING) <= known
    assert {id_ for text in MAPPING.values() for id_ in re.findall(r"\b[VX]\d\d\b", text)} <= known


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_an_explanation_says_all_that_there_is_to_a_rule(rule: Rule) -> None:
    text = explain(rule)
    assert text.startswith(f"{rule.id} {rule.title} ({rule.severity.word}")
    assert rule.reason in text
    assert rule.hint in text
    assert rule.source in text
    assert ("memory map" in text) or not rule.needs_map
    checks = {check.id: check for check in CHECKS}
    for id_ in rule.checks:
        assert f"{id_}: {checks[id_].requires} (" in text
        assert (checks[id_].log or "no log line") in text


def test_an_explanation_says_which_checks_are_not_linuxs_and_what_they_cost() -> None:
    assert "not in Linux" in explain(rule_by_id("V28"))
    assert "costs the device and not the boot" in explain(rule_by_id("V55"))
    assert "(ENOMEM, " in explain(rule_by_id("V25"))
    assert explain(rule_by_id("V01")).startswith("V01 table-section (warning or error)\n")
