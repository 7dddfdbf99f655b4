# SPDX-License-Identifier: Apache-2.0
"""Each check on an image: one that passes, one that fails, with Linux's errno and log line."""

import itertools
import struct
from errno import EINVAL

import pytest

from resource_tables import (
    ElfImage,
    ImageSubject,
    LoaderError,
    SegmentSpec,
    check_image,
    check_segment,
    check_segments,
    elf_image,
    run_checks,
)
from tests.resource_tables.strategies import raw_table, raw_trace

TABLE = raw_table(raw_trace())
GOOD = elf_image(TABLE)
GOOD32 = elf_image(TABLE, elf_class=32)
CODE = SegmentSpec(paddr=0x4000, data=b"code", memsz=64)
SIZE = len(GOOD)
SHOFF = int.from_bytes(GOOD[40:48], "little")
TABLE_HEADER = SHOFF + 64


def patched(data: bytes, layout: str, *changes: tuple[int, int]) -> bytes:
    """Return ``data`` with little-endian numbers written at offsets."""
    copy = bytearray(data)
    for offset, value in changes:
        struct.pack_into("<" + layout, copy, offset, value)
    return bytes(copy)


# id, log line, offset, an image that breaks the rule
CASES = [
    ("elf-size", "Image is too small", 51, GOOD[:51]),
    ("elf-magic", "Image is corrupted (bad magic)", 0, b"\x7fELE" + GOOD[4:]),
    ("elf-class", "Unsupported class: 3", 4, patched(GOOD, "B", (4, 3))),
    ("elf64-size", "elf64 header is too small", 63, GOOD[:63]),
    ("elf-endianness", "Unsupported firmware endianness", 5, patched(GOOD, "B", (5, 2))),
    ("elf-shoff", "Section header table is out of bounds", SIZE + 1, patched(GOOD, "Q", (40, SIZE + 1))),
    ("elf-shnum", "Section headers are out of bounds", SHOFF, patched(GOOD, "H", (60, 4))),
    ("elf-shstrndx", "Image is too small", SHOFF, patched(GOOD, "H", (62, 3))),
    ("elf-phnum", "No loadable segments", None, patched(GOOD, "H", (56, 0))),
    ("elf-phoff", "Firmware size is too small", SIZE + 1, patched(GOOD, "Q", (32, SIZE + 1))),
    ("elf-phdrs", "Firmware size is too small", SIZE - 1, patched(GOOD, "Q", (32, SIZE - 1))),
    ("table-section", None, None, elf_image(None, segments=(CODE,))),
    (
        "table-section-bounds",
        "resource table truncated",
        SIZE - 67,
        patched(GOOD, "Q", (TABLE_HEADER + 24, SIZE - 67)),
    ),
    (
        "segment-sizes",
        "bad phdr filesz 0x44 memsz 0x43",
        64,
        patched(GOOD, "Q", (64 + 40, 0x43)),
    ),
    (
        "segment-bounds",
        f"truncated fw: need 0x{SIZE + 1:x} avail 0x{SIZE:x}",
        64,
        patched(GOOD, "Q", (64 + 8, SIZE - 67)),
    ),
    ("segment-memory", "bad phdr da 0x100001000 mem 0x44", 64, patched(GOOD, "Q", (64 + 24, 0x100001000))),
]


#: Checks of Linux 6.12 in whose place 6.1 has one that looks at a single section header.
SECTIONS_6_12 = ("elf-shoff", "elf-shnum", "elf-shstrndx")


def _subject(data: bytes) -> ImageSubject:
    return ImageSubject(data, lambda da, size: da + size <= 1 << 32)


@pytest.mark.parametrize("data", [GOOD, GOOD32], ids=["ELF64", "ELF32"])
def test_a_sound_image_breaks_no_rule(data: bytes) -> None:
    assert run_checks(_subject(data), stop_at_first=False) == []
    check_image(data)
    check_segments(ElfImage.parse(data), _subject(data).translate)


@pytest.mark.parametrize(("rule", "log", "offset", "bad"), CASES, ids=[case[0] for case in CASES])
def test_an_image_that_breaks_a_rule_fails_as_in_linux(
    rule: str, log: str | None, offset: int | None, bad: bytes
) -> None:
    (failure,) = run_checks(_subject(bad), stop_at_first=True)
    assert (failure.check.id, failure.check.errno, failure.log, failure.offset) == (rule, EINVAL, log, offset)
    assert rule in [each.check.id for each in run_checks(_subject(bad), stop_at_first=False)]


@pytest.mark.parametrize(("rule", "log", "offset", "bad"), CASES, ids=[case[0] for case in CASES])
def test_the_loader_raises_what_the_report_lists(
    rule: str, log: str | None, offset: int | None, bad: bytes
) -> None:
    with pytest.raises(LoaderError) as caught:
        check_image(bad)
        check_segments(ElfImage.parse(bad), _subject(bad).translate)
    error = caught.value
    assert (error.rule, error.errno, error.log, error.offset) == (rule, EINVAL, log, offset)
    assert error.hint
    assert error.source.startswith("remoteproc_elf_loader.c: " if rule != "elf-phdrs" else "resource_tables")


