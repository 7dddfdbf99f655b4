# SPDX-License-Identifier: Apache-2.0
"""Write-back: each field at its exact offset, nowhere else, and never by a layout read from live memory."""

import mmap
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import (
    ConfigSpaceError,
    LiveTable,
    NoSuchEntryError,
    TableError,
    TruncatedError,
)
from tests.resource_tables.strategies import raw_carveout, raw_table, raw_trace, raw_vdev, raw_vring

# Carveout at 28, trace at 84, vdev at 132 with rings at 160 and 180, configuration space at 200: 208 bytes.
RAW = raw_table(raw_carveout(), raw_trace(), raw_vdev(raw_vring(), raw_vring(), config=b"settings"))


def _changed(write: Callable[[LiveTable], None]) -> dict[int, int]:
    """Return the bytes that ``write`` changes in a buffer of 0xA5, by offset."""
    buffer = bytearray(b"\xa5" * len(RAW))
    write(LiveTable(RAW, buffer))
    return {offset: value for offset, value in enumerate(buffer) if value != 0xA5}


def _words(start: int, *words: int) -> dict[int, int]:
    return dict(enumerate(struct.pack(f"<{len(words)}I", *words), start))


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (
            lambda t: t.set_carveout(0, 0x11121314, 0x21222324, 0x31323334),
            _words(32, 0x11121314, 0x21222324, 0x31323334),
        ),
        (lambda t: t.set_gfeatures(0, 0x20000001), _words(148, 0x20000001)),
        (lambda t: t.set_status(0, 7), {156: 7}),
        (lambda t: t.set_vring_da(0, 0, 0x40001000), _words(160, 0x40001000)),
        (lambda t: t.set_notifyid(0, 0, 2), _words(172, 2)),
        (lambda t: t.set_vring_da(0, 1, 0x40003000), _words(180, 0x40003000)),
        (lambda t: t.set_notifyid(0, 1, -1), _words(192, 0xFFFFFFFF)),
        (lambda t: t.release_vring(0, 1), _words(180, 0) | _words(192, 0xFFFFFFFF)),
        (lambda t: t.config_set(0, 6, b"xy"), {206: ord("x"), 207: ord("y")}),
        (lambda t: t.config_set(0, 8, b""), {}),
    ],
)
def test_a_field_is_written_at_its_offset_and_nothing_else(
    write: Callable[[LiveTable], None], expected: dict[int, int]
) -> None:
    assert _changed(write) == expected


def test_what_was_written_is_read_back() -> None:
    live = LiveTable(RAW, bytearray(RAW))
    live.set_carveout(0, 0x40000000, 0x140000000, 0x2000)
    live.set_vring_da(0, 1, 0x40004000)
    live.set_notifyid(0, 1, 9)
    live.set_gfeatures(0, 1)
    live.set_status(0, 3)
    assert live.carveout(0) == (0x40000000, 0x40000000, 0x2000)
    assert (live.vring_da(0, 1), live.notifyid(0, 1)) == (0x40004000, 9)
    assert (live.gfeatures(0), live.dfeatures(0), live.status(0)) == (1, 1, 3)
    assert live.trace(1) == (0x1000, 0x1000)
    assert (live.num_vdevs, live.num_vrings(0), live.config_size(0)) == (1, 2, 8)


def test_a_core_that_scribbles_over_the_table_does_not_move_the_hosts_writes() -> None:
    buffer = bytearray(RAW)
    live = LiveTable(RAW, buffer)
    buffer[:] = b"\xff" * len(buffer)
    live.set_vring_da(0, 1, 0x1234)
    live.set_status(0, 4)
    assert buffer[180:184] == struct.pack("<I", 0x1234)
    assert buffer[156] == 4
    assert (live.num_vdevs, live.num_vrings(0), live.config_size(0), live.dfeatures(0)) == (1, 2, 8, 1)


def test_shared_memory_takes_the_same_writes() -> None:
    with mmap.mmap(-1, 4096) as memory:
        window = memoryview(memory)[0x100 : 0x100 + len(RAW)]
        live = LiveTable(RAW, window)
        live.copy_from(RAW)
        live.set_status(0, 7)
        assert memory[0x100 + 156] == 7
        assert live.tobytes() == RAW[:156] + b"\7" + RAW[157:]
        del live
        window.release()


@given(st.integers(-4, 20), st.integers(-4, 20))
def test_configuration_space_ends_where_the_trusted_layout_says(offset: int, size: int) -> None:
    buffer = bytearray(RAW)
    live = LiveTable(RAW, buffer)
    if offset >= 0 and size >= 0 and offset + size <= 8:
        assert live.config_get(0, offset, size) == b"settings"[offset : offset + size]
    else:
        with pytest.raises(ConfigSpaceError, match="rproc_virtio_get: access out of bounds"):
            live.config_get(0, offset, size)


def test_a_write_outside_the_configuration_space_writes_nothing() -> None:
    buffer = bytearray(RAW)
    with pytest.raises(IndexError, match="rproc_virtio_set: access out of bounds"):
        LiveTable(RAW, buffer).config_set(0, 4, b"12345")
    assert buffer == RAW


@pytest.mark.parametrize(
    "use",
    [
        lambda t: t.set_status(1, 0),
        lambda t: t.set_status(-1, 0),
        lambda t: t.set_vring_da(0, 2, 0),
        lambda t: t.set_notifyid(0, -1, 0),
        lambda t: t.set_carveout(1, 0, 0, 0),
        lambda t: t.carveout(3),
        lambda t: t.trace(0),
    ],
)
def test_an_entry_that_the_layout_has_not_is_refused(use: Callable[[LiveTable], object]) -> None:
    buffer = bytearray(RAW)
    with pytest.raises(NoSuchEntryError):
        use(LiveTable(RAW, buffer))
    assert buffer == RAW


@pytest.mark.parametrize(
    "use",
    [
        lambda t: t.set_status(0, 256),
        lambda t: t.set_gfeatures(0, 1 << 32),
        lambda t: t.set_vring_da(0, 0, 1 << 32),
        lambda t: t.set_notifyid(0, 0, -2),
        lambda t: t.copy_from(RAW + b"x"),
    ],
)
def test_a_value_that_fits_no_field_is_refused(use: Callable[[LiveTable], object]) -> None:
    buffer = bytearray(RAW)
    with pytest.raises(TableError):
        use(LiveTable(RAW, buffer))
    assert buffer == RAW


def test_a_buffer_that_is_too_small_or_read_only_is_refused() -> None:
    with pytest.raises(TruncatedError):
        LiveTable(RAW, bytearray(len(RAW) - 1))
    with pytest.raises(TableError, match="read-only"):
        LiveTable(RAW, memoryview(RAW))


def test_a_layout_with_a_cut_off_entry_is_refused() -> None:
    with pytest.raises(TruncatedError, match="entry 2"):
        LiveTable(RAW[:-1], bytearray(RAW))
