# SPDX-License-Identifier: Apache-2.0
"""The installed CMake package: what an ECU author's own project gets from find_package(ecusdk)."""

import shutil
import subprocess
from pathlib import Path

import pytest
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

import _rproc

SDK = Path(_rproc.__file__).parent / "ecusdk"
GC_SECTIONS = (
    "-DCMAKE_C_FLAGS=-ffunction-sections -fdata-sections",
    "-DCMAKE_SHARED_LINKER_FLAGS=-Wl,--gc-sections",
    "-DCMAKE_EXE_LINKER_FLAGS=-Wl,--gc-sections",
)


def write_project(folder: Path, arguments: str, **sources: str) -> None:
    """Write a project with the echo example's source, other sources and one ecusdk_add_ecu(door …)."""
    shutil.copy(SDK / "examples" / "echo" / "echo.c", folder)
    for name, text in sources.items():
        (folder / f"{name}.c").write_text(text, encoding="utf-8")
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\n"
        "project(door LANGUAGES C)\n"
        "find_package(ecusdk REQUIRED)\n"
        f"ecusdk_add_ecu(door {arguments})\n",
        encoding="utf-8",
    )


def cmake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Configure and build the project in folder/build; return the first step that failed, or the last."""
    steps = (
        [
            "cmake",
            "-S",
            str(folder),
            "-B",
            str(folder / "build"),
            f"-Decusdk_DIR={SDK / 'cmake'}",
            *arguments,
        ],
        ["cmake", "--build", str(folder / "build")],
    )
    for step in steps:
        result = subprocess.run(
            step, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=100
        )
        if result.returncode != 0:
            break
    return result


def exported(file: Path, table: str) -> set[str]:
    """Return the names of the symbols that an ELF file defines in one of its symbol tables."""
    with file.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(table)
        assert isinstance(section, SymbolTableSection)
        return {symbol.name for symbol in section.iter_symbols() if symbol["st_shndx"] != "SHN_UNDEF"}


def test_both_kinds_keep_the_resource_table_though_sections_are_collected(tmp_path: Path) -> None:
    write_project(tmp_path, "SOURCES echo.c")
    result = cmake(tmp_path, *GC_SECTIONS)
    assert result.returncode == 0, result.stdout
    for name in ("libdoor.so", "door"):
        with (tmp_path / "build" / name).open("rb") as stream:
            elf = ELFFile(stream)
            table = elf.get_section_by_name(".resource_table")
            assert table is not None
            assert elf["e_type"] == "ET_DYN"
            assert table["sh_size"] > 16
            assert table["sh_flags"] & SH_FLAGS.SHF_ALLOC


def test_a_library_exports_the_abi_function_and_nothing_of_the_sdk(tmp_path: Path) -> None:
    write_project(tmp_path, "SOURCES echo.c KINDS library")
    result = cmake(tmp_path)
    assert result.returncode == 0, result.stdout
    names = exported(tmp_path / "build" / "libdoor.so", ".dynsym")
    assert {name for name in names if name.startswith("ecu")} == {"ecu_get_ops"}
    assert not (tmp_path / "build" / "door").exists()


def test_a_program_may_bring_its_own_main(tmp_path: Path) -> None:
    own_main = "int main(void)\n{\n    return 42;\n}\n"
    write_project(tmp_path, "SOURCES echo.c own_main.c KINDS process", own_main=own_main)
    result = cmake(tmp_path)
    assert result.returncode == 0, result.stdout
    assert subprocess.run([tmp_path / "build" / "door"], check=False, timeout=20).returncode == 42


@pytest.mark.parametrize("kind", ["library", "process"])
def test_an_image_larger_than_its_carveout_fails_the_link(tmp_path: Path, kind: str) -> None:
    large = "char large[1 << 20];\n"
    write_project(tmp_path, f"SOURCES echo.c large.c KINDS {kind}", large=large)
    result = cmake(tmp_path)
    assert result.returncode != 0
    assert "ECU too large: the carve-out image in its resource table has 1 MiB" in result.stdout


@pytest.mark.parametrize("kind", ["library", "process"])
def test_an_ecu_without_resource_table_fails_the_link(tmp_path: Path, kind: str) -> None:
    bare = "int ecu_get_ops(int abi);\nint ecu_get_ops(int abi)\n{\n    return abi;\n}\n"
    write_project(tmp_path, f"SOURCES bare.c KINDS {kind}", bare=bare)
    result = cmake(tmp_path)
    assert result.returncode != 0
    assert ".resource_table" in result.stdout


def test_an_unknown_kind_is_refused_by_name(tmp_path: Path) -> None:
    write_project(tmp_path, "SOURCES echo.c KINDS libary")
    result = cmake(tmp_path)
    assert result.returncode != 0
    assert 'no kind "libary"' in result.stdout
