# SPDX-License-Identifier: Apache-2.0
"""rproc_lint() of the installed CMake package, in the build of a firmware for another processor."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import _rproc

PACKAGE = Path(_rproc.__file__).parent / "ecusdk" / "cmake"

#: A vdev for rpmsg with two rings of NUM descriptors anywhere, as words.
SOURCE = """
__attribute__((section(".resource_table"), used)) unsigned table[] = {
    1, 1, 0, 0, 20,
    3, 7, 31, 1, 0, 0, 2 << 8,
    ~0u, 16, NUM, 0, 0,
    ~0u, 16, 16, 1, 0,
};
int main(void)
{
    for (;;) {
    }
}
"""
TOOLCHAIN = """
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_FIND_ROOT_PATH ${CMAKE_CURRENT_LIST_DIR}/target)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
"""
MAP = '[[region]]\nname = "sram"\nda = {da:#x}\nsize = 0x40000\nkind = "ram"\n'


def write_firmware(folder: Path, lint: str, num: int = 16, package: str = "COMPONENTS lint") -> None:
    """Write a firmware project whose CMakeLists.txt ends with the line ``lint``."""
    (folder / "fw.c").write_text(SOURCE.replace("NUM", str(num)), encoding="utf-8")
    (folder / "toolchain.cmake").write_text(TOOLCHAIN, encoding="utf-8")
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\n"
        "project(fw LANGUAGES C)\n"
        f"find_package(ecusdk REQUIRED {package})\n"
        "add_executable(fw.elf fw.c)\n"
        "target_link_options(fw.elf PRIVATE -nostdlib -Wl,-Ttext=0x10000000 -Wl,-emain)\n"
        f"{lint}\n",
        encoding="utf-8",
    )


def run(*command: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it said on both outputs."""
    env = os.environ | ({} if path is None else {"PATH": path})
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
        env=env,
    )


def configure(folder: Path, *options: str, package: Path = PACKAGE) -> subprocess.CompletedProcess[str]:
    """Configure the project; no rproc is in PATH, as in a build that knows nothing of Python."""
    tools = ("cmake", "ninja", "make", "arm-none-eabi-gcc")
    path = os.pathsep.join(dict.fromkeys(str(Path(shutil.which(tool) or tool).parent) for tool in tools))
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={folder / 'toolchain.cmake'}"
    command = ("cmake", "-S", str(folder), "-B", str(folder / "build"), f"-Decusdk_DIR={package}", toolchain)
    return run(*command, *options, path=path)


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build what is configured."""
    return run("cmake", "--build", str(folder / "build"))


def test_a_firmware_without_findings_builds(tmp_path: Path) -> None:
    write_firmware(tmp_path, "rproc_lint(fw.elf)")
    configured = configure(tmp_path)
    assert configured.returncode == 0, configured.stdout
    result = build(tmp_path)
    assert result.returncode == 0, result.stdout
    assert f"{tmp_path / 'build' / 'fw.elf'}: accepted (profile linux-6.12" in result.stdout


@pytest.mark.parametrize("generator", ["Ninja", "Unix Makefiles"])
def test_findings_fail_the_build_and_the_next_build(tmp_path: Path, generator: str) -> None:
    write_firmware(tmp_path, "rproc_lint(fw.elf)", num=0)
    assert configure(tmp_path, "-G", generator).returncode == 0
    for _ in range(2):
        result = build(tmp_path)
        assert result.returncode != 0
        assert "error V55" in result.stdout, result.stdout
    write_firmware(tmp_path, "rproc_lint(fw.elf)")
    assert build(tmp_path).returncode == 0


def test_options_go_to_the_linter(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('base = "linux-6.12"\n[severity]\nV55 = "warning"\n')
    write_firmware(tmp_path, "rproc_lint(fw.elf PROFILE openamp mine.toml FAIL_ON warning)", num=0)
    assert configure(tmp_path).returncode == 0
    result = build(tmp_path)
    assert result.returncode != 0
    assert "(profile openamp)" in result.stdout
    assert "(profile mine)" in result.stdout
    assert "warning V55" in result.stdout


def test_a_changed_memory_map_is_looked_at_again(tmp_path: Path) -> None:
    board = tmp_path / "board.toml"
    board.write_text(MAP.format(da=0x10000000))
    write_firmware(tmp_path, "rproc_lint(fw.elf MEMORY_MAP board.toml)")
    assert configure(tmp_path).returncode == 0
    first = build(tmp_path)
    assert first.returncode == 0, first.stdout
    assert "accepted" not in build(tmp_path).stdout
    board.write_text(MAP.format(da=0x70000000))
    result = build(tmp_path)
    assert result.returncode != 0
    assert "error X06" in result.stdout


def test_the_lint_component_brings_nothing_else(tmp_path: Path) -> None:
    write_firmware(
        tmp_path, "if(TARGET ecusdk::ecusdk OR TARGET Threads::Threads)\nmessage(FATAL_ERROR no)\nendif()"
    )
    result = configure(tmp_path)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "lint",
    [
        "rproc_lint()",
        "rproc_lint(nobody)",
        "rproc_lint(fw.elf PROFIL linux-6.1)",
        "rproc_lint(fw.elf MEMORY_MAP)",
        "rproc_lint(fw.elf MEMORY_MAP a.toml DTB b.dtb)",
    ],
)
def test_wrong_use_fails_the_configuration(tmp_path: Path, lint: str) -> None:
    write_firmware(tmp_path, lint)
    result = configure(tmp_path)
    assert result.returncode != 0
    assert "usage: rproc_lint(TARGET" in " ".join(result.stdout.split()), result.stdout


def test_without_rproc_the_configuration_says_what_to_set(tmp_path: Path) -> None:
    write_firmware(tmp_path, "rproc_lint(fw.elf)")
    alone = tmp_path / "a" / "b" / "c" / "d" / "e" / "cmake"
    shutil.copytree(PACKAGE, alone)
    result = configure(tmp_path, package=alone)
    assert result.returncode != 0
    assert "no command rproc, set RPROC_EXECUTABLE or PATH" in " ".join(result.stdout.split())
    shutil.rmtree(tmp_path / "build")
    found = shutil.which("rproc") or str(PACKAGE.parents[4] / "bin" / "rproc")
    assert configure(tmp_path, f"-DRPROC_EXECUTABLE={found}", package=alone).returncode == 0
    assert build(tmp_path).returncode == 0


def test_an_ecu_of_the_whole_package_can_be_linted_too(tmp_path: Path) -> None:
    shutil.copy(PACKAGE.parent / "examples" / "echo" / "echo.c", tmp_path)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\n"
        "project(door LANGUAGES C)\n"
        "find_package(ecusdk REQUIRED)\n"
        "ecusdk_add_ecu(door SOURCES echo.c)\n"
        "rproc_lint(door_library FAIL_ON warning)\n"
        "rproc_lint(door_process FAIL_ON warning)\n",
        encoding="utf-8",
    )
    command = ("cmake", "-S", str(tmp_path), "-B", str(tmp_path / "build"), f"-Decusdk_DIR={PACKAGE}")
    assert run(*command).returncode == 0
    result = build(tmp_path)
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("accepted (profile ecu-host") == 2
