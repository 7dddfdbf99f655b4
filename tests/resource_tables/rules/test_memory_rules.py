# SPDX-License-Identifier: Apache-2.0
"""V25 to V60 on anything a table may say: no surprise, no endless work, no error where boards boot."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import (
    ADDR_ANY,
    Carveout,
    Devmem,
    Entry,
    ResourceTable,
    Trace,
    Vdev,
    Vring,
    elf_image,
    emit,
    validate,
)
from resource_tables.lint.profile import Profile, load_profile
from resource_tables.lint.rules import RULES, rule_by_id
from resource_tables.lint.rules.context import Context
from resource_tables.lint.rules.rule import Rule, Severity
from resource_tables.memory_map import KINDS, MemoryMap, Region
from tests.resource_tables.rules.examples_carveouts import rpmsg, table
from tests.resource_tables.rules.steps import steps
from tests.resource_tables.strategies import TABLES, WORD
from tests.resource_tables.test_firmware_layouts import ACCEPTED

#: Those that look for overlaps or for names.
SEARCHES = ("V31", "V33", "V38", "V39", "V40", "V44", "V45", "V47", "V48", "V54", "V59", "V60")
MEMORY_RULES = tuple(rule for rule in RULES if "V25" <= rule.id <= "V60" and rule.function is not None)
LINUX = load_profile("linux-6.12")
PROFILES = st.sampled_from(
    (
        LINUX,
        replace(LINUX, iommu=True, zero_is_any=True),
        replace(LINUX, iommu=False),
        load_profile("openamp"),
        load_profile("ecu-host"),
    )
)
NAMES = st.sampled_from(
    ("vdev0vring0", "vdev0vring1", "vdev1vring0", "vdev0buffer", "ram", "%s", "vdev0_buffer")
)
MAPS = st.none() | st.builds(
    MemoryMap,
    st.lists(st.builds(Region, NAMES, WORD, WORD, WORD, st.sampled_from(KINDS)), max_size=4).map(tuple),
)
NAMED = st.builds(Carveout, name=NAMES, da=WORD, size=WORD)
RPMSG = st.builds(
    lambda first, second: Vdev(id=7, vrings=(first, second)),
    *[st.builds(Vring, num=WORD, align=WORD, da=WORD)] * 2,
)
#: Tables in which names and addresses meet more often than by chance.
MEETING = st.lists(st.one_of(NAMED, RPMSG), max_size=6).map(lambda entries: ResourceTable(tuple(entries)))


def spots_of(context: Context) -> None:
    """Run every rule; what it points at must be there."""
    for rule in MEMORY_RULES:
        assert rule.function is not None
        for spot in rule.function(context):
            assert context.table is not None
            assert spot.message.isprintable()
            assert spot.offset is not None
            assert 0 <= spot.offset <= spot.offset + spot.size <= context.table.size


@given(st.one_of(TABLES, MEETING), PROFILES, MAPS)
def test_a_rule_points_into_the_table_whatever_the_table_says(
    table: ResourceTable, profile: Profile, memory: MemoryMap | None
) -> None:
    raw = emit(table)
    spots_of(Context(raw, profile, memory, False))
    spots_of(Context(elf_image(raw, machine=40), profile, memory, True))


@given(st.binary(max_size=300), st.booleans(), PROFILES, MAPS)
def test_no_bytes_make_a_rule_fail(
    data: bytes, is_image: bool, profile: Profile, memory: MemoryMap | None
) -> None:
    spots_of(Context(data, profile, memory, is_image))
    spots_of(Context(b"\1\0\0\0" + data, profile, memory, False))


@pytest.mark.parametrize("profile", ["linux-6.1", "linux-6.12"])
@pytest.mark.parametrize("name", ACCEPTED)
def test_a_layout_that_boots_on_boards_has_no_error(name: str, profile: str) -> None:
    raw, _, _ = ACCEPTED[name]
    # Nothing else lies where the image has its table.
    report = validate(elf_image(raw, elf_class=32, machine=40, table_addr=0x50000000), profile=profile)
    assert report.verdict.word == "accepted"
    assert [finding for finding in report.findings if finding.severity is Severity.ERROR] == []


def _same_place(count: int) -> list[Entry]:
    entries: list[Entry] = []
    for number in range(count // 4):
        entries += [
            Carveout(name=f"c{number}", da=0x10000, size=0x10000),
            Devmem(name="d", da=0x10000, pa=0x10000, size=0x10000),
            Trace(name="t", da=0x10000, size=0x10000),
            rpmsg(0x10000, 0x10000, num=16),
        ]
    return entries


def _in_their_carveouts(count: int) -> list[Entry]:
    entries: list[Entry] = []
    for number in range(count // 4):
        entries += [
            Carveout(name=f"vdev{number}vring0", da=number << 16, size=0x20000),
            Carveout(name=f"vdev{number}buffer", da=number << 16, size=0x20000),
            Trace(name="t", da=number << 16, size=0x20000),
            rpmsg(num=16),
        ]
    return entries


@pytest.mark.parametrize("fill", [_same_place, _in_their_carveouts])
def test_ten_thousand_entries_take_five_times_the_steps_of_two_thousand(
    fill: Callable[[int], list[Entry]],
) -> None:
    region = Region("everything", 0, 0, 1 << 32, "ram")
    few, many = (Context(table(*fill(count)), LINUX, MemoryMap((region,)), False) for count in (2000, 10_000))
    # Decoded once for all rules, and not counted twice.
    assert steps(lambda: many.ranges) < 6 * steps(lambda: few.ranges)
    for rule in map(rule_by_id, SEARCHES):
        small, large = steps(_work(rule, few)), steps(_work(rule, many))
        assert large < 6 * small + 100, rule.id


def _work(rule: Rule, context: Context) -> Callable[[], object]:
    assert rule.function is not None
    function = rule.function
    return lambda: sum(1 for _ in function(context))


def test_a_ring_lies_at_the_start_of_its_carveout_whatever_it_asks_for() -> None:
    raw = table(Carveout(name="vdev0vring0", da=0x10000, size=0x8000), rpmsg(0x12000, ADDR_ANY))
    (ring,) = Context(raw, LINUX, None, False).ranges_of("vring")
    assert (ring.start, ring.size) == (0x10000, 10246)


def test_a_ring_keeps_its_own_address_where_the_carveout_of_its_name_comes_too_late() -> None:
    raw = table(rpmsg(0x12000, ADDR_ANY), Carveout(name="vdev0vring0", da=0x12000, size=0x3000))
    (ring,) = Context(raw, LINUX, None, False).ranges_of("vring")
    assert ring.start == 0x12000


def test_the_platforms_memory_of_a_name_comes_before_the_tables() -> None:
    raw = table(Carveout(name="vdev0vring0", da=0x20000, size=0x3000), rpmsg())
    memory = MemoryMap((Region("vdev0vring0", 0x10000, 0x10000, 0x20000),))
    (ring,) = Context(raw, LINUX, memory, False).ranges_of("vring")
    assert ring.start == 0x10000


def test_a_ring_that_openamp_places_lies_where_its_descriptor_says() -> None:
    raw = table(Carveout(name="vdev0vring0", da=0x10000, size=0x8000), rpmsg(0x12000, ADDR_ANY))
    (ring,) = Context(raw, load_profile("openamp"), None, False).ranges_of("vring")
    assert ring.start == 0x12000


@pytest.mark.parametrize("da", [0, ADDR_ANY])
def test_a_ring_without_an_address_has_no_place(da: int) -> None:
    assert Context(table(rpmsg(da, da)), LINUX, None, False).ranges_of("vring") == ()


def test_a_table_that_is_not_loaded_has_no_place() -> None:
    raw = table(replace(rpmsg(0x10000, 0x20000)))
    image = bytearray(elf_image(raw, table_addr=0x10000, elf_class=32, machine=40))
    assert Context(bytes(image), LINUX).ranges_of("table")
    section_headers = int.from_bytes(image[32:36], "little")
    image[section_headers + 40 + 8] = 1  # sh_flags of .resource_table: WRITE without ALLOC
    assert Context(bytes(image), LINUX).ranges_of("table") == ()
