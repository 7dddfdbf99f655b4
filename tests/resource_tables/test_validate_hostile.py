# SPDX-License-Identifier: Apache-2.0
"""What bad input gets: a verdict for any bytes, in bounded time and memory, and a named file."""

import errno
import itertools
import os
import struct
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import (
    MemoryMap,
    Profile,
    Region,
    ResourceTable,
    SegmentSpec,
    Severity,
    UnreadableError,
    Verdict,
    elf_image,
    emit,
    load_profile,
    profile_names,
    validate,
)
from resource_tables.files import MAX_FILE, read_bounded
from resource_tables.lint.collector import MAX_FINDINGS, MAX_PER_RULE
from resource_tables.lint.rules.context import MAX_ENTRIES, MAX_JUDGED
from tests.resource_tables.rules.steps import steps
from tests.resource_tables.strategies import TABLES, raw_carveout, raw_table, raw_trace, raw_vdev, raw_vring
from tests.resource_tables.test_checks_image import patched

MIB = 1 << 20
#: Beyond the file itself.
MOST_MEMORY = 64 * MIB
LINUX = load_profile("linux-6.12")
PROFILES = st.sampled_from([load_profile(name) for name in profile_names()])
BOARD = MemoryMap(tuple(Region(f"r{i}", 0x1000 * i, 0, 0x1800) for i in range(8)), "board")


def check(data: bytes, profile: Profile, memory: MemoryMap | None, raw: bool | None) -> None:
    """Judge, and look at what every report must hold to."""
    report = validate(data, profile=profile, memory_map=memory, raw=raw)
    assert report.verdict.word in ("accepted", "rejected", "no-table")
    assert report.verdict.word != "rejected" or report.worst is Severity.ERROR
    assert len(report.findings) <= MAX_FINDINGS
    for finding in report.findings:
        assert finding.offset is None or finding.offset >= 0
        assert finding.message and finding.source and finding.hint
    report.to_json()


@given(st.binary(max_size=300), PROFILES, st.sampled_from([None, True, False]))
def test_any_bytes_get_a_verdict(data: bytes, profile: Profile, raw: bool | None) -> None:
    check(data, profile, None, raw)


@given(TABLES, PROFILES, st.sampled_from([None, BOARD]), st.data())
def test_any_table_gets_a_verdict_whole_cut_and_changed(
    table: ResourceTable, profile: Profile, memory: MemoryMap | None, data: st.DataObject
) -> None:
    raw = bytearray(emit(table))
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    for each in (bytes(raw), bytes(raw[: data.draw(st.integers(0, len(raw)))])):
        check(each, profile, memory, True)
        check(elf_image(each, table_addr=0x2000), profile, memory, None)


IMAGES = (
    elf_image(raw_table(raw_trace(), raw_vdev(raw_vring(), raw_vring())), elf_class=32, machine=40),
    elf_image(raw_table(raw_carveout()), segments=(SegmentSpec(paddr=0x4000, data=b"x", memsz=99),)),
)
NUMBERS = st.sampled_from([0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 63, (1 << 64) - 1])


@given(st.sampled_from(IMAGES), st.lists(st.tuples(st.integers(0, 499), NUMBERS), max_size=4), PROFILES)
def test_any_image_gets_a_verdict_whatever_its_headers_say(
    image: bytes, changes: list[tuple[int, int]], profile: Profile
) -> None:
    raw = bytearray(image)
    for offset, value in changes:
        raw[offset : offset + 8] = struct.pack("<Q", value)
    check(bytes(raw[: len(image)]), profile, BOARD, False)


def same_entry(count: int, entry: bytes) -> bytes:
    """Return a table whose offsets all point at one entry."""
    head = struct.pack("<4I", 1, count, 0, 0)
    return head + struct.pack("<I", 16 + 4 * count) * count + entry


def sections(count: int) -> bytes:
    """Return an image of so many sections, none of which is the table's."""
    image = elf_image(raw_table(raw_trace()))
    first = image[int.from_bytes(image[40:48], "little") :][:64]
    return patched(patched(image + first * count, "Q", (40, len(image))), "H", (60, count), (62, 0))


def segments(count: int) -> bytes:
    """Return an image of so many segments at one address."""
    return elf_image(raw_table(raw_trace()), segments=(SegmentSpec(paddr=0x4000, data=b"x"),) * count)


