# SPDX-License-Identifier: Apache-2.0
"""Values and bytes: the published vector, the round trip, and what no value can be."""

import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resource_tables import (
    Carveout,
    OverlapError,
    ResourceTable,
    TableError,
    TableView,
    Trace,
    TruncatedError,
    Unknown,
    Vdev,
    Vring,
    buffer_name,
    check_table,
    emit,
    parse,
    vring_name,
)
from tests.resource_tables.strategies import TABLES, raw_carveout, raw_table, raw_trace, raw_vdev, raw_vring

REFERENCE = ResourceTable(
    (
        Carveout(name="vdev0buffer", size=0x40000),
        Trace(name="trace0", da=0x10010000, size=0x1000),
        Vdev(id=7, dfeatures=1, vrings=(Vring(num=256, align=16), Vring(num=256, align=16, notifyid=1))),
    )
)
REFERENCE_BYTES = bytes.fromhex(
    "01 00 00 00 03 00 00 00 00 00 00 00 00 00 00 00"
    "1c 00 00 00 54 00 00 00 84 00 00 00 00 00 00 00"
    "ff ff ff ff 00 00 00 00 00 00 04 00 00 00 00 00"
    "00 00 00 00 76 64 65 76 30 62 75 66 66 65 72 00"
    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
    "00 00 00 00 02 00 00 00 00 00 01 10 00 10 00 00"
    "00 00 00 00 74 72 61 63 65 30 00 00 00 00 00 00"
    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
    "00 00 00 00 03 00 00 00 07 00 00 00 00 00 00 00"
    "01 00 00 00 00 00 00 00 00 00 00 00 00 02 00 00"
    "ff ff ff ff 10 00 00 00 00 01 00 00 00 00 00 00"
    "00 00 00 00 ff ff ff ff 10 00 00 00 00 01 00 00"
    "01 00 00 00 00 00 00 00"
)


def test_the_reference_table_is_byte_for_byte_the_published_one() -> None:
    assert emit(REFERENCE) == REFERENCE_BYTES
    assert len(REFERENCE_BYTES) == 200
    assert zlib.crc32(emit(REFERENCE)) == 0x8AFB23ED


def test_the_reference_table_has_its_entries_at_28_84_and_132() -> None:
    view = TableView(REFERENCE_BYTES)
    assert view.offsets == (28, 84, 132)
    assert parse(REFERENCE_BYTES) == REFERENCE
    assert check_table(REFERENCE_BYTES) == ()


@given(TABLES)
def test_parse_gives_back_what_emit_wrote(table: ResourceTable) -> None:
    assert parse(emit(table)) == table


@given(TABLES)
def test_emit_lays_entries_out_in_order_on_multiples_of_four(table: ResourceTable) -> None:
    view = TableView(emit(table))
    assert list(view.offsets) == sorted(view.offsets)
    for previous, offset in zip((None, *table.entries), view.offsets, strict=False):
        assert isinstance(previous, Unknown) or offset % 4 == 0


@given(TABLES, st.binary(max_size=9))
def test_slack_behind_the_last_entry_changes_known_entries_not(table: ResourceTable, slack: bytes) -> None:
    known = ResourceTable(tuple(entry for entry in table.entries if not isinstance(entry, Unknown)))
    assert parse(emit(known) + slack) == known


def test_the_view_re_emits_gaps_and_slack_unchanged() -> None:
    raw = struct.pack("<5I", 1, 1, 0, 0, 33) + b"gap between." + b"!" + raw_trace() + b"slack"
    assert TableView(raw).raw == raw
    assert parse(raw).entries == (Trace(name="t", size=0x1000, da=0x1000),)


def test_an_unknown_entry_reaches_to_the_next_entry_and_the_last_to_the_end() -> None:
    raw = raw_table(struct.pack("<I", 5) + b"abc", raw_trace(), struct.pack("<I", 130) + b"rest")
    first, _, last = parse(raw).entries
    assert (first, last) == (Unknown(type=5, body=b"abc"), Unknown(type=130, body=b"rest"))
    assert [entry.is_vendor for entry in (first, last) if isinstance(entry, Unknown)] == [False, True]


