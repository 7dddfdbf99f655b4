# SPDX-License-Identifier: Apache-2.0
"""The kinds of core that the contract is tested for, with real ECUs compiled from C.

Importable by name, since checks that end their host run in another interpreter.
"""

import shutil
import subprocess
from pathlib import Path

import cores
from rproc.core import Core

ROOT = Path(__file__).parents[2]
ECUS = Path(__file__).parent / "ecus"

KINDS = ("process", "strict", "library", "python", "python-process")
_BEHAVIOURS = ("echo", "refuse", "hang_boot", "hang_stop")
_CLASSES = {"echo": "Echo", "refuse": "Refuse", "hang_boot": "HangBoot", "hang_stop": "HangStop"}
_COMPILE = ("-std=gnu11", "-g", "-O1", "-fPIC", "-fvisibility=hidden", "-Wno-stringop-overread")


def make_core(kind: str, folder: Path, behaviour: str) -> tuple[Core, str, Path]:
    """Return a core of a kind and its firmware with a behaviour, which lies in ``folder``."""
    if kind == "library":
        return cores.create("library"), f"lib{behaviour}.so", folder
    if kind == "python":
        return cores.create("python"), f"behave.py:{_CLASSES[behaviour]}", ECUS
    if kind == "python-process":
        return cores.create("python", process=True), f"behave.py:{_CLASSES[behaviour]}", ECUS
    isolation = "strict" if kind == "strict" else "normal"
    return cores.create("process", isolation=isolation), behaviour, folder


def strict_is_possible() -> bool:
    """Whether this system lets a process make the namespaces of strict isolation."""
    tried = subprocess.run(["unshare", "-Urpmn", "--fork", "true"], capture_output=True, check=False)
    return tried.returncode == 0


def _gcc(*arguments: str | Path) -> None:
    include = ROOT / "sdk" / "include"
    subprocess.run([_compiler(), *_COMPILE, f"-I{include}", *map(str, arguments)], check=True)


def _compiler() -> str:
    found = shutil.which("gcc") or shutil.which("cc")
    if found is None:
        raise FileNotFoundError("these tests need a C compiler")
    return found


def build_ecus(folder: Path) -> None:
    """Compile the ECUs into ``folder``, each once as a library and once as a program."""
    sdk = ROOT / "sdk"
    sources = [*sorted((sdk / "src").glob("*.c")), *sorted((sdk / "posix").glob("*.c"))]
    objects = folder / "sdk"
    objects.mkdir()
    for source in sources:
        _gcc("-c", source, "-o", objects / f"{source.stem}.o", f"-I{sdk / 'posix'}")
    plain = [objects / f"{source.stem}.o" for source in sources if source.parent.name == "src"]
    posix = [objects / f"{source.stem}.o" for source in sources if source.parent.name == "posix"]
    for behaviour in (*_BEHAVIOURS, "exit_boot", "segfault_boot"):
        _ecu(folder, behaviour, (f'-DBEHAVIOUR="{behaviour}"',), plain, posix)
    _ecu(folder, "wrong_abi", ("-DWRONG_ABI",), plain, posix)
    _library(folder, "no_symbol", ("-DNO_SYMBOL",), plain)
    _gcc(ECUS / "liar.c", "-o", folder / "liar")


def _library(folder: Path, name: str, options: tuple[str, ...], plain: list[Path]) -> None:
    output = folder / f"lib{name}.so"
    _gcc("-shared", "-Wl,-Bsymbolic", *options, ECUS / "behave.c", *plain, "-o", output)


def _ecu(folder: Path, name: str, options: tuple[str, ...], plain: list[Path], posix: list[Path]) -> None:
    _library(folder, name, options, plain)
    _gcc("-pie", *options, ECUS / "behave.c", *plain, *posix, "-lpthread", "-o", folder / name)
