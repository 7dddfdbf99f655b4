# SPDX-License-Identifier: Apache-2.0
"""The programs of benchmarks/c, which measure without Python. They belong to a source tree; an installation
does without.
"""

import json
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rprochost.bench.case import Result, Role
from rprochost.bench.options import Options
from rprochost.bench.suite import Bench, Found, Suite

_ROOT = Path(__file__).resolve().parents[3]
#: What is run, and how it is called.
LIST = _ROOT / "benchmarks" / "c" / "programs.toml"
#: Seconds for one run.
_LIMIT = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """One program with its arguments, a case of the suite. Thread safety: immutable."""

    id: str
    title: str
    command: tuple[str, ...]
    role: Role = "ours"


def programs() -> list[Program]:
    """Return what the source tree lists, nothing outside of one; TypeError for a list that is none.

    Thread safety: any thread.
    """
    if not LIST.exists():
        return []
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))["program"]
    return [Program(**{**entry, "command": tuple(entry["command"])}) for entry in entries]


def folder(options: Options) -> Path:
    """Return where the programs are built: what the options say, else this source tree's place for them.

    Thread safety: any thread.
    """
    return options.programs or _ROOT / "build" / "benchmarks"


def run_once(command: list[str]) -> dict[str, Any]:
    """Run a program and return the last object it prints; RuntimeError with what it said when it fails.

    Thread safety: any thread.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LIMIT)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _add(result: Result, found: dict[str, Any]) -> None:
    """Take over one run; what is no time describes the case."""
    values = dict(found)
    result.values_ns.append(float(values.pop("ns_per_message")))
    result.num += int(values.pop("messages"))
    result.params = values


def run(bench: Bench) -> Found:
    """Run every program once a round. Thread safety: none; the caller serialises."""
    place, known = folder(bench.options), programs()
    if not known:
        return Found(left_out=["the C programs belong to the source tree"])
    present = [program for program in known if (place / program.command[0]).exists()]
    missing = sorted({one.command[0] for one in known} - {one.command[0] for one in present})
    results = {program.id: Result(program.id, program.title, program.role, {}) for program in present}
    for _ in range(bench.options.rounds):
        for program in present:
            bench.progress(program.title)
            _add(results[program.id], run_once([str(place / program.command[0]), *program.command[1:]]))
    return Found(list(results.values()), left_out=[f"{name}: not built" for name in missing])


SUITE = Suite("programs", "the C programs of the source tree, without Python", run)