@pytest.mark.parametrize(
    "entry",
    [raw_carveout()[:-1], raw_trace()[:-1], raw_vdev(raw_vring())[:-1], raw_vdev()[:20], b"\3\0\0"],
    ids=["carveout", "trace", "vring", "vdev", "type"],
)
def test_parse_refuses_a_known_entry_that_is_cut_off(entry: bytes) -> None:
    with pytest.raises(TruncatedError, match="entry 0"):
        parse(raw_table(entry))


def test_parse_refuses_an_offset_array_that_is_cut_off() -> None:
    with pytest.raises(TruncatedError, match="offset array"):
        parse(struct.pack("<4I", 1, 1, 0, 0))


def test_overlapping_entries_cannot_make_a_small_table_large() -> None:
    offsets = [16 + 4 * 100] * 100
    raw = struct.pack("<4I", 1, 100, 0, 0) + struct.pack("<100I", *offsets) + raw_vdev(config=bytes(300))
    with pytest.raises(OverlapError, match="overlaps"):
        parse(raw)


@given(st.binary(max_size=300))
@example(REFERENCE_BYTES[:-1])
def test_parse_raises_nothing_but_the_errors_of_the_room(data: bytes) -> None:
    try:
        table = parse(data)
    except TableError:
        return
    assert parse(emit(table)) == table


@pytest.mark.parametrize(
    ("name", "tail"),
    [("a" * 33, b""), ("a\0b", b""), ("a", b"x" * 31), ("a", b"x\0"), ("\ud800", b""), ("\udcc3\udca9", b"")],
    ids=["long", "NUL", "long tail", "tail ends in NUL", "no bytes", "spells UTF-8 in surrogates"],
)
def test_a_name_that_would_be_read_back_differently_cannot_be_built(name: str, tail: bytes) -> None:
    with pytest.raises(TableError):
        Carveout(name=name, size=1, name_tail=tail)


def test_a_name_without_terminator_keeps_its_32_bytes() -> None:
    (entry,) = parse(raw_table(raw_carveout(b"\xff" * 32))).entries
    assert isinstance(entry, Carveout)
    assert entry.name == "\udcff" * 32


def test_bytes_behind_a_names_terminator_are_kept_apart_from_the_name() -> None:
    (entry,) = parse(raw_table(raw_carveout(b"now\0earlier"))).entries
    assert isinstance(entry, Carveout)
    assert (entry.name, entry.name_tail) == ("now", b"earlier")


@pytest.mark.parametrize(
    "build",
    [
        lambda: Carveout(name="c", size=1 << 32),
        lambda: Carveout(name="c", size=1, da=-1),
        lambda: Trace(name="t", size=-1, da=0),
        lambda: Vring(num=1 << 32, align=16),
        lambda: Vdev(id=7, vrings=(), status=256),
        lambda: Vdev(id=7, vrings=(Vring(num=2, align=4),) * 256),
        lambda: Unknown(type=3, body=b""),
        lambda: ResourceTable((), 1, (0, 1 << 32)),
    ],
)
def test_a_value_that_fits_no_field_cannot_be_built(build: Callable[[], object]) -> None:
    with pytest.raises(TableError):
        build()


def test_entries_are_found_by_kind_in_table_order() -> None:
    assert REFERENCE.carveouts == REFERENCE.entries[:1]
    assert REFERENCE.traces == REFERENCE.entries[1:2]
    assert REFERENCE.vdevs == REFERENCE.entries[2:]
    assert list(REFERENCE) == list(REFERENCE.entries)


def test_rings_and_buffers_have_the_names_linux_looks_for() -> None:
    assert vring_name(0, 1) == "vdev0vring1"
    assert buffer_name(2) == "vdev2buffer"
