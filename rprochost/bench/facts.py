# SPDX-License-Identifier: Apache-2.0
"""What a result has to say about the machine it comes from: without it a figure means nothing elsewhere."""

import os
import platform
import sys
import timeit
from importlib import metadata
from pathlib import Path
from typing import Any

from rprochost._native import ffi, lib

#: Packages whose version can change a figure.
_PACKAGES = ("rprochost", "cffi", "numpy", "pyzmq", "iceoryx2", "PySide6-Essentials", "matplotlib")
_CPU = Path("/sys/devices/system/cpu")


def _read(path: Path) -> str:
    """Return a small file's text, "" when there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _cpu_info() -> dict[str, str]:
    """Return the first processor's lines of /proc/cpuinfo."""
    first = _read(Path("/proc/cpuinfo")).split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _native_call_ns() -> float:
    """Return what a call from Python into C costs that does nothing, the best of a few times."""
    loops, repeats = 10_000, 5
    return min(timeit.repeat(lib.rp_nothing, number=loops, repeat=repeats)) / loops * 1e9


def _compiler() -> str:
    name: Any = ffi.string(lib.rp_compiler())
    return str(name, "ascii")


def machine_facts() -> dict[str, Any]:
    """Return what describes this machine, this build and this moment; "" for what cannot be found out.

    Thread safety: any thread.
    """
    info = _cpu_info()
    return {
        "cpu": info.get("model name") or info.get("CPU part", ""),
        "cpus": os.cpu_count() or 0,
        "cpus_allowed": sorted(os.sched_getaffinity(0)),
        "mhz": info.get("cpu MHz", ""),
        "virtual": "hypervisor" in info.get("flags", ""),
        "threads_per_core": len(_read(_CPU / "cpu0/topology/thread_siblings_list").split(",")),
        "governor": _read(_CPU / "cpu0/cpufreq/scaling_governor"),
        "idle_driver": _read(_CPU / "cpuidle/current_driver"),
        "clock": _read(Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")),
        "clock_cost_ns": int(lib.rp_clock_cost_ns()),
        "native_call_ns": round(_native_call_ns()),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "compiler": _compiler(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "switch_interval_s": sys.getswitchinterval(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "load": [round(load, 2) for load in os.getloadavg()],
    }