RINGS = raw_vdev(raw_vring(3, da=0x1000), raw_vring(0))
HOSTILE: dict[str, Callable[[int], bytes]] = {
    "one vdev for all offsets": lambda count: same_entry(count, RINGS),
    "one carveout for all offsets": lambda count: same_entry(count, raw_carveout()),
    "names of their own": lambda count: raw_table(*(raw_carveout(b"%d" % i) for i in range(count))),
    "vdevs of their own": lambda count: raw_table(*itertools.repeat(RINGS, count)),
    "sections": sections,
    "segments": segments,
    "zeros": bytes,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_four_times_the_input_takes_about_four_times_the_steps(make: Callable[[int], bytes]) -> None:
    jobs = [partial(validate, make(count), profile=LINUX, memory_map=BOARD) for count in (500, 2000)]
    few, many = map(steps, jobs)
    assert many < 5 * few


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_the_largest_of_its_kind_takes_bounded_memory(make: Callable[[int], bytes]) -> None:
    data = make(MAX_ENTRIES if make is not sections else 0xFF00)
    tracemalloc.start()
    try:
        validate(data, profile=LINUX, memory_map=BOARD)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEMORY


def test_a_large_file_is_copied_neither_for_its_sections_nor_for_its_table() -> None:
    table = raw_table(raw_trace()).ljust(100 * MIB, b"\0")
    for data in (table, elf_image(raw_table(raw_trace())) + bytes(100 * MIB), elf_image(table)):
        tracemalloc.start()
        report = validate(data, profile=LINUX)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < MOST_MEMORY
        assert report.verdict in (Verdict("accepted"), Verdict("rejected", errno.ENOMEM))


def test_findings_are_counted_where_there_are_too_many_and_the_worst_are_kept() -> None:
    report = validate(same_entry(MAX_ENTRIES, RINGS), profile=LINUX)
    counts = {f.rule: sum(other.rule == f.rule for other in report.findings) for f in report.findings}
    assert max(counts.values()) <= MAX_PER_RULE * len(Severity)
    assert report.omitted > MAX_ENTRIES
    late = raw_table(*(raw_carveout(b"c%d" % i, da=0) for i in range(200)), raw_trace(reserved=1))
    milder = replace(LINUX, severity={"V32": Severity.INFO})
    found = validate(late, profile=milder).findings
    assert [f.entry for f in found if f.severity is Severity.ERROR] == [200]


def test_what_is_not_looked_at_is_said() -> None:
    many = same_entry(MAX_ENTRIES + 1, raw_trace())
    assert [f.message for f in validate(many).findings if f.rule == "V61"] == [
        f"{MAX_ENTRIES + 1} entries: the rules look at the first {MAX_ENTRIES} only"
    ]
    assert "V61" not in {f.rule for f in validate(same_entry(MAX_ENTRIES, raw_trace())).findings}
    # The verdict goes further than the rules, and then stops, too.
    bad_last = struct.pack("<I", 16 + 4 * (MAX_ENTRIES + 1)) * MAX_ENTRIES
    head = struct.pack("<4I", 1, MAX_ENTRIES + 1, 0, 0)
    assert validate(head + bad_last + struct.pack("<I", 15) + raw_trace()).verdict.word == "rejected"
    beyond = same_entry(MAX_JUDGED + 1, raw_trace())
    assert f"the verdict at the first {MAX_JUDGED}" in next(
        f.message for f in validate(beyond).findings if f.rule == "V61"
    )


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, number in ((tmp_path, errno.EISDIR), (pipe, errno.EINVAL), (tmp_path / "no.elf", errno.ENOENT)):
        with pytest.raises(UnreadableError) as caught:
            validate(path)
        assert (caught.value.errno, caught.value.path) == (number, str(path))
        assert str(caught.value) == f"{path}: {caught.value.reason}"
    with pytest.raises(UnreadableError, match="not a regular file"):
        validate("/dev/zero")
    with pytest.raises(UnreadableError, match="null"):
        validate("a\0b")


def test_a_huge_hole_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.elf"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UnreadableError, match=f"1099511627776 bytes, at most {MAX_FILE} are read") as caught:
        validate(path)
    assert caught.value.errno == errno.EFBIG


#: The kernel gives these more or fewer bytes than their size says, as a file has that grows or is cut off.
@pytest.mark.parametrize("path", ["/proc/self/status", "/sys/devices/system/cpu/online"])
def test_a_file_with_other_bytes_than_its_size_says_is_named(path: str) -> None:
    with pytest.raises(UnreadableError, match=f"{path}: its size changed while it was read"):
        validate(path)


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "fw.elf"
    for data in (b"", b"x", bytes(range(256)) * 4096):
        path.write_bytes(data)
        assert read_bounded(path) == data
        assert read_bounded(path, len(data)) == data
    with pytest.raises(UnreadableError, match="1048576 bytes, at most 1048575 are read"):
        read_bounded(path, MIB - 1)
