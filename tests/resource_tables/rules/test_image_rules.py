# SPDX-License-Identifier: Apache-2.0
"""V01 to V24 and X01 to X18 on any bytes: no surprise, no endless work, no error where boards boot."""

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import SHT_NOBITS, ResourceTable, SegmentSpec, elf_image, emit, validate
from resource_tables.lint.profile import Profile, load_profile
from resource_tables.lint.rules import RULES
from resource_tables.lint.rules.context import Context
from resource_tables.lint.rules.rule import Severity
from resource_tables.memory_map import MemoryMap, Region
from tests.resource_tables.rules.examples_table_section import IMAGE, SECTION
from tests.resource_tables.rules.steps import steps
from tests.resource_tables.strategies import TABLES, WORD, raw_table, raw_trace, raw_vdev, raw_vring
from tests.resource_tables.test_checks_image import patched
from tests.resource_tables.test_firmware_layouts import ACCEPTED

OWN = tuple(r for r in RULES if not "V25" <= r.id <= "V60" and r.function is not None)
LINUX = load_profile("linux-6.12")
PROFILES = st.sampled_from(
    (
        LINUX,
        replace(LINUX, machines=(40,), attach_window=64, vendor_types={5: "x"}),
        load_profile("openamp"),
        load_profile("ecu-host"),
    )
)
REGIONS = st.builds(Region, st.sampled_from(("a", "vdev0vring0")), WORD, WORD, WORD)
MAPS = st.none() | st.builds(MemoryMap, st.lists(REGIONS, max_size=4).map(tuple))
BYTE = st.integers(0, 255)
ADDRESS = st.one_of(WORD, st.integers(0, (1 << 64) - 1))
SEGMENTS = st.lists(
    st.builds(
        SegmentSpec,
        paddr=ADDRESS,
        vaddr=st.none() | ADDRESS,
        data=st.binary(max_size=40),
        memsz=st.none() | ADDRESS,
        flags=st.integers(0, 7),
        type=st.sampled_from((1, 1, 1, 4)),
    ),
    max_size=4,
).map(tuple)


def look_at(context: Context) -> None:
    """Run every rule; what it points at must be there."""
    size = len(context.data) if context.table is None else context.table.size
    for rule in OWN:
        assert rule.function is not None
        for spot in rule.function(context):
            assert spot.message.isprintable()
            assert spot.offset is not None
            limit = len(context.data) if spot.in_file else size
            assert 0 <= spot.offset < spot.offset + spot.size <= limit


@given(TABLES, SEGMENTS, ADDRESS, st.sampled_from((40, 144, 62)), PROFILES, MAPS)
def test_a_rule_points_into_the_image_whatever_lies_where(
    table: ResourceTable,
    segments: tuple[SegmentSpec, ...],
    address: int,
    machine: int,
    profile: Profile,
    memory: MemoryMap | None,
) -> None:
    image = elf_image(table, segments=segments, table_addr=address, machine=machine, entry=address)
    look_at(Context(image, profile, memory, True))
    look_at(Context(emit(table), profile, memory, False))


@given(st.lists(st.tuples(st.integers(0, len(IMAGE) - 1), BYTE), max_size=8), PROFILES, MAPS)
def test_no_change_of_an_image_makes_a_rule_fail(
    changes: list[tuple[int, int]], profile: Profile, memory: MemoryMap | None
) -> None:
    image = bytearray(IMAGE)
    for at, value in changes:
        image[at] = value
    validate(bytes(image), profile=profile, memory_map=memory, raw=False)
    context = Context(bytes(image), profile, memory, True)
    if context.header is not None:
        look_at(context)


@given(st.binary(max_size=300), st.booleans(), PROFILES, MAPS)
def test_no_bytes_make_a_rule_fail(
    data: bytes, raw: bool, profile: Profile, memory: MemoryMap | None
) -> None:
    for each in (data, b"\1\0\0\0" + data, b"\x7fELF\1\1\1" + data):
        validate(each, profile=profile, memory_map=memory, raw=raw)
        look_at(Context(each, profile, memory, not raw))


def errors(image: bytes, profile: Profile | str = "linux-6.12") -> list[str]:
    """Return the rules that find an error in an image that is accepted."""
    report = validate(image, profile=profile)
    assert report.verdict.word == "accepted"
    return [finding.rule for finding in report.findings if finding.severity is Severity.ERROR]


@pytest.mark.parametrize("profile", ["linux-6.1", "linux-6.12"])
def test_what_boots_on_boards_has_no_error(profile: str) -> None:
    pru, _, _ = ACCEPTED["TI PRU"]
    memories = (SegmentSpec(paddr=0, data=b"code"), SegmentSpec(paddr=0, data=b"data", flags=6))
    assert errors(elf_image(pru, segments=memories, machine=144, table_addr=0x100), profile) == []
    # A core of this kind that the ELF file does not name.
    assert errors(elf_image(pru, segments=memories, machine=40, table_addr=0x100), profile) == []
    stm32, _, _ = ACCEPTED["ST STM32MP157 M4"]
    moved = patched(elf_image(stm32, table_addr=0x10040000, machine=40), "Q", (64 + 24, 0x10020000))
    assert errors(moved, profile) == []
    assert "X12" in {finding.rule for finding in validate(moved, profile=profile).findings}


