# SPDX-License-Identifier: Apache-2.0
"""The wheel: what somebody gets who installs the project without a clone."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy
import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCH = ("bench", "bench_large", "libbench.so")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel once, with the tools of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-build-isolation",
        "--no-deps",
        "-w",
        str(folder),
        str(ROOT),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    assert result.returncode == 0, result.stdout + result.stderr
    return next(folder.glob("*.whl"))


def test_one_wheel_serves_every_python_from_3_11_on(wheel: Path) -> None:
    assert wheel.name.startswith("rprochost-0.1.0-cp311-abi3-linux_")


def test_wheel_holds_the_rooms_the_extension_and_the_sdk(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert names >= {
        f"{room}/__init__.py"
        for room in ("virtio", "resource_tables", "rpmsg", "rproc", "cores", "rprochost")
    }
    assert names >= {
        "_rproc.abi3.so",
        "_rproc.pyi",
        "ecusdk/include/ecusdk/ecu.h",
        "ecusdk/lib/libecusdk.a",
        "ecusdk/lib/libecusdk_posix.a",
        "ecusdk/src/vring.c",
        "ecusdk/posix/main.c",
        "ecusdk/cmake/ecusdkConfig.cmake",
        "ecusdk/cmake/ecusdkTargets.cmake",
        "ecusdk/examples/echo/echo.c",
    }


def test_wheel_holds_the_ecu_that_is_measured_ready_to_run(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    modes = {name: archive.getinfo(f"ecusdk/bench/{name}").external_attr >> 16 for name in BENCH}
    assert [name for name, mode in modes.items() if name != "libbench.so" and not mode & 0o100] == []


def test_wheel_holds_no_test_and_no_host_c(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    host_c = [name for name in names if name.endswith((".c", ".h")) and not name.startswith("ecusdk/")]
    assert host_c == []
    assert [name for name in names if name.startswith(("tests/", "benchmarks/", "tools/"))] == []


def test_extension_of_the_wheel_loads_in_an_interpreter_without_the_clone(
    wheel: Path, tmp_path: Path
) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    dependencies = Path(numpy.__file__).parents[1]
    # Without site no .pth file is read, so the editable install of this environment does not exist.
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(dependencies)!r}]\n"
        "import _rproc, virtio\n"
        "print(_rproc.__file__, virtio.__file__)"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert all(Path(name).is_relative_to(tmp_path) for name in result.stdout.split())


def test_pytest_finds_the_plugin_of_the_wheel_and_has_nothing_to_warn_of(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "def test_it(machine):\n"
        "    pytest.fail('not reached')\n"
        "def test_place(pytestconfig):\n"
        "    plugin = pytestconfig.pluginmanager.get_plugin('rproc')\n"
        f"    assert plugin.__file__.startswith({str(tmp_path / 'site')!r})\n",
        encoding="utf-8",
    )
    dependencies = Path(numpy.__file__).parents[1]
    # As above: no .pth file, so no editable install.
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path / 'site')!r}, {str(dependencies)!r}]\n"
        "import pytest; sys.exit(pytest.main(['-W', 'error', '-p', 'no:cacheprovider', '-rA']))"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "PASSED test_it.py::test_place" in result.stdout, result.stdout + result.stderr
    assert "test_it.py:2: test_it: the fixtures machine and remoteproc need" in result.stdout
