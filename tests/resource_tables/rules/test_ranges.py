# SPDX-License-Identifier: Apache-2.0
"""The search for overlaps says what a look at every pair would say, and takes n log n steps for it."""

from collections.abc import Callable
from functools import partial
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables.lint.rules.ranges import Range, RangeIndex, clashes
from tests.resource_tables.rules.steps import steps


def piece(start: int, size: int, what: str = "a range") -> Range:
    """Return a range that only its numbers tell from another."""
    return Range(start=start, size=size, kind="carveout", what=what, offset=0)


PIECES = st.lists(st.builds(piece, st.integers(0, 60), st.integers(0, 25)), max_size=12).map(
    lambda found: [piece(r.start, r.size, f"number {n}") for n, r in enumerate(found)]
)


def meet(one: Range, other: Range) -> bool:
    """Whether two ranges share a byte."""
    return max(one.start, other.start) < min(one.end, other.end)


@given(PIECES)
def test_each_range_that_overlaps_another_is_named_and_no_other_is(pieces: list[Range]) -> None:
    overlapping = {r.what for pair in combinations(pieces, 2) if meet(*pair) for r in pair}
    pairs = list(clashes(pieces))
    assert {r.what for pair in pairs for r in pair} == overlapping
    assert all(meet(one, other) and one is not other for one, other in pairs)


@given(PIECES)
def test_a_range_is_reported_once_at_most(pieces: list[Range]) -> None:
    reported = [one.what for one, _ in clashes(pieces)]
    assert len(set(reported)) == len(reported)


@given(PIECES, PIECES)
def test_between_two_lists_just_the_ranges_of_the_first_that_meet_one_of_the_second_are_reported(
    mine: list[Range], theirs: list[Range]
) -> None:
    pairs = list(clashes(mine, theirs))
    assert [one.what for one, _ in pairs] == [r.what for r in mine if any(meet(r, t) for t in theirs)]
    assert all(meet(one, other) and other in theirs for one, other in pairs)


@given(PIECES, st.integers(0, 70), st.integers(0, 30))
def test_an_index_finds_what_shares_a_byte_and_what_holds_them_all(
    pieces: list[Range], start: int, size: int
) -> None:
    index, end = RangeIndex(pieces), start + size
    met = index.overlapping(start, end)
    holder = index.containing(start, end)
    assert (met is not None) == any(meet(piece(start, size), r) for r in pieces)
    assert met is None or meet(met, piece(start, size))
    assert (holder is not None) == any(r.size and r.start <= start and end <= r.end for r in pieces)
    assert holder is None or (holder.start <= start and end <= holder.end)


def test_ranges_that_only_touch_do_not_overlap() -> None:
    assert list(clashes([piece(0, 16), piece(16, 16), piece(32, 0)])) == []
    assert RangeIndex([piece(16, 16)]).overlapping(0, 16) is None
    assert RangeIndex([piece(16, 16)]).overlapping(32, 48) is None


def test_addresses_above_four_gib_do_not_wrap() -> None:
    far = piece(0xFFFFF000, 0x2000)
    assert list(clashes([far, piece(0, 0x1000)])) == []
    assert list(clashes([far, piece(1 << 32, 1)]))


def _all_clashes(ranges: list[Range], others: list[Range] | None) -> list[tuple[Range, Range]]:
    return list(clashes(ranges, others))


SHAPES: dict[str, Callable[[int], list[Range]]] = {
    "all the same": lambda n: [piece(0x1000, 0x1000) for _ in range(n)],
    "a staircase": lambda n: [piece(k, n) for k in range(n)],
    "nested": lambda n: [piece(k, 2 * (n - k)) for k in range(n)],
    "apart": lambda n: [piece(16 * k, 16) for k in range(n)],
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_ten_thousand_ranges_take_ten_times_the_steps_of_one_thousand(
    shape: Callable[[int], list[Range]],
) -> None:
    few, many = shape(1000), shape(10_000)
    for others_few, others_many in ((None, None), (few, many)):
        small = steps(partial(_all_clashes, few, others_few))
        large = steps(partial(_all_clashes, many, others_many))
        assert small > 1000
        assert large < 12 * small
        assert len(_all_clashes(many, others_many)) <= len(many)
