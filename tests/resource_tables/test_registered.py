# SPDX-License-Identifier: Apache-2.0
"""A carveout that comes behind a vdev and is named for its ring: the ring has memory of that name already."""

from errno import ENOMEM

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import ADDR_ANY, LoaderError, TableSubject, check_table, run_checks
from resource_tables.checks_table import Memory
from tests.resource_tables.strategies import raw_carveout, raw_table, raw_vdev, raw_vring

#: Of a ring with 256 descriptors, aligned to 4096.
RING_PAGES = 0x3000


def vdev(*das: int, num: int = 256) -> bytes:
    """Return a vdev with a ring at each address."""
    return raw_vdev(*(raw_vring(num, 4096, da) for da in das))


def late(ring_da: int, da: int, size: int) -> bytes:
    """Return a table with a vdev and then a carveout for its second ring."""
    return raw_table(vdev(ADDR_ANY, ring_da), raw_carveout(b"vdev0vring1", da=da, size=size))


LEN = "Registered carveout doesn't fit len request"
DA = "Registered carveout doesn't fit da request"
# rule, log line, a table that passes, one that breaks the rule, offset of what is wrong
CASES = [
    (
        "late-region-len",
        LEN,
        late(ADDR_ANY, ADDR_ANY, RING_PAGES),
        late(ADDR_ANY, ADDR_ANY, RING_PAGES + 1),
        92 + 12,
    ),
    ("late-region-any", None, late(ADDR_ANY, ADDR_ANY, 1), late(ADDR_ANY, 0x8000, 1), 92 + 4),
    ("late-region-da", DA, late(0x8000, 0x8000, 1), late(0x8000, 0x7FFF, 1), 92 + 4),
    (
        "late-region-end",
        LEN,
        late(0x8000, 0x9000, RING_PAGES - 0x1000),
        late(0x8000, 0x9000, RING_PAGES - 0xFFF),
        92 + 4,
    ),
]


@pytest.mark.parametrize(("rule", "log", "good", "bad", "offset"), CASES, ids=[case[0] for case in CASES])
def test_a_carveout_behind_its_ring_must_fit_the_memory_that_the_ring_has(
    rule: str, log: str | None, good: bytes, bad: bytes, offset: int
) -> None:
    assert check_table(good) == ()
    with pytest.raises(LoaderError) as caught:
        check_table(bad)
    error = caught.value
    assert (error.rule, error.errno, error.log, error.offset) == (rule, ENOMEM, log, offset)


MISFIT = raw_carveout(b"vdev0vring1", size=2 * RING_PAGES)


@pytest.mark.parametrize(
    "table",
    [
        raw_table(MISFIT, vdev(ADDR_ANY, ADDR_ANY)),
        raw_table(vdev(ADDR_ANY), MISFIT),
        raw_table(vdev(ADDR_ANY, ADDR_ANY), raw_carveout(b"vdev1vring1", size=2 * RING_PAGES)),
        raw_table(vdev(ADDR_ANY, ADDR_ANY), raw_carveout(b"vdev0vring01", size=2 * RING_PAGES)),
        raw_table(vdev(ADDR_ANY, ADDR_ANY), raw_carveout(b"vdev00vring1", size=2 * RING_PAGES)),
    ],
    ids=["before the vdev", "no such ring", "another vdev", "two digits", "leading zero"],
)
def test_a_carveout_that_meets_no_ring_is_taken_as_it_is(table: bytes) -> None:
    check_table(table)


def test_a_vdev_with_an_empty_ring_has_registered_nothing() -> None:
    empty = raw_vdev(raw_vring(256, 4096), raw_vring(0, 4096))
    swallowed = check_table(raw_table(empty, MISFIT))
    assert [failure.check.id for failure in swallowed] == ["vring-empty"]


def test_a_probe_ends_at_the_first_ring_that_finds_memory_too_small() -> None:
    first = raw_carveout(b"vdev0vring0", size=1)
    second = raw_carveout(b"vdev0vring1", size=1)
    both = vdev(ADDR_ANY, ADDR_ANY)
    check_table(raw_table(first, both, MISFIT))
    with pytest.raises(LoaderError, match="len request"):
        check_table(raw_table(second, both, raw_carveout(b"vdev0vring0", size=2 * RING_PAGES)))


def test_a_ring_that_finds_memory_of_the_platform_registers_none() -> None:
    table = raw_table(vdev(ADDR_ANY, ADDR_ANY), MISFIT)
    enough = Memory(ADDR_ANY, 1 << 20)
    check_table(table, platform={"vdev0vring1": enough})
    with pytest.raises(LoaderError):
        check_table(table, platform={"vdev0vring0": enough})


def test_a_probe_ends_at_memory_of_the_platform_that_is_too_small() -> None:
    table = raw_table(vdev(ADDR_ANY, ADDR_ANY), MISFIT)
    check_table(table, platform={"vdev0vring0": Memory(ADDR_ANY, 1)})


def test_the_second_carveout_of_a_ring_is_one_too_many() -> None:
    fits = raw_carveout(b"vdev0vring0", size=RING_PAGES)
    found = run_checks(TableSubject(raw_table(vdev(ADDR_ANY), fits, fits)), stop_at_first=False)
    assert [failure.check.id for failure in found] == ["carveout-name"]


@given(
    st.lists(
        st.one_of(
            st.builds(vdev, st.sampled_from([ADDR_ANY, 0x8000]), num=st.sampled_from([0, 1, 256])),
            st.builds(
                raw_carveout,
                st.builds(lambda x: b"vdev%dvring0" % x, st.integers(0, 3)),
                da=st.sampled_from([ADDR_ANY, 0x8000, 0x9000]),
                size=st.sampled_from([1, 0x1000, RING_PAGES, 0x8000]),
            ),
        ),
        max_size=8,
    )
)
def test_a_carveout_is_judged_by_what_came_before_it_alone(entries: list[bytes]) -> None:
    found = run_checks(TableSubject(raw_table(*entries)), stop_at_first=False)
    for end in range(len(entries)):
        before = run_checks(TableSubject(raw_table(*entries[:end])), stop_at_first=False)
        kept = [failure for failure in found if failure.subject.entry.index < end]
        assert [failure.check.id for failure in before] == [failure.check.id for failure in kept]
