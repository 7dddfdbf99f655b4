# SPDX-License-Identifier: Apache-2.0
"""Make the environment in `.venv/` and the build in `build/` current.

Runs with the system's Python, before anything is installed: standard library only.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BUILD = ROOT / "build"
PYTHON = VENV / "bin" / "python"
LEVELS = ("build", "test", "check")


def run(*command: str | Path) -> None:
    """Run a command in the project's folder with the environment's programs first; exit when it fails."""
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(command, cwd=ROOT, env=os.environ | {"PATH": path}, check=False)
    if result.returncode != 0:
        sys.exit(f"setup: failed ({result.returncode}): {' '.join(map(str, command))}")


def requirements(project: dict[str, Any], group: str) -> list[str]:
    """Return the requirements of a dependency group, since pip reads groups only from release 25.1 on."""
    found: list[str] = []
    for entry in project["dependency-groups"][group]:
        found += requirements(project, entry["include-group"]) if isinstance(entry, dict) else [entry]
    return found


def fingerprint(parts: list[str]) -> str:
    """Return what an installation depends on, as one word: the parts, the interpreter and the place."""
    text = "\n".join([*parts, sys.version, str(ROOT)])
    return hashlib.sha256(text.encode()).hexdigest()


def once(stamp: Path, value: str) -> bool:
    """Return whether the stamp file still says value."""
    return stamp.exists() and stamp.read_text(encoding="utf-8") == value


def install(level: str) -> None:
    """Install what the level needs, if its list changed, and the project itself, if its metadata changed."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)
    wanted = project["project"]["dependencies"]
    for name in LEVELS[: LEVELS.index(level) + 1]:
        wanted = wanted + requirements(project, name)
    pip = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")

    stamp = VENV / f"{level}.stamp"
    value = fingerprint(wanted)
    if not once(stamp, value):
        print(
            f"setup: installing Python packages for make {'demo' if level == 'build' else level}", flush=True
        )
        run(*pip, *dict.fromkeys(wanted))
        stamp.write_text(value, encoding="utf-8")

    # The editable install knows the top-level packages by name, so a new one needs another.
    packages = project["tool"]["scikit-build"]["wheel"]["packages"]
    stamp = VENV / "project.stamp"
    value = fingerprint([text, *(name for name in packages if (ROOT / name / "__init__.py").exists())])
    if not (once(stamp, value) and (BUILD / "CMakeCache.txt").exists()):
        print("setup: building the project", flush=True)
        run(*pip, "--no-build-isolation", "--no-deps", "--editable", ROOT)
        stamp.write_text(value, encoding="utf-8")


def build() -> None:
    """Compile what changed since, and put the extension and the SDK where the environment looks for them."""
    site = next((VENV / "lib").glob("python3*")) / "site-packages"
    run("cmake", "--build", BUILD, "--", "--quiet")
    log = BUILD / "install.log"
    run("sh", "-c", f"cmake --install {BUILD} --prefix {site} >{log} || {{ cat {log}; exit 1; }}")


def main(arguments: list[str]) -> int:
    """Make everything current for the level named in the arguments."""
    level = arguments[0] if arguments else "build"
    if level not in LEVELS:
        sys.exit(f"setup: no level {level!r}, know {', '.join(LEVELS)}")
    with Path(__file__).open(encoding="utf-8") as lock:
        # Two makes at the same time would build in one folder.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not PYTHON.exists():
            run(sys.executable, "-m", "venv", VENV)
        install(level)
        build()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