def test_a_table_that_is_filled_in_at_run_time_is_judged_by_what_linux_reads() -> None:
    image = patched(IMAGE, "I", (SECTION + 4, 8))
    found = {finding.rule for finding in validate(image).findings}
    assert "V03" in found
    assert not found & {"X10", "X11", "X12", "X13", "X16"}


def test_of_a_table_without_bytes_of_its_own_one_refusal_is_enough() -> None:
    """What else is wrong with the bytes is wrong with something else: it only hides why they are read."""
    table = struct.pack("<7I", 7, 3, 1, 1, 0, 1, 2)
    report = validate(elf_image(table, section_type=SHT_NOBITS), profile="linux-6.12")
    assert (report.verdict.word, report.verdict.log) == ("rejected", "unsupported fw ver: 7")
    found = [finding.rule for finding in report.findings if finding.rule.startswith("V")]
    assert sorted(found) == ["V03", "V06"]
    assert {"V07", "V10"} <= {f.rule for f in validate(elf_image(table), profile="linux-6.12").findings}


def test_a_cut_image_is_not_told_to_add_a_table() -> None:
    found = {finding.rule for finding in validate(IMAGE[:-8], profile="linux-6.12").findings}
    assert "X02" in found
    assert "V01" not in found


def test_program_headers_that_are_not_there_are_said_to_be_so_and_nothing_else() -> None:
    started = patched(IMAGE, "Q", (24, 0x4000))
    for changed in (patched(started, "H", (56, 0)), patched(started, "Q", (32, len(IMAGE) - 1))):
        found = {finding.rule for finding in validate(changed, profile="linux-6.12").findings}
        assert found & {"X01", "X03"}
        assert not found & {"X11", "X15"}
    assert "X15" in {finding.rule for finding in validate(started, profile="linux-6.12").findings}


def _work(data: bytes, raw: bool | None = None) -> int:
    return steps(lambda: validate(data, raw=raw, profile="linux-6.12", memory_map=MemoryMap(())))


def _sections(count: int) -> bytes:
    """Return an image with so many sections, the last of which is the table."""
    headers = IMAGE[SECTION - 64 : SECTION] * (count - 2)
    image = IMAGE[: SECTION - 64] + headers + IMAGE[SECTION:]
    return patched(image, "H", (60, count), (62, count - 1))


def _segments(count: int) -> bytes:
    """Return an image with so many segments that all overlap, in file and memory."""
    table = raw_table(raw_vdev(raw_vring(8, 16, 0x4000), raw_vring(8, 16, 0x5000)))
    spec = SegmentSpec(paddr=0x4000, memsz=0x1000)
    return elf_image(table, segments=(spec,) * (count - 1), machine=40)


def _entries(count: int) -> bytes:
    """Return a table of entries that all are the same one."""
    at = 16 + 4 * count
    return struct.pack("<4I", 1, count, 0, 0) + struct.pack("<I", at) * count + raw_trace(name=b"/" * 32)


def _stairs(count: int) -> bytes:
    """Return a table of carveouts that begin one byte after the other."""
    at = 16 + 4 * count
    offsets = struct.pack(f"<{count}I", *range(at, at + count))
    return struct.pack("<4I", 1, count, 0, 0) + offsets + bytes(count + 56)


@pytest.mark.parametrize("fill", [_segments, _entries, _stairs])
def test_ten_times_the_parts_take_at_most_twelve_times_the_steps(fill: Callable[[int], bytes]) -> None:
    few, many = (_work(fill(count)) for count in (200, 2000))
    assert many < 12 * few


def test_sixty_five_thousand_sections_take_no_more_steps_each_than_six_thousand() -> None:
    image = _sections(65_000)
    assert validate(image).verdict.word == "accepted"
    assert _work(image) < 11 * _work(_sections(6_500))


def test_sixty_five_thousand_segments_and_entries_are_judged_and_their_findings_counted() -> None:
    report = validate(_segments(65_000), profile="linux-6.12")
    assert report.verdict.word == "accepted"
    assert report.omitted > 64_000
    report = validate(_entries(65_000), profile="linux-6.12", raw=True)
    assert report.verdict.word == "accepted"
    assert "V61" in {finding.rule for finding in report.findings}


def test_an_entry_is_compared_with_the_one_that_reaches_furthest() -> None:
    vdev = raw_vdev(config_len=100)
    # Two carveouts of zeros lie in the configuration space, the second behind the first.
    offsets = (28, 68, 128)
    table = (struct.pack("<7I", 1, 3, 0, 0, *offsets) + vdev).ljust(300, b"\0")
    found = [f.entry for f in validate(table, profile="linux-6.12").findings if f.rule == "V20"]
    assert found == [1, 2]
