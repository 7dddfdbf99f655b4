# SPDX-License-Identifier: Apache-2.0
"""Shared memory: sealed, bounds-checked, alive as long as a view of it."""

import fcntl
import gc
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtio import (
    PAGE_SIZE,
    ClosedError,
    MemoryLayoutError,
    OutsideMemoryError,
    Region,
    SharedMemory,
)

LOW, HIGH = 0x1000, 0x4000_0000
PIECES = [(HIGH, 2 * PAGE_SIZE), (LOW, PAGE_SIZE)]


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    made = SharedMemory("test", PIECES)
    yield made
    made.close()


def test_pieces_follow_the_control_page_and_are_listed_by_address(memory: SharedMemory) -> None:
    assert memory.regions == (
        Region(LOW, PAGE_SIZE, 3 * PAGE_SIZE),
        Region(HIGH, 2 * PAGE_SIZE, PAGE_SIZE),
    )
    assert memory.control_offset == 0
    assert memory.size == os.fstat(memory.fd).st_size == 4 * PAGE_SIZE


def test_the_size_is_sealed_and_no_further_seal_can_be_added(memory: SharedMemory) -> None:
    with pytest.raises(PermissionError):
        os.ftruncate(memory.fd, PAGE_SIZE)
    with pytest.raises(PermissionError):
        os.ftruncate(memory.fd, 100 * PAGE_SIZE)
    future_write = 0x0010
    for seal in (fcntl.F_SEAL_WRITE, future_write, fcntl.F_SEAL_SHRINK):
        with pytest.raises(PermissionError):
            fcntl.fcntl(memory.fd, fcntl.F_ADD_SEALS, seal)


def test_a_copy_has_the_same_layout_and_contents_and_is_another(memory: SharedMemory) -> None:
    memory.view(HIGH + PAGE_SIZE, 4)[:] = b"high"
    memory.control_view()[:4] = b"mine"
    copy = memory.copy()
    assert (copy.regions, copy.size) == (memory.regions, memory.size)
    assert bytes(copy.view(HIGH + PAGE_SIZE, 4)) == b"high"
    # What was never written takes no memory in the copy either, and the control page is the owner's.
    assert os.fstat(copy.fd).st_blocks * 512 == PAGE_SIZE
    assert not any(copy.control_view())
    copy.view(HIGH + PAGE_SIZE, 4)[:] = b"copy"
    assert bytes(memory.view(HIGH + PAGE_SIZE, 4)) == b"high"
    copy.close()


def test_a_memory_that_is_closed_cannot_be_copied() -> None:
    closed = SharedMemory("test", PIECES)
    closed.close()
    with pytest.raises(ClosedError):
        closed.copy()


def test_a_view_is_the_memory_itself_as_another_mapping_sees_it(memory: SharedMemory) -> None:
    memory.view(HIGH + 8, 4)[:] = b"here"
    memory.view(LOW, 4)[:] = b"low!"
    with mmap.mmap(memory.fd, memory.size) as other:
        assert other[PAGE_SIZE + 8 : PAGE_SIZE + 12] == b"here"
        assert other[3 * PAGE_SIZE : 3 * PAGE_SIZE + 4] == b"low!"


@given(st.integers(-PAGE_SIZE, 1 << 65), st.integers(-4, 1 << 65))
def test_only_ranges_inside_one_piece_have_a_view(da: int, size: int) -> None:
    memory = SharedMemory("test", PIECES)
    inside = size >= 0 and any(start <= da and da + size <= start + length for start, length in PIECES)
    try:
        view = memory.view(da, size)
    except OutsideMemoryError:
        assert not inside
        with pytest.raises(OutsideMemoryError):
            memory.va(da, size)
    else:
        assert inside
        assert len(view) == size
    memory.close()


@pytest.mark.parametrize(
    ("da", "size"),
    [
        (LOW - 1, 1),
        (LOW + PAGE_SIZE, 1),
        (HIGH + 2 * PAGE_SIZE - 1, 2),
        (HIGH, 1 << 64),
        (1 << 64, 1),
        (LOW, -1),
    ],
)
def test_a_byte_outside_is_refused(memory: SharedMemory, da: int, size: int) -> None:
    with pytest.raises(OutsideMemoryError) as caught:
        memory.view(da, size)
    assert isinstance(caught.value, IndexError)
    assert (caught.value.da, caught.value.size) == (da, size)


def test_an_array_shares_the_bytes(memory: SharedMemory) -> None:
    array = memory.array(HIGH, "<u4", (2, 3))
    array[1, 2] = 0x01020304
    assert bytes(memory.view(HIGH + 20, 4)) == b"\x04\x03\x02\x01"
    assert array.shape == (2, 3)
    assert array.dtype == np.dtype("<u4")
    with pytest.raises(OutsideMemoryError):
        memory.array(HIGH + PAGE_SIZE, "u1", PAGE_SIZE + 1)


def test_a_view_outlives_close_and_the_mapping_goes_with_the_last_view() -> None:
    name = "outlives"

    def mapped() -> bool:
        return f"rproc-{name}" in Path("/proc/self/maps").read_text()

    memory = SharedMemory(name, PIECES)
    view = memory.view(LOW, 4)
    array = memory.array(HIGH, "u1", 4)
    memory.close()
    memory.close()
    view[:] = b"live"
    array[:] = 7
    assert bytes(view) == b"live"
    assert mapped()
    del view
    gc.collect()
    assert mapped()
    del array
    gc.collect()
    assert not mapped()


def test_a_closed_memory_gives_nothing_out() -> None:
    memory = SharedMemory("test", PIECES)
    memory.close()
    assert memory.closed
    for use in (
        lambda: memory.fd,
        lambda: memory.view(LOW, 1),
        lambda: memory.control_va,
        lambda: memory.va(LOW, 1),
    ):
        with pytest.raises(ClosedError):
            use()


@pytest.mark.parametrize(
    "pieces",
    [
        [(LOW, PAGE_SIZE), (LOW, PAGE_SIZE)],
        [(LOW, 2 * PAGE_SIZE), (LOW + PAGE_SIZE, PAGE_SIZE)],
        [(LOW + 1, PAGE_SIZE)],
        [(LOW, PAGE_SIZE - 1)],
        [(LOW, 0)],
        [(-PAGE_SIZE, PAGE_SIZE)],
    ],
)
def test_pieces_that_overlap_or_are_no_pages_are_refused(pieces: list[tuple[int, int]]) -> None:
    with pytest.raises(MemoryLayoutError):
        SharedMemory("test", pieces)


def test_a_memory_that_cannot_be_made_leaves_no_descriptor() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises((OSError, OverflowError, ValueError)):
        SharedMemory("test", [(0, 1 << 62)])
    assert len(list(Path("/proc/self/fd").iterdir())) == before
