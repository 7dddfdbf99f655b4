# SPDX-License-Identifier: Apache-2.0
"""The table macros of <ecusdk/resource_table.h>: the bytes they make, and where those lie in an image."""

import shutil
import subprocess
from pathlib import Path

import pytest

from resource_tables import (
    ADDR_ANY,
    PT_LOAD,
    Carveout,
    ElfImage,
    Trace,
    Vdev,
    check_image,
    check_table,
    parse,
)

SDK = Path(__file__).parents[2] / "sdk"
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", f"-I{SDK / 'include'}"]
INCLUDE = "#include <ecusdk/resource_table.h>\n"
#: No reference to the table: only the macro's attributes keep it.
OPERATIONS = "ECU_EXPORT int entry(void);\nint entry(void) { return 0; }\n"
CUSTOM = """
struct door_table {
    struct ecu_table_header header;
    uint32_t offset[3];
    struct ecu_carveout_entry image;
    struct ecu_carveout_entry maps;
    struct ecu_rpmsg_entry rpmsg;
};
ECU_RESOURCE_TABLE(struct door_table) = {
    .header = ECU_TABLE_HEADER(3),
    .offset = {offsetof(struct door_table, image), offsetof(struct door_table, maps),
               offsetof(struct door_table, rpmsg)},
    .image = ECU_CARVEOUT_IMAGE,
    .maps = ECU_CARVEOUT(ECU_DA_ANY, 0x10000, "maps"),
    .rpmsg = ECU_VDEV_RPMSG(256, 4096),
};
"""


def compile_library(folder: Path, compiler: str, *sources: str) -> subprocess.CompletedProcess[str]:
    """Link libdoor.so from sources, unused sections collected; the caller looks at the result."""
    if shutil.which(compiler) is None:
        pytest.fail(f"{compiler} is missing; `make test` installs it")
    files = []
    for number, source in enumerate(sources):
        path = folder / f"door{number}.c"
        path.write_text(INCLUDE + source)
        files.append(str(path))
    options = ["-O1", "-fPIC", "-shared", "-fdata-sections", "-fvisibility=hidden", "-Wl,--gc-sections"]
    output = ["-o", str(folder / "libdoor.so")]
    return subprocess.run(
        [compiler, *WARNINGS, *options, *files, *output], capture_output=True, text=True, check=False
    )


def image_of(folder: Path, compiler: str, table: str) -> ElfImage:
    """Compile and read back; fails with the compiler's words."""
    done = compile_library(folder, compiler, table, OPERATIONS)
    assert done.returncode == 0, done.stderr
    return ElfImage.parse((folder / "libdoor.so").read_bytes())


def table_of(image: ElfImage) -> bytes:
    """The bytes of the table section."""
    assert image.table_bytes is not None
    return image.table_bytes


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_an_unreferenced_table_survives_in_a_writable_segment(tmp_path: Path, compiler: str) -> None:
    image = image_of(tmp_path, compiler, "ECU_TABLE_DEFAULT;\n")
    section = image.table_section
    assert section is not None
    holding = [
        segment
        for segment in image.segments
        if segment.type == PT_LOAD and segment.vaddr <= section.addr < segment.vaddr + segment.filesz
    ]
    assert [segment.flags & 2 for segment in holding] == [2]
    check_image(image)
    assert section.size == 260


def test_the_standard_table_has_image_trace_and_rpmsg(tmp_path: Path) -> None:
    table = table_of(image_of(tmp_path, "gcc", "ECU_TABLE_STANDARD(16, 64);\n"))
    check_table(table)
    image, memory, trace, vdev = parse(table).entries
    assert isinstance(image, Carveout)
    assert isinstance(memory, Carveout)
    assert isinstance(trace, Trace)
    assert isinstance(vdev, Vdev)
    assert (image.name, image.da, image.size) == ("image", 0, 0x100000)
    assert (memory.da, memory.size) == (trace.da, trace.size) == (0x100000, 0x10000)
    assert (vdev.id, vdev.dfeatures, vdev.status, vdev.config) == (7, 1, 0, b"")
    assert [(ring.num, ring.align, ring.da) for ring in vdev.vrings] == [(16, 64, ADDR_ANY)] * 2


def test_the_table_of_the_header_comment_is_valid(tmp_path: Path) -> None:
    table = table_of(image_of(tmp_path, "clang", CUSTOM))
    check_table(table)
    assert [type(entry).__name__ for entry in parse(table).entries] == ["Carveout", "Carveout", "Vdev"]
    header = (SDK / "include/ecusdk/resource_table.h").read_text()
    documented = [line.strip(" *") for line in header.splitlines()]
    assert [line.strip() for line in CUSTOM.strip().splitlines() if line.strip(" *") not in documented] == []


def test_a_second_table_in_one_image_is_a_link_error(tmp_path: Path) -> None:
    done = compile_library(tmp_path, "gcc", "ECU_TABLE_DEFAULT;\n", "ECU_TABLE_STANDARD(16, 16);\n")
    assert done.returncode != 0
    assert "multiple definition of `ecu_resource_table'" in done.stderr


@pytest.mark.parametrize("cpu", ["cortex-m4", "cortex-r5"])
def test_a_firmware_table_names_the_trace_array(tmp_path: Path, cpu: str) -> None:
    source = tmp_path / "firmware.c"
    source.write_text(
        f"{INCLUDE}static char text[0x400];\nECU_TABLE_FIRMWARE(16, 16, text);\n"
        "void start(void);\nvoid start(void) { text[0] = 1; }\n"
    )
    program = tmp_path / "firmware.elf"
    options = [f"-mcpu={cpu}", "-O1", "-ffreestanding", "-nostdlib", "-Wl,-e,start", "-Wl,-Ttext=0x1000"]
    command = ["arm-none-eabi-gcc", *WARNINGS, *options, str(source), "-o", str(program)]
    subprocess.run(command, check=True)
    image = ElfImage.parse(program.read_bytes())
    table = table_of(image)
    check_table(table)
    trace, vdev = parse(table).entries
    assert isinstance(trace, Trace)
    assert isinstance(vdev, Vdev)
    assert len(table) == 140
    assert trace.size == 0x400
    assert any(segment.vaddr <= trace.da < segment.vaddr + segment.memsz for segment in image.segments)
