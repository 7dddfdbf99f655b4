# SPDX-License-Identifier: Apache-2.0
"""Library cores: private copies, and errors of loading that say what to do."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from cores import CoreAbandonedError, CoreFirmwareError
from cores.library import LibraryCore, sealed_copy
from tests.cores.conftest import MakeBench
from tests.cores.kinds import ECUS, ROOT


def compile_library(folder: Path, source: str, *options: str) -> None:
    """Compile an ECU of which only the table and the ABI symbol matter, as libecu.so."""
    text = f"""
        #include <ecusdk/ecu.h>
        #include <ecusdk/resource_table.h>
        ECU_TABLE_DEFAULT;
        {source}
        const struct ecu_ops *ecu_get_ops(uint32_t abi) {{ (void)abi; return 0; }}
    """
    (folder / "ecu.c").write_text(text)
    command = [
        "gcc",
        "-std=gnu11",
        "-shared",
        "-fPIC",
        f"-I{ROOT / 'sdk' / 'include'}",
        str(folder / "ecu.c"),
    ]
    subprocess.run([*command, "-o", str(folder / "libecu.so"), *options], check=True)


def load(bench: MakeBench, firmware: str, folder: Path) -> CoreFirmwareError:
    """Boot a library that cannot be loaded and return the error."""
    with pytest.raises(CoreFirmwareError) as caught:
        bench(LibraryCore(), firmware, folder).remote.boot()
    return caught.value


def test_copy_cannot_be_changed(ecus: Path) -> None:
    """Write-sealed, whatever the descriptor says."""
    fd = sealed_copy((ecus / "libecho.so").read_bytes(), "echo")
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
        assert seals & fcntl.F_SEAL_WRITE
        assert seals & fcntl.F_SEAL_SHRINK
        with pytest.raises(PermissionError):
            os.pwrite(fd, b"x", 0)
    finally:
        os.close(fd)


def test_other_abi_names_both_numbers(bench: MakeBench, ecus: Path) -> None:
    """The library's and the host's."""
    error = load(bench, "libwrong_abi.so", ecus)
    assert "ABI 7.2" in str(error)
    assert "host has 1.0" in str(error)


def test_library_that_refuses_the_abi(bench: MakeBench, tmp_path: Path) -> None:
    """ecu_get_ops may return nothing for a host that it does not serve."""
    compile_library(tmp_path, "")
    assert "ABI another" in str(load(bench, "libecu.so", tmp_path))


def test_missing_symbol_is_named(bench: MakeBench, ecus: Path) -> None:
    """A library that is no ECU."""
    error = load(bench, "libno_symbol.so", ecus)
    assert "ecu_get_ops" in str(error)
    assert "visibility" in error.hint


def test_program_as_library_names_the_right_kind(bench: MakeBench, ecus: Path) -> None:
    """A program is no shared library."""
    assert 'kind = "process"' in load(bench, "echo", ecus).hint


def test_missing_needed_library_is_named(bench: MakeBench, tmp_path: Path) -> None:
    """With what to do about it."""
    (tmp_path / "other.c").write_text("int other(void) { return 1; }")
    other = str(tmp_path / "libother_of_test.so")
    subprocess.run(["gcc", "-shared", "-fPIC", str(tmp_path / "other.c"), "-o", other], check=True)
    compile_library(tmp_path, "int other(void); int use(void) { return other(); }", other)
    Path(other).unlink()
    error = load(bench, "libecu.so", tmp_path)
    assert "libother_of_test.so" in str(error)
    assert "DT_NEEDED" in error.hint


def test_origin_in_the_run_path_is_explained(bench: MakeBench, tmp_path: Path) -> None:
    """A private copy has another folder than the file."""
    (tmp_path / "other.c").write_text("int other(void) { return 1; }")
    command = ["gcc", "-shared", "-fPIC", str(tmp_path / "other.c"), "-o", str(tmp_path / "libnear.so")]
    subprocess.run(command, check=True)
    options = (f"-L{tmp_path}", "-lnear", "-Wl,-rpath,$ORIGIN")
    compile_library(tmp_path, "int other(void); int use(void) { return other(); }", *options)
    assert "$ORIGIN" in load(bench, "libecu.so", tmp_path).hint


def test_static_tls_is_explained(bench: MakeBench, tmp_path: Path) -> None:
    """A library that wants more of it than a running program has left."""
    model = '__attribute__((tls_model("initial-exec")))'
    compile_library(tmp_path, f"__thread char big[1 << 20] {model}; char *use(void) {{ return big; }}")
    error = load(bench, "libecu.so", tmp_path)
    assert "static TLS" in str(error)
    assert "-ftls-model" in error.hint


def test_undefined_symbol_is_explained(bench: MakeBench, tmp_path: Path) -> None:
    """Told at boot, not at the first call."""
    compile_library(tmp_path, "int nobody_has_this(void); int use(void) { return nobody_has_this(); }")
    assert "-z,defs" in load(bench, "libecu.so", tmp_path).hint


def test_no_elf_is_refused_before_it_is_loaded(bench: MakeBench) -> None:
    """By the loader's checks, as every other firmware."""
    with pytest.raises(OSError, match=r"(?i)elf|small|corrupt|magic"):
        bench(LibraryCore(), "behave.py", ECUS).remote.boot()


def test_abandoned_core_is_counted_and_nothing_of_it_is_reused(bench: MakeBench, ecus: Path) -> None:
    """The thread stays, and the next boot of the same file has a copy of its own."""
    before = LibraryCore.abandoned
    with pytest.raises(CoreAbandonedError) as caught:
        bench(LibraryCore(), "libhang_boot.so", ecus, timeout=0.2).remote.boot()
    assert 'kind = "process"' in caught.value.hint
    assert LibraryCore.abandoned == before + 1
    bench(LibraryCore(), "libecho.so", ecus).remote.boot()


def test_cores_are_loaded_again_and_again(bench: MakeBench, ecus: Path) -> None:
    """No mapping and no descriptor of a copy stays after the stop."""
    # Copies of cores that an earlier test abandoned are still there.
    before = Path("/proc/self/maps").read_text().count("rproc-copy")
    running = bench(LibraryCore(), "libecho.so", ecus)
    for _ in range(5):
        running.remote.boot()
        running.remote.shutdown()
    assert Path("/proc/self/maps").read_text().count("rproc-copy") == before
