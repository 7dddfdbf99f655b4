# SPDX-License-Identifier: Apache-2.0
"""Two tables compared: by what they say, not by where it lies."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import Carveout, Entry, ResourceTable, Trace, Unknown, Vdev, Vring, parse
from resource_tables.authoring.diff import Difference, diff
from tests.resource_tables.strategies import TABLES, raw_table, raw_trace

RINGS = (Vring(num=16, align=16), Vring(num=16, align=16))
BASE = (
    Carveout(name="vdev0buffer", size=0x8000),
    Trace(name="log", da=0x1000, size=0x400),
    Vdev(id=7, dfeatures=1, vrings=RINGS),
    Unknown(type=130, body=b"\1"),
)


def compared(*entries: Entry) -> list[Difference]:
    """Return what these entries say that BASE does not."""
    return list(diff(ResourceTable(BASE), ResourceTable(entries)))


def carveouts(names: str) -> ResourceTable:
    """Return a table of carveouts with names of one letter."""
    return ResourceTable(tuple(Carveout(name=name, size=1) for name in names))


@given(TABLES)
def test_a_table_says_the_same_as_itself(table: ResourceTable) -> None:
    assert diff(table, table) == ()


@given(TABLES, TABLES)
def test_tables_that_say_the_same_are_equal(one: ResourceTable, other: ResourceTable) -> None:
    assert (diff(one, other) == ()) == (one == other)


@given(TABLES, TABLES)
def test_the_way_back_takes_as_many_steps(one: ResourceTable, other: ResourceTable) -> None:
    turned = {"added": "removed", "removed": "added", "moved": "moved", "changed": "changed"}
    back = sorted(turned[found.kind] for found in diff(other, one))
    assert sorted(found.kind for found in diff(one, other)) == back


def test_where_an_entry_lies_makes_no_difference() -> None:
    tight = raw_table(raw_trace())
    loose = tight[:16] + (24).to_bytes(4, "little") + b"gap!" + tight[20:] + bytes(100)
    assert diff(parse(tight), parse(loose)) == ()


def test_a_field_that_changed_is_named_with_both_values() -> None:
    vdev = Vdev(id=7, dfeatures=1, vrings=(RINGS[0], Vring(num=64, align=16, da=0x1000)))
    assert compared(*BASE[:2], vdev, BASE[3]) == [
        Difference("changed", "vdev0", 2, 2, "vring1.da", "any", 0x1000),
        Difference("changed", "vdev0", 2, 2, "vring1.num", 16, 64),
    ]


def test_a_field_that_only_one_has_is_none_in_the_other() -> None:
    more = dataclasses.replace(BASE[2], vrings=(*RINGS, Vring(num=1, align=4)))
    found = {one.field: (one.old, one.new) for one in compared(*BASE[:2], more, BASE[3])}
    assert found["num_of_vrings"] == (2, 3)
    assert found["vring2.num"] == (None, 1)


def test_bytes_of_names_and_of_vendors_are_compared() -> None:
    log = Trace(name="log", da=0x1000, size=0x400, name_tail=b"old")
    found = compared(BASE[0], log, BASE[2], Unknown(type=130, body=b"\2"))
    assert [(one.field, one.old, one.new) for one in found] == [
        ("name_hex", None, b"log\0old".ljust(32, b"\0").hex()),
        ("body", "01", "02"),
    ]


def test_the_header_is_compared() -> None:
    assert diff(ResourceTable(), ResourceTable((), 2, (0, 1))) == (
        Difference("changed", "", field="ver", old=1, new=2),
        Difference("changed", "", field="reserved", old=[0, 0], new=[0, 1]),
    )


def test_entries_are_added_and_removed_by_name() -> None:
    assert compared(BASE[0], *BASE[2:], Carveout(name="new", size=1), Unknown(type=131, body=b"")) == [
        Difference("removed", 'trace0 "log"', old_index=1),
        Difference("added", 'carveout1 "new"', new_index=3),
        Difference("added", "vendor1 (type 131)", new_index=4),
    ]


def test_an_entry_with_another_name_at_its_place_was_renamed() -> None:
    renamed = dataclasses.replace(BASE[1], name="trace")
    assert compared(BASE[0], renamed, *BASE[2:]) == [
        Difference("changed", 'trace0 "trace"', 1, 1, "name", "log", "trace")
    ]


def test_a_vdev_with_another_id_at_its_place_is_the_same_with_another_id() -> None:
    assert [one.field for one in compared(*BASE[:2], dataclasses.replace(BASE[2], id=11), BASE[3])] == ["id"]


@pytest.mark.parametrize(
    ("old", "new", "moved"),
    [("abc", "acb", 1), ("abcdef", "fabcde", 1), ("abcd", "dcba", 3), ("abc", "xabc", 0), ("abc", "bc", 0)],
)
def test_as_few_entries_as_possible_have_moved(old: str, new: str, moved: int) -> None:
    found = [one for one in diff(carveouts(old), carveouts(new)) if one.kind == "moved"]
    assert len(found) == moved


@given(st.permutations("abcdef"))
def test_the_entries_that_have_not_moved_are_a_longest_rising_run(order: list[str]) -> None:
    names = "".join(order)
    moved = {one.entry[-2] for one in diff(carveouts("abcdef"), carveouts(names)) if one.kind == "moved"}
    stayed = [name for name in names if name not in moved]
    assert stayed == sorted(stayed)
    longer = itertools.combinations(names, len(stayed) + 1)
    assert not any(list(run) == sorted(run) for run in longer)


def test_a_name_cannot_command_the_terminal() -> None:
    (found,) = diff(ResourceTable(), ResourceTable((Carveout(name="\x1b[2J", size=1),)))
    assert found.entry == 'carveout0 "\\x1b[2J"'
