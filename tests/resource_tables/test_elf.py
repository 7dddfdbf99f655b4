# SPDX-License-Identifier: Apache-2.0
"""The ELF reader against images of our own, hostile bytes, and images of the compiler read by pyelftools."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import (
    ElfImage,
    ImageSubject,
    LoaderError,
    ResourceTable,
    SegmentSpec,
    TableError,
    Trace,
    elf_image,
    emit,
    run_checks,
)
from resource_tables.elf_header import ElfHeader

TABLE = ResourceTable((Trace(name="t", size=0x100, da=0x2000),))
EXTRA = SegmentSpec(paddr=0x4000, vaddr=0x8000, data=b"code", memsz=64)
CLASSES = pytest.mark.parametrize("elf_class", [32, 64])


@CLASSES
def test_headers_segments_and_table_of_an_image_are_read(elf_class: int) -> None:
    image = ElfImage.parse(
        elf_image(TABLE, elf_class=elf_class, machine=40, e_type=2, entry=0x4001, segments=(EXTRA,))
    )
    assert (image.elf_class, image.machine, image.type, image.entry) == (elf_class, 40, 2, 0x4001)
    own, code = image.segments
    assert (own.type, own.paddr, own.vaddr, own.filesz, own.memsz, own.flags) == (
        1,
        0x1000,
        0x1000,
        68,
        68,
        6,
    )
    assert (code.paddr, code.vaddr, code.filesz, code.memsz, code.flags) == (0x4000, 0x8000, 4, 64, 5)
    assert image.data[code.offset : code.offset + 4] == b"code"
    assert image.table_bytes == emit(TABLE)


@CLASSES
def test_the_table_lies_in_a_segment_that_is_loaded_at_its_link_address(elf_class: int) -> None:
    image = ElfImage.parse(elf_image(TABLE, elf_class=elf_class, table_addr=0x20000))
    section, segment = image.table_section, image.segments[0]
    assert section is not None
    assert (section.addr, section.offset, section.size) == (segment.paddr, segment.offset, segment.filesz)


@CLASSES
def test_a_built_image_passes_every_check(elf_class: int) -> None:
    data = elf_image(TABLE, elf_class=elf_class, segments=(EXTRA,))
    assert run_checks(ImageSubject(data, lambda da, size: True), stop_at_first=False) == []


@pytest.mark.parametrize("name", [b".resource_tablE", b".resource.table"])
def test_the_sections_name_must_match_exactly(name: bytes) -> None:
    image = ElfImage.parse(elf_image(TABLE, section_name=name))
    assert (image.table_section, image.table_bytes) == (None, None)


def test_a_name_that_only_begins_like_the_tables_is_not_its() -> None:
    data = elf_image(TABLE).replace(b".resource_table\0", b".resource_tableX")
    assert ElfImage.parse(data).table_section is None


def test_the_sections_type_is_ignored() -> None:
    image = ElfImage.parse(elf_image(TABLE, section_type=8))
    assert image.table_bytes == emit(TABLE)
    assert image.table_section is not None
    assert image.table_section.type == 8


def test_the_first_of_two_sections_of_the_name_wins() -> None:
    data = bytearray(elf_image(TABLE))
    header = ElfHeader(data)
    names_header = header.shoff + 2 * header.section_header_bytes
    struct.pack_into("<I", data, names_header, 1)
    section = ElfImage.parse(data).table_section
    assert section is not None
    assert section.size == len(emit(TABLE))


def test_a_stripped_image_has_no_table_but_is_sound() -> None:
    data = bytearray(elf_image(TABLE))
    struct.pack_into("<Q", data, 40, 0)
    struct.pack_into("<2H", data, 60, 0, 0)
    assert ElfImage.parse(data).table_section is None


def test_a_table_that_ends_behind_the_file_gives_no_bytes() -> None:
    data = bytearray(elf_image(TABLE))
    header = ElfHeader(data)
    struct.pack_into("<Q", data, header.shoff + header.section_header_bytes + 32, 1 << 63)
    image = ElfImage.parse(data)
    assert image.table_section is not None
    assert image.table_bytes is None


def test_byte_order_is_detected_and_only_the_hosts_is_accepted() -> None:
    data = elf_image(TABLE, big_endian=True, machine=8)
    assert ElfHeader(data).machine == 8
    assert [segment.paddr for segment in ElfHeader(data).segments()] == [0x1000]
    with pytest.raises(LoaderError, match="Unsupported firmware endianness"):
        ElfImage.parse(data)


def test_the_builder_refuses_what_no_image_can_hold() -> None:
    with pytest.raises(TableError, match="not 32 or 64"):
        elf_image(TABLE, elf_class=16)
    with pytest.raises(TableError, match="ELF32"):
        elf_image(TABLE, elf_class=32, table_addr=1 << 32)
    with pytest.raises(TableError, match="15 bytes"):
        elf_image(TABLE, section_name=b".table")


def _read_all(data: bytes) -> None:
    """Read everything there is, strictly and totally."""
    header = ElfHeader(data)
    assert len(list(header.segments())) <= header.phnum
    run_checks(ImageSubject(data, lambda da, size: False), stop_at_first=False)
    try:
        image = ElfImage.parse(data)
    except LoaderError:
        return
    assert len(image.segments) == header.phnum
    table, section = image.table_bytes, image.table_section
    assert table is None or (section is not None and len(table) == section.size)


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda tail: b"\x7fELF" + tail)))
def test_no_bytes_make_the_reader_fail_with_a_foreign_error(data: bytes) -> None:
    _read_all(data)


@given(
    st.sampled_from([elf_image(TABLE, elf_class=c, segments=(EXTRA,)) for c in (32, 64)]),
    st.lists(st.tuples(st.integers(0, 599), st.sampled_from([0, 1, 0x7F, 0x80, 0xFF])), max_size=8),
    st.integers(0, 600),
)
def test_no_mutation_of_an_image_makes_the_reader_fail_with_a_foreign_error(
    data: bytes, changes: list[tuple[int, int]], size: int
) -> None:
    mutated = bytearray(data)
    for position, value in changes:
        mutated[position % len(mutated)] = value
    _read_all(bytes(mutated))
    _read_all(bytes(mutated[:size]))


SOURCE = """
__attribute__((section(".resource_table"), used)) const unsigned table[5] = {1, 0, 0, 0, 0};
int counter = 7;
int zeroed[100];
int answer(void) { return counter + zeroed[3]; }
"""


def _compile(folder: Path, *flags: str) -> Path:
    source = folder / "firmware.c"
    source.write_text(SOURCE, encoding="ascii")
    compiler = shutil.which("cc")
    assert compiler is not None, "the tests need a C compiler"
    target = folder / "firmware.elf"
    subprocess.run([compiler, *flags, "-o", target, source], check=True, timeout=60)
    return target


@pytest.mark.oracle
@pytest.mark.parametrize(
    "flags",
    [
        ("-shared", "-fPIC"),
        ("-nostdlib", "-static", "-Wl,-e,answer"),
        ("-nostdlib", "-static-pie", "-fPIE", "-Wl,-e,answer"),
    ],
    ids=["shared object", "executable", "position-independent executable"],
)
def test_an_image_of_the_compiler_reads_as_pyelftools_reads_it(
    flags: tuple[str, ...], tmp_path: Path
) -> None:
    path = _compile(tmp_path, *flags)
    image = ElfImage.parse(path.read_bytes())
    with path.open("rb") as file:
        other = ELFFile(file)
        head = other.header
        assert (image.elf_class, image.entry) == (other.elfclass, head["e_entry"])
        fields = ("p_flags", "p_offset", "p_vaddr", "p_paddr", "p_filesz", "p_memsz", "p_align")
        assert [
            (s.is_loaded, s.flags, s.offset, s.vaddr, s.paddr, s.filesz, s.memsz, s.align)
            for s in image.segments
        ] == [(s["p_type"] == "PT_LOAD", *(s[field] for field in fields)) for s in other.iter_segments()]
        section = other.get_section_by_name(".resource_table")
        ours = image.table_section
        assert ours is not None
        assert section is not None
        assert (ours.offset, ours.addr, ours.size, ours.flags, ours.align) == tuple(
            section[f"sh_{field}"] for field in ("offset", "addr", "size", "flags", "addralign")
        )
        assert image.table_bytes == section.data() == struct.pack("<5I", 1, 0, 0, 0, 0)
