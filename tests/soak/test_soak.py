# SPDX-License-Identifier: Apache-2.0
"""Boot, echo and stop, again and again: nothing may be left over.

RPROC_SOAK_CYCLES says how often (25 unless set; `make soak` takes 1000). What counts is what is there
after the last cycle and was not after the first ones, which fill caches and start what is started once.
"""

import ctypes
import gc
import logging
import mmap
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from rprochost import Machine
from rprochost.bench.echo import round_trips
from rprochost.demo.firmware import python_image
from rprochost.demo.leftovers import children
from rprochost.sdk import build_ecu, find_compiler, find_sdk

CYCLES = int(os.environ.get("RPROC_SOAK_CYCLES", "25"))
SETTLED = min(50, max(10, CYCLES // 4))
#: What a run of any length may add. A thousand cycles that leak one object each are seen, or three kilobytes,
#: and so is a leaked machine in the short form: it has thousands of objects.
SLACK = {
    "blocks": 500,
    # The interpreter's table of interned strings doubles in one step of up to two megabytes.
    "resident_bytes": 3 << 20,
    "anonymous_mappings": 4,
}
KINDS = ("library", "process", "python", "python-process")
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Footprint:
    """What this process holds. Thread safety: immutable."""

    descriptors: int
    named_mappings: int
    anonymous_mappings: int
    threads: int
    python_threads: int
    processes: int
    blocks: int  #: of Python's own allocator
    resident_bytes: int

    @classmethod
    def take(cls) -> "Footprint":
        """Look now, after a collection, and after the allocator has given back what nobody uses."""
        gc.collect()
        _LIBC.malloc_trim(0)
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
        named = sum("/" in line for line in maps)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            descriptors=len(list(Path("/proc/self/fd").iterdir())),
            named_mappings=named,
            anonymous_mappings=len(maps) - named,
            threads=len(list(Path("/proc/self/task").iterdir())),
            python_threads=threading.active_count(),
            processes=len(children()),
            blocks=sys.getallocatedblocks(),
            resident_bytes=pages * os.sysconf("SC_PAGE_SIZE"),
        )


@pytest.fixture(autouse=True)
def as_in_a_small_program() -> Iterator[None]:
    """Keep the test runner out of the figures.

    It keeps every log line for its report, and beside its many objects the garbage collector comes round so
    rarely that what waits for it swells the heap.
    """
    logging.disable()
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The echo ECU for each kind of core."""
    compiler = find_compiler()
    assert compiler is not None, "make soak needs a C compiler"
    folder = tmp_path_factory.mktemp("soak")
    source = find_sdk().examples / "echo" / "echo.c"
    build_ecu(compiler, [source], folder / "libecho.so", library=True)
    build_ecu(compiler, [source], folder / "echo", library=False)
    python = python_image().path
    return {
        "library": str(folder / "libecho.so"),
        "process": str(folder / "echo"),
        "python": python,
        "python-process": python,
    }


def _add(machine: Machine, kind: str, images: dict[str, str]) -> None:
    name, _, process = kind.partition("-")
    options = {"process": True} if process else {}
    # The log keeps 4096 lines by design: they shall not count as a leak while it fills.
    machine.add("core", kind=name, firmware=images[kind], log_level=0, **options)


def _cycle(kind: str, images: dict[str, str]) -> None:
    machine = Machine(name="soak")
    _add(machine, kind, images)
    with machine, machine.wait_channel("rpmsg-echo", timeout=20).open() as endpoint:
        endpoint.fileno()
        round_trips(endpoint, 64, 10, timeout=20)


def _restart(machine: Machine) -> None:
    core = machine["core"]
    core.start()
    with machine.wait_channel("rpmsg-echo", timeout=20).open() as endpoint:
        round_trips(endpoint, 64, 10, timeout=20)
    core.stop()


def _leftovers(early: Footprint, late: Footprint) -> dict[str, int]:
    """Return what there is more of, beyond the slack."""
    grown = {
        field.name: getattr(late, field.name) - getattr(early, field.name) - SLACK.get(field.name, 0)
        for field in fields(Footprint)
    }
    return {name: more for name, more in grown.items() if more > 0}


def _settled(early: Footprint) -> dict[str, int]:
    """What is left over once threads that have returned have vanished from /proc, too."""
    deadline = time.monotonic() + 10
    while (left := _leftovers(early, Footprint.take())) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_machines_leave_nothing_over(kind: str, images: dict[str, str]) -> None:
    for _ in range(SETTLED):
        _cycle(kind, images)
    early = Footprint.take()
    for _ in range(max(CYCLES - SETTLED, 1)):
        _cycle(kind, images)
    assert _settled(early) == {}


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_restarts_of_one_core_leave_nothing_over(kind: str, images: dict[str, str]) -> None:
    machine = Machine(name="soak")
    _add(machine, kind, images)
    with machine:
        machine["core"].stop()
        for _ in range(SETTLED):
            _restart(machine)
        early = Footprint.take()
        for _ in range(max(CYCLES - SETTLED, 1)):
            _restart(machine)
        assert _settled(early) == {}


@pytest.mark.soak
def test_a_leak_of_each_sort_would_be_seen() -> None:
    early = Footprint.take()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    objects = [object() for _ in range(2000)]
    memory = bytearray(os.urandom(4 << 20))
    descriptor = os.memfd_create("left-over")
    os.ftruncate(descriptor, 4096)
    mapping = mmap.mmap(descriptor, 4096)
    # Neighbours of different protection, which the kernel cannot merge into one.
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    protections = (mmap.PROT_READ, mmap.PROT_READ | mmap.PROT_WRITE) * 8
    anonymous = [mmap.mmap(-1, 4096, flags=flags, prot=prot) for prot in protections]
    child = subprocess.Popen(["sleep", "60"])
    try:
        found = _leftovers(early, Footprint.take())
        assert set(found) == {field.name for field in fields(Footprint)}
    finally:
        child.kill()
        child.wait()
        mapping.close()
        anonymous.clear()
        stop.set()
        thread.join()
        os.close(descriptor)
        memory.clear()
        objects.clear()
