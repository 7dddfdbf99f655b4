# SPDX-License-Identifier: Apache-2.0
"""A hostile process core and a healthy one beside it, and what a host can see of them."""

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cores
from rpmsg import BusConfig, Endpoint, VirtioRpmsgBus
from rproc import Numbers, Recovery, RemoteProc
from virtio import KernelLog, WorkThread

BUILD = Path(__file__).parents[2] / "build"
HOSTILE = BUILD / "tests" / "hostile"
#: A limit for what takes milliseconds, in seconds.
LIMIT = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One line of `hostile --list`; the words are those of plays.h. Thread safety: immutable."""

    name: str
    group: str
    rule: str
    outcome: str
    count: int
    host_sends: bool
    host_holds: bool
    silent: bool

    @property
    def is_fatal(self) -> bool:
        """Whether the core does not survive it."""
        return self.outcome in ("breaks", "ends")


def list_plays() -> list[Play]:
    """Ask the hostile core what it can do."""
    lines = subprocess.run([HOSTILE, "--list"], capture_output=True, text=True, check=True).stdout
    return [Play(**json.loads(line)) for line in lines.splitlines()]


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait until something holds; False when it never does."""
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


class Actor:
    """One process core with its bus."""

    def __init__(
        self, stage: "Stage", name: str, firmware: Path, *, args: list[str], on_violation: str
    ) -> None:
        self.log = KernelLog(parent=stage.log)
        self.bus = VirtioRpmsgBus(BusConfig(num=8, max_channels=16))
        self.rproc = RemoteProc(
            cores.create("process", args=args),
            firmware.name,
            name=name,
            drivers=[self.bus],
            firmware_path=firmware.parent,
            stop_timeout=0.5,
            log=self.log,
            work=stage.work,
            numbers=stage.numbers,
            on_violation=on_violation,
            recovery=Recovery(enabled=False),
        )

    def open(self, channel: str) -> Endpoint:
        """Boot and open an endpoint of the channel."""
        self.rproc.boot()
        return self.bus.wait_channel(channel, LIMIT).open()

    def logged(self, text: str) -> bool:
        """Whether a line of the core's log contains text."""
        return any(text in line.text for line in self.log.lines)

    def violations(self) -> dict[str, int]:
        """Rules broken so far, and how often."""
        return self.bus.statistics().violations


class Stage:
    """A host with both cores; a context manager that stops them."""

    def __init__(self, play: str | None, on_violation: str = "drop") -> None:
        self.log = KernelLog()
        self.work = WorkThread("hostile-work", self.log)
        self.numbers = Numbers()
        args = [play] if play else []
        self.healthy = Actor(self, "healthy", BUILD / "examples" / "echo", args=[], on_violation="crash")
        self.hostile = Actor(self, "hostile", HOSTILE, args=args, on_violation=on_violation)
        self._echo: Endpoint | None = None
        self._number = 0

    def __enter__(self) -> Self:
        self._echo = self.healthy.open("rpmsg-echo")
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for actor in (self.hostile, self.healthy):
                with contextlib.suppress(OSError):
                    actor.rproc.shutdown()
        finally:
            self.work.close()

    def check_echo(self) -> None:
        """The healthy core still answers, and has broken no rule."""
        assert self._echo is not None
        self._number += 1
        text = f"echo {self._number}".encode()
        self._echo.send(text, timeout=LIMIT)
        assert self._echo.recv(timeout=LIMIT).data == text
        assert self.healthy.violations() == {}
        assert self.healthy.bus.statistics().no_recipient == 0


def _children() -> Iterator[str]:
    for task in Path("/proc/self/task").iterdir():
        yield from (task / "children").read_text().split()


def holdings() -> set[tuple[str, str]]:
    """Return what the process has open and running: descriptors, threads, children."""
    return (
        {("descriptor", entry.name) for entry in Path("/proc/self/fd").iterdir()}
        | {("thread", entry.name) for entry in Path("/proc/self/task").iterdir()}
        | {("child", pid) for pid in _children()}
    )
