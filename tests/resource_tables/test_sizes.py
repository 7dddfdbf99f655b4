# SPDX-License-Identifier: Apache-2.0
"""Sizes of rings and buffers: the numbers the host really uses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables.sizes import buffers_bytes, page_round, pool_bytes, vring_bytes
from virtio import vring_size

# num, then the bytes for align 4, 16, 64, 4096, and the pages of those for 16 and 4096
PUBLISHED = [
    (1, 38, 46, 78, 4110, 4096, 8192),
    (2, 66, 70, 86, 4118, 4096, 8192),
    (16, 430, 438, 454, 4230, 4096, 8192),
    (256, 6670, 6678, 6726, 10246, 8192, 12288),
    (512, 13326, 13334, 13382, 16390, 16384, 20480),
    (32768, 851982, 851990, 852038, 856070, 856064, 860160),
]


@pytest.mark.parametrize(("num", "a4", "a16", "a64", "a4096", "pages_16", "pages_4096"), PUBLISHED)
def test_a_ring_has_the_published_size(
    num: int, a4: int, a16: int, a64: int, a4096: int, pages_16: int, pages_4096: int
) -> None:
    assert [vring_bytes(num, align) for align in (4, 16, 64, 4096)] == [a4, a16, a64, a4096]
    assert (page_round(a16), page_round(a4096)) == (pages_16, pages_4096)


@pytest.mark.oracle
@given(st.integers(1, 15), st.integers(2, 20))
def test_a_ring_has_the_size_that_the_compiled_layout_gives_it(num_bits: int, align_bits: int) -> None:
    assert vring_bytes(1 << num_bits, 1 << align_bits) == vring_size(1 << num_bits, 1 << align_bits)


def test_a_shape_that_no_ring_can_have_has_a_size_all_the_same() -> None:
    # The kernel's mask: 83 without the bits of 23, then 6 + 3 * 8.
    assert vring_bytes(3, 24) == 64 + 30
    assert vring_bytes(0, 0) == 6
    assert vring_bytes(0xFFFFFFFF, 0xFFFFFFFF) > 1 << 32


@pytest.mark.parametrize(
    ("num", "size", "pool"),
    [
        (1, 1024, 4096),
        (16, 0x4000, 0x4000),
        (24, 0x6000, 0x8000),
        (256, 0x40000, 0x40000),
        (512, 0x40000, 0x40000),
    ],
)
def test_buffers_follow_the_first_ring_up_to_512_and_pools_give_powers_of_two(
    num: int, size: int, pool: int
) -> None:
    assert buffers_bytes(num) == size
    assert pool_bytes(size) == pool


@given(st.integers(1, 1 << 40))
def test_what_a_pool_gives_is_the_smallest_power_of_two_of_pages_that_holds_it(size: int) -> None:
    given_size = pool_bytes(size)
    assert given_size % 4096 == 0
    assert given_size & (given_size - 1) == 0
    assert given_size // 2 < max(size, 2049) <= given_size