@pytest.mark.parametrize("distance", [64, 63, 0, -1])
def test_linux_6_1_asks_for_one_section_header_where_6_12_asks_for_all(distance: int) -> None:
    image = patched(GOOD, "Q", (40, SIZE - distance))
    found = run_checks(ImageSubject(image), stop_at_first=True, ignore=SECTIONS_6_12)
    said = [(failure.check.id, failure.log, failure.offset) for failure in found]
    if distance == 64:
        assert said == [("table-section", None, None)]
    else:
        assert said == [("elf-section-header", "Image is too small", SIZE - distance)]


def test_the_check_of_linux_6_1_never_comes_first_where_those_of_6_12_are_looked_at() -> None:
    for num, shoff in itertools.product((0, 1, 3), (0, 64, SHOFF, SIZE - 64, SIZE - 63, SIZE, 2**64 - 1)):
        image = patched(patched(GOOD, "H", (60, num), (62, 0)), "Q", (40, shoff))
        found = run_checks(ImageSubject(image), stop_at_first=True)
        assert [failure.check.id for failure in found if failure.check.id == "elf-section-header"] == []


@pytest.mark.parametrize(
    ("layout", "changes"),
    [
        ("Q", [(TABLE_HEADER + 24, (1 << 64) - 8)]),
        ("Q", [(TABLE_HEADER + 32, (1 << 64) - 8)]),
        ("Q", [(64 + 8, (1 << 64) - 8)]),
        ("Q", [(40, (1 << 64) - 64)]),
        ("Q", [(32, (1 << 64) - 56)]),
    ],
    ids=["sh_offset", "sh_size", "p_offset", "e_shoff", "e_phoff"],
)
def test_a_sum_that_would_wrap_in_64_bits_is_refused(layout: str, changes: list[tuple[int, int]]) -> None:
    failures = run_checks(_subject(patched(GOOD, layout, *changes)), stop_at_first=True)
    assert [failure.check.errno for failure in failures] == [EINVAL]


def test_what_ends_exactly_with_the_file_is_inside_it() -> None:
    check_segments(ElfImage.parse(patched(GOOD, "Q", (64 + 8, SIZE - 68))))
    assert len(ElfImage.parse(patched(GOOD, "Q", (32, SIZE - 56))).segments) == 1
    at_end = patched(GOOD, "Q", (TABLE_HEADER + 24, SIZE)) + TABLE
    check_image(at_end)
    assert ElfImage.parse(at_end).table_bytes == TABLE
    with pytest.raises(LoaderError, match="resource table truncated"):
        check_image(at_end[:-1])


def test_a_segment_address_above_4_gib_does_not_alias_one_below() -> None:
    data = patched(GOOD, "Q", (64 + 24, 0x100001000))
    with pytest.raises(LoaderError, match="bad phdr da 0x100001000"):
        check_segments(ElfImage.parse(data), lambda da, size: da >= 0x1000 and da + size <= 0x2000)


def test_segments_are_judged_in_file_order_and_one_by_one() -> None:
    image = ElfImage.parse(elf_image(TABLE, segments=(CODE, SegmentSpec(paddr=0x9000, data=b"x"))))
    asked: list[int] = []

    def translate(da: int, size: int) -> bool:
        asked.append(da)
        return da != 0x4000

    check_segment(image, 0, translate)
    with pytest.raises(LoaderError, match="bad phdr da 0x4000 mem 0x40"):
        check_segments(image, translate)
    assert asked == [0x1000, 0x1000, 0x4000]


@pytest.mark.parametrize("skipped", [SegmentSpec(paddr=0, data=b"x", memsz=0), SegmentSpec(paddr=0, type=4)])
def test_segments_that_linux_skips_are_not_judged(skipped: SegmentSpec) -> None:
    image = ElfImage.parse(elf_image(TABLE, segments=(skipped,)))
    check_segments(image, lambda da, size: da == 0x1000)
    check_segment(image, 1, lambda da, size: False)


def test_size_is_judged_before_magic_and_headers_before_segments() -> None:
    assert [f.check.id for f in run_checks(_subject(b"MZ"), stop_at_first=False)] == ["elf-size"]
    broken = patched(elf_image(b"", segments=(CODE,)), "Q", (64 + 56 + 40, 1))
    assert [f.check.id for f in run_checks(_subject(broken), stop_at_first=False)] == [
        "table-header",
        "segment-sizes",
    ]


def test_an_empty_table_section_is_a_table_without_header() -> None:
    (failure,) = run_checks(_subject(elf_image(b"")), stop_at_first=True)
    assert (failure.check.id, failure.log) == ("table-header", "header-less resource table")


@pytest.mark.parametrize(
    ("table", "log"),
    [
        (TABLE[:15], "header-less resource table"),
        (b"\xfe\xff\xff\xff" + TABLE[4:], "unsupported fw ver: -2"),
        (TABLE[:12] + b"\1" + TABLE[13:], "non zero reserved bytes"),
        (TABLE[:4] + b"\xff" + TABLE[5:], "resource table incomplete"),
    ],
    ids=["header", "version", "reserved", "num"],
)
def test_the_header_of_the_table_is_judged_with_the_image_as_in_find_table(table: bytes, log: str) -> None:
    with pytest.raises(LoaderError) as caught:
        check_image(elf_image(table))
    assert (caught.value.errno, caught.value.log) == (EINVAL, log)
    assert caught.value.source == "remoteproc_elf_loader.c: find_table"
