# SPDX-License-Identifier: Apache-2.0
"""The wheel without a compiled part, which is what `pip install` makes away from Linux: it lints firmware."""

import json
import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from resource_tables import ADDR_ANY, Carveout, ResourceTable, Vdev, Vring, elf_image
from rprochost.cli.common import Verb
from rprochost.cli.rpmsg_verbs import VERBS as RPMSG_VERBS
from rprochost.cli.rproc_verbs import verbs_for

ROOT = Path(__file__).resolve().parents[2]
VERBS = [("rproc", one) for one in verbs_for(())] + [("rpmsg", one) for one in RPMSG_VERBS]
NEEDS_LINUX = [(tool, one) for tool, one in VERBS if isinstance(one, Verb) and not one.portable]

#: What Python has on Linux and not on Windows, as far as a command line could ever come near it.
HIDE = """
import os, signal, sys
for module in ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"):
    sys.modules[module] = None
for name in ("SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGURG", "SIGUSR1"):
    delattr(signal, name)
for name in ("alarm", "pthread_kill", "pthread_sigmask", "setitimer", "sigwait"):
    delattr(signal, name)
for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "eventfd", "fchmod", "fork", "geteuid", "getuid",
             "memfd_create", "mkfifo", "openpty", "sched_getaffinity", "sysconf", "uname"):
    delattr(os, name)
from rprochost.cli import main
sys.exit(main())
"""


def run(*command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command that knows nothing of this environment."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PIP_"))}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=110, cwd="/", env={**kept, **env}
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel once, as it would be built where there is no Linux."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--no-build-isolation", "--no-deps", "-w", folder)
    result = run(sys.executable, "-m", "pip", "wheel", *options, ROOT, RPROC_PURE_PYTHON="1")
    assert result.returncode == 0, result.stdout + result.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment in which the wheel is all there is."""
    folder = tmp_path_factory.mktemp("venv")
    made = run(sys.executable, "-m", "venv", folder)
    assert made.returncode == 0, made.stderr
    # Its requirements are for Linux, so what is missing here is missing there.
    options = ("--no-deps", "--no-index", "--disable-pip-version-check")
    result = run(folder / "bin" / "python", "-m", "pip", "install", *options, wheel)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "bin"


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    """A small image with a table."""
    ring = Vring(num=16, align=16, da=ADDR_ANY)
    table = ResourceTable(
        (
            Carveout(name="code", da=0x10000000, size=0x40000, flags=3),
            Vdev(id=7, dfeatures=1, vrings=(ring, Vring(num=16, align=16, notifyid=1))),
        )
    )
    file = tmp_path / "fw.elf"
    file.write_bytes(elf_image(table, elf_class=32, machine=40, table_addr=0x10000000, e_type=2))
    return file


def test_it_is_one_wheel_for_every_system(wheel: Path) -> None:
    assert wheel.name == "rprochost-0.1.0-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if name.endswith((".so", ".a", ".c", ".h"))] == []
    assert {"resource_tables/lint/validator.py", "resource_tables/lint/profiles/linux-6.12.toml"} <= set(
        names
    )
    assert {"ecusdk/cmake/ecusdkConfig.cmake", "ecusdk/cmake/rproc_lint.cmake"} <= set(names)


def test_away_from_linux_it_requires_nothing(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    metadata = archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))).decode()
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: ")]
    assert required
    assert [
        line for line in required if 'sys_platform == "linux"' not in line and "extra ==" not in line
    ] == []


def test_it_lints_firmware_and_shows_tables(bin_folder: Path, firmware: Path) -> None:
    said = run(bin_folder / "rproc", "lint", "--json", firmware)
    assert (said.returncode, said.stderr) == (0, "")
    (file,) = json.loads(said.stdout)["files"]
    assert (file["verdict"], file["profile"]) == ("accepted", "linux-6.12")
    shown = run(bin_folder / "rproc", "table", "show", firmware)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "code" in shown.stdout
    assert run(bin_folder / "rproc", "lint", bin_folder / "rproc").returncode == 1


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "github"])
def test_every_report_is_made_with_what_windows_has(bin_folder: Path, firmware: Path, form: str) -> None:
    report = firmware.with_suffix(f".{form}")
    command = (bin_folder / "python", "-c", HIDE, "lint", "--format", form, "-o", report, firmware)
    said = run(*command)
    assert (said.returncode, said.stderr) == (0, "")
    assert "fw.elf" in report.read_text(encoding="utf-8") or form in ("sarif", "github")


def test_tables_are_shown_with_what_windows_has(bin_folder: Path, firmware: Path) -> None:
    said = run(bin_folder / "python", "-c", HIDE, "table", "show", firmware)
    assert (said.returncode, said.stderr) == (0, "")
    assert "code" in said.stdout


def test_errors_are_told_with_what_windows_has(bin_folder: Path, tmp_path: Path) -> None:
    said = run(bin_folder / "python", "-c", HIDE, "table", "show", tmp_path / "none\x1b.elf")
    assert said.returncode == 1
    assert said.stderr.startswith("rproc: ")
    assert r"none\x1b.elf" in said.stderr
    assert run(bin_folder / "python", "-c", HIDE, "lint").returncode == 2
    assert run(bin_folder / "python", "-c", HIDE, "--help").returncode == 0


def _example(tool: str, verb: Verb) -> list[str]:
    """The words after the verb in one of its examples."""
    head = f"{tool} {verb.name} "
    lines = [line.removeprefix(head) for line in verb.examples.splitlines() if line.startswith(head)]
    return shlex.split(lines[0]) if lines else []


@pytest.mark.parametrize(
    ("tool", "verb"), NEEDS_LINUX, ids=[f"{tool}-{verb.name}" for tool, verb in NEEDS_LINUX]
)
def test_every_other_verb_says_that_it_needs_linux(bin_folder: Path, tool: str, verb: Verb) -> None:
    said = run(bin_folder / tool, verb.name, *_example(tool, verb))
    assert said.returncode == 1
    lines = said.stderr.splitlines()
    assert lines[0] == f"{tool}: {tool} {verb.name} needs Linux: this installation has no compiled part"
    assert any("rproc lint and rproc table work here" in line for line in lines[1:])


def test_without_its_libraries_the_cmake_package_is_for_linting_only(
    bin_folder: Path, tmp_path: Path
) -> None:
    (package,) = bin_folder.parent.glob("lib/python3*/site-packages/ecusdk/cmake")
    for components, code in (("COMPONENTS lint", 0), ("", 1)):
        (tmp_path / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(fw NONE)\n"
            f"find_package(ecusdk REQUIRED {components})\n"
        )
        build = tmp_path / f"build{code}"
        said = run("cmake", "-S", tmp_path, "-B", build, f"-Decusdk_DIR={package}")
        assert said.returncode == code, said.stderr
    assert "COMPONENTS lint" in said.stderr
