# SPDX-License-Identifier: Apache-2.0
"""Tables as source text: what compilers make of it are the bytes of the table, to the last one."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resource_tables import Carveout, ElfImage, ResourceTable, TableError, Trace, Unknown, Vdev
from resource_tables.authoring.source_text import assembler_source, c_source
from resource_tables.authoring.toml_text import dump_toml
from resource_tables.layout import TableLayout
from tests.resource_tables.strategies import TABLES
from tests.resource_tables.test_firmware_layouts import ACCEPTED
from tests.resource_tables.test_toml_text import layouts as table_bytes

LIMIT = 60
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")
GOLDEN = [TableLayout.parse(raw) for raw, _, _ in ACCEPTED.values()]

#: The command, and the flags for C.
COMPILERS = {
    "gcc": (("gcc",), STRICT),
    "gcc, C99": (("gcc",), (*STRICT, "-std=c99")),
    "arm-none-eabi-gcc": (("arm-none-eabi-gcc",), STRICT),
    "clang": (("clang",), STRICT),
    "clang for Arm": (("clang", "--target=arm-none-eabi"), STRICT),
}
Make = Callable[..., str]
MAKERS = pytest.mark.parametrize(
    ("suffix", "make"), [(".c", c_source), (".S", assembler_source)], ids=["C", "assembler"]
)


def compiled(
    folder: Path, suffix: str, make: Make, layouts: Sequence[TableLayout], compiler: str = "gcc"
) -> list[bytes]:
    """Return the bytes that one run of a compiler makes of many tables: a symbol and its size for each."""
    command, flags = COMPILERS[compiler]
    source, target = folder / f"tables{suffix}", folder / "tables.o"
    source.write_text(
        "".join(make(layout, f"table{index}") for index, layout in enumerate(layouts)), encoding="ascii"
    )
    flags = flags if suffix == ".c" else ()
    subprocess.run([*command, *flags, "-c", source, "-o", target], check=True, timeout=LIMIT)
    with target.open("rb") as file:
        image = ELFFile(file)
        section, table = (image.get_section_by_name(name) for name in (".resource_table", ".symtab"))
        assert section is not None
        assert isinstance(table, SymbolTableSection)
        data = section.data()
        symbols = {one.name: (one["st_value"], one["st_size"]) for one in table.iter_symbols()}
    places = (symbols[f"table{index}"] for index in range(len(layouts)))
    return [data[start : start + size] for start, size in places]


@pytest.mark.oracle
@MAKERS
@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_published_layouts_keep_their_bytes_with_each_compiler(
    tmp_path: Path, suffix: str, make: Make, compiler: str
) -> None:
    found = compiled(tmp_path, suffix, make, GOLDEN, compiler)
    assert found == [raw for raw, _, _ in ACCEPTED.values()]


@pytest.mark.oracle
@MAKERS
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables=st.lists(TABLES, min_size=20, max_size=50))
def test_a_table_has_the_same_toml_after_a_compiler(
    tmp_path: Path, suffix: str, make: Make, tables: list[ResourceTable]
) -> None:
    found = compiled(tmp_path, suffix, make, [TableLayout.of(table) for table in tables])
    assert [dump_toml(TableLayout.parse(data)) for data in found] == [dump_toml(table) for table in tables]


@pytest.mark.oracle
@MAKERS
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables=st.lists(table_bytes(), min_size=10, max_size=30))
def test_bytes_are_the_same_after_a_compiler_wherever_the_entries_lie(
    tmp_path: Path, suffix: str, make: Make, tables: list[bytes]
) -> None:
    assert compiled(tmp_path, suffix, make, list(map(TableLayout.parse, tables))) == tables


def test_entries_that_share_bytes_have_one_place_in_the_struct() -> None:
    one = TableLayout.of(ResourceTable((Trace(name="t", da=0, size=1),)))
    entry = one.table.entries[0]
    twice = TableLayout(ResourceTable((entry, entry)), (24, 24), 72)
    source = c_source(twice)
    assert source.count("struct resource_table_trace trace") == 1
    assert source.count("offsetof(struct resource_table, trace0)") == 2


@pytest.mark.oracle
def test_tables_whose_entries_overlap_keep_their_bytes(tmp_path: Path) -> None:
    # An entry in the offset array, two at one place, and one whose tail is another's head.
    raw = bytearray(160)
    raw[:36] = b"".join(word.to_bytes(4, "little") for word in (1, 4, 0, 0, 40, 40, 60, 16, 0))
    for suffix, make in ((".c", c_source), (".S", assembler_source)):
        layout = TableLayout.parse(bytes(raw))
        assert compiled(tmp_path, suffix, make, [layout]) == [bytes(raw)]


@pytest.mark.oracle
@MAKERS
def test_the_linker_keeps_the_table_when_the_script_says_keep(
    tmp_path: Path, suffix: str, make: Make
) -> None:
    layout = GOLDEN[0]
    table, script, main = tmp_path / f"table{suffix}", tmp_path / "script.ld", tmp_path / "main.c"
    table.write_text(make(layout), encoding="ascii")
    main.write_text("void start(void);\nvoid start(void) {}\n", encoding="ascii")
    (keep,) = [line.strip(" *") for line in make(layout).splitlines() if "KEEP" in line]
    script.write_text(
        "MEMORY { RAM (rwx) : ORIGIN = 0x10000000, LENGTH = 64K }\nENTRY(start)\n"
        f"SECTIONS {{ .text : {{ *(.text*) }} > RAM {keep} }}\n",
        encoding="ascii",
    )
    target = tmp_path / "firmware.elf"
    options = ["-mcpu=cortex-m4", "-mthumb", "-nostdlib", "-Wl,--gc-sections", f"-T{script}"]
    command = ["arm-none-eabi-gcc", *options, str(main), str(table), "-o", str(target)]
    subprocess.run(command, check=True, timeout=LIMIT)
    assert ElfImage.parse(target.read_bytes()).table_bytes == layout.emit()


@pytest.mark.oracle
def test_a_name_cannot_leave_its_string(tmp_path: Path) -> None:
    names = ['";int x;"', "*/ int x; /*", "\\", "??/", "a\nb", "%s", "//", "#define", "'", "\x7f\x01"]
    table = ResourceTable(tuple(Carveout(name=name, size=1) for name in names))
    layout = TableLayout.of(table)
    for suffix, make in ((".c", c_source), (".S", assembler_source)):
        assert compiled(tmp_path, suffix, make, [layout], "gcc, C99") == [layout.emit()]
        assert "int x; /*" not in make(table).split("*/", 1)[0]


def test_the_text_is_ascii_and_always_the_same() -> None:
    table = ResourceTable((Trace(name="Tür", da=0, size=1), Unknown(type=9, body=b""), Vdev(id=7, vrings=())))
    for make in (c_source, assembler_source):
        assert make(table).isascii()
        assert make(table) == make(TableLayout.of(table))


@pytest.mark.parametrize("symbol", ["", "1st", "a-b", "a b", "é", "a\n", "int x;"])
def test_a_symbol_that_is_none_is_refused(symbol: str) -> None:
    for make in (c_source, assembler_source):
        with pytest.raises(TableError, match="is no name for a symbol"):
            make(ResourceTable(), symbol)
