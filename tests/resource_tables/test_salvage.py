# SPDX-License-Identifier: Apache-2.0
"""What can be read of tables with faults."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import ResourceTable, TableError, emit, render_text, to_json
from resource_tables.authoring.salvage import MAX_NAMED, salvage
from resource_tables.layout import MAX_ENTRIES, MAX_TABLE, TableLayout
from tests.resource_tables.strategies import TABLES, raw_carveout, raw_table, raw_trace, raw_vdev, raw_vring

WHOLE = raw_table(raw_trace(name=b"log"), raw_vdev(raw_vring(), raw_vring()), raw_carveout())


@given(TABLES)
def test_all_of_a_sound_table_is_read(table: ResourceTable) -> None:
    found = salvage(emit(table))
    assert tuple(found.entries.values()) == table.entries
    assert "\n".join(found.lines()) == render_text(table).removesuffix("\n")
    assert found.to_json() == to_json(TableLayout.of(table))
    assert (found.unreadable, found.unnamed) == ((), 0)


@given(TABLES, st.data())
def test_of_a_table_that_was_cut_off_the_entries_before_the_cut_are_read(
    table: ResourceTable, data: st.DataObject
) -> None:
    whole = emit(table)
    layout = TableLayout.of(table)
    size = data.draw(st.integers(16, len(whole)))
    found = salvage(whole[:size])
    kept = {
        index
        for index, (_, end) in enumerate(layout.ranges[1:])
        if end <= size and 16 + 4 * (index + 1) <= size
    }
    assert kept <= found.entries.keys()
    named = {one.index for one in found.unreadable}
    assert len(found.entries) + len(named) + found.unnamed == len(table.entries)
    assert json.dumps(found.to_json())


def test_an_entry_that_cannot_be_read_has_its_place_and_its_reason() -> None:
    cut = WHOLE[:100]
    found = salvage(cut)
    shown = found.to_json()
    assert shown["size"] == 100
    entries = shown["entry"]
    assert isinstance(entries, list)
    assert [entry.get("type") for entry in entries] == ["trace", None, None]
    assert entries[1] == {"offset": 76, "unreadable": "entry 1 at offset 0x4c needs 28 bytes, 24 are there"}
    lines = list(found.lines())
    assert "Entry 0 is of type trace" in lines
    assert "Cannot be read: entry 1 at offset 0x4c needs 28 bytes, 24 are there" in lines


def test_an_entry_that_begins_inside_the_header_is_no_entry() -> None:
    data = WHOLE.replace(struct.pack("<I", 28), struct.pack("<I", 8), 1)
    found = salvage(data)
    assert [(one.index, one.reason) for one in found.unreadable] == [(0, "entry 0 begins inside the header")]
    assert sorted(found.entries) == [1, 2]


def test_an_offset_array_longer_than_the_table_is_counted_and_not_walked() -> None:
    found = salvage(struct.pack("<5I", 1, 0xFFFFFFFF, 0, 0, 999))
    assert [one.index for one in found.unreadable] == [0]
    assert found.unnamed == 0xFFFFFFFE
    assert list(found.lines())[-1] == "4294967294 more entries cannot be read"


def test_unreadable_entries_are_named_up_to_a_number() -> None:
    num = 10 * MAX_NAMED
    found = salvage(struct.pack("<4I", 1, num, 0, 0) + b"\xff" * (4 * num))
    assert (len(found.unreadable), found.unnamed) == (MAX_NAMED, num - MAX_NAMED)
    assert found.to_json()["unnamed"] == num - MAX_NAMED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\1" * 15,
        bytes(MAX_TABLE + 1),
        struct.pack("<4I", 1, MAX_ENTRIES + 1, 0, 0) + bytes(4 * MAX_ENTRIES + 4),
    ],
    ids=["empty", "no header", "too large", "too many entries"],
)
def test_a_table_of_which_nothing_can_be_read_is_an_error(data: bytes) -> None:
    with pytest.raises(TableError):
        salvage(data)


@given(st.binary(max_size=300))
def test_any_bytes_have_a_text_and_a_json_form_or_are_an_error_of_ours(noise: bytes) -> None:
    for data in (noise, WHOLE[:28] + noise):
        try:
            found = salvage(data)
        except TableError:
            continue
        assert all(line.isprintable() for line in found.lines())
        assert json.dumps(found.to_json(), ensure_ascii=False).encode("utf-8")
