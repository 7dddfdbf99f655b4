# SPDX-License-Identifier: Apache-2.0
"""docs/violations.md names every rule of the SDK and every play, each in the right row."""

import re
from pathlib import Path

from tests.hostile.live import list_plays

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "violations.md").read_text()
ROWS = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("| ")]
RULES = set(re.findall(r"^    ECU_RULE_(\w+),", (ROOT / "sdk/include/ecusdk/rules.h").read_text(), re.M))


def plays_of(row: list[str]) -> set[str]:
    return set(re.findall(r"`(\w+)`", row[-1]))


def test_every_rule_has_one_row() -> None:
    named = [row[0].strip() for row in ROWS if row[0].strip().isupper()]
    assert sorted(named) == sorted(RULES - {"COUNT"})
    assert len(RULES) > 20


def test_every_play_stands_in_the_row_of_its_rule_and_nowhere_else() -> None:
    rows = {play: row[0].strip() for row in ROWS for play in plays_of(row)}
    assert sum(len(plays_of(row)) for row in ROWS) == len(rows)
    plays = {play.name: play for play in list_plays()}
    assert set(rows) == set(plays)
    for name, play in plays.items():
        assert rows[name] == play.rule or (play.rule == "NONE" and not rows[name].isupper()), name


def test_fatal_rows_are_those_whose_plays_end_the_core() -> None:
    plays = {play.name: play for play in list_plays()}
    for row in ROWS:
        if row[0].strip() in RULES:
            for name in plays_of(row):
                assert plays[name].is_fatal == row[2].strip().startswith("fatal"), name
