# SPDX-License-Identifier: Apache-2.0
"""The view of untrusted bytes: whatever they are, nothing but the room's own errors comes out."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import EntryView, ResourceTable, TableError, TableView, TruncatedError, emit
from tests.resource_tables.strategies import TABLES, raw_carveout, raw_table, raw_trace, raw_vdev, raw_vring

HOSTILE = st.one_of(
    st.binary(max_size=120),
    st.builds(
        lambda words, tail: struct.pack(f"<{len(words)}I", *words) + tail,
        st.lists(st.sampled_from([0, 1, 2, 3, 16, 20, 24, 28, 0x80, 0xFFFF, 0xFFFFFFFF]), max_size=30),
        st.binary(max_size=5),
    ),
)


def _touch(entry: EntryView) -> None:
    assert len(entry.payload) == max(entry.avail, 0)
    for position in (-4, 0, 20, 1 << 40):
        for size in (-1, 0, 4, 1 << 40):
            with suppress(TruncatedError):
                assert len(entry.bytes_at(position, size)) == size
    for read in (
        lambda: entry.name,
        lambda: entry.fits,
        lambda: entry.payload_bytes,
        lambda: entry.vring_words(200),
        lambda: entry.u8(1 << 33),
    ):
        with suppress(TruncatedError):
            read()


@given(HOSTILE)
def test_no_accessor_raises_anything_but_the_errors_of_the_room(data: bytes) -> None:
    try:
        view = TableView(data)
    except TableError:
        assert len(data) < 16
        return
    assert view.raw == data
    assert len(view) == len(view.entries) <= min(view.num, len(data))
    for entry in view.entries:
        _touch(entry)


@given(TABLES, st.data())
def test_an_entry_that_fits_can_be_read_to_its_last_byte(table: ResourceTable, data: st.DataObject) -> None:
    raw = emit(table)
    view = TableView(raw[: data.draw(st.integers(16, len(raw)))])
    for entry in view.entries:
        if entry.fits:
            assert len(entry.bytes_at(0, entry.payload_bytes)) == entry.payload_bytes


def test_fewer_than_sixteen_bytes_are_no_table() -> None:
    with pytest.raises(TruncatedError) as caught:
        TableView(bytes(15))
    assert (caught.value.need, caught.value.have) == (16, 15)


def test_the_view_keeps_its_bytes_when_the_memory_behind_them_changes() -> None:
    memory = bytearray(raw_table(raw_trace()))
    view = TableView(memory)
    memory[:] = b"\xff" * len(memory)
    assert (view.num, view.entry(0).type) == (1, 2)


def test_num_says_what_the_header_says_and_offsets_what_is_there() -> None:
    view = TableView(struct.pack("<6I", 1, 1000, 0, 0, 16, 20))
    assert (view.num, view.offsets) == (1000, (16, 20))
    with pytest.raises(TruncatedError):
        view.entry(2)
    with pytest.raises(TruncatedError):
        view.entry(-1)


def test_fields_of_a_vdev_are_where_linux_has_them() -> None:
    view = TableView(raw_table(raw_vdev(raw_vring(8, 16, 0x100, 5), config=b"abc", config_len=3)))
    entry = view.entry(0)
    assert (entry.type, entry.u32(0), entry.config_len, entry.num_of_vrings) == (3, 7, 3, 1)
    assert entry.vring_words(0) == (0x100, 16, 8, 5, 0)
    assert (entry.payload_bytes, entry.avail) == (47, 47)


def test_a_name_is_read_up_to_its_terminator_and_only_where_there_is_one() -> None:
    view = TableView(raw_table(raw_carveout(b"abc\0def"), raw_trace(name=b"x" * 32), raw_vdev()))
    assert [view.entry(i).name for i in (0, 1)] == ["abc", "x" * 32]
    with pytest.raises(TruncatedError, match="name"):
        _ = view.entry(2).name
