# SPDX-License-Identifier: Apache-2.0
"""ECUs and a machine in miniature for the tests of the room."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rpmsg.bus import VirtioRpmsgBus
from rproc.core import Core, Exit
from rproc.recovery import Recovery
from rproc.remoteproc import RemoteProc
from rproc.state import State
from tests.cores.kinds import build_ecus
from virtio import KernelLog, LogLine, WorkThread


@pytest.fixture(scope="session")
def ecus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the compiled ECUs."""
    folder = tmp_path_factory.mktemp("ecus")
    build_ecus(folder)
    return folder


@dataclass
class Bench:
    """A core on the bench: booted without a bus, its exit kept. Thread safety: none."""

    remote: RemoteProc
    log: KernelLog

    def exit(self, timeout: float = 10.0) -> Exit:
        """Wait for the crash and return how the core ended."""
        end = time.monotonic() + timeout
        while self.remote.crash is None or self.remote.crash.exit is None:
            assert time.monotonic() < end, f"no exit was told\n{self.log}"
            time.sleep(0.005)
        return self.remote.crash.exit

    def line(self, text: str, timeout: float = 10.0) -> LogLine:
        """Wait for a line of the log with this text."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for line in self.log.lines:
                if text in line.text:
                    return line
            time.sleep(0.005)
        raise AssertionError(f"no line {text!r} in\n{self.log}")


MakeBench = Callable[..., Bench]


@pytest.fixture
def bench(work: WorkThread) -> Iterator[MakeBench]:
    """Make a bench for a core and a firmware; what runs at the end of the test is stopped."""
    made = []

    def make(core: Core, firmware: str, folder: Path, timeout: float = 10.0) -> Bench:
        log = KernelLog()
        remote = RemoteProc(
            core,
            firmware,
            name="ecu",
            firmware_path=folder,
            drivers=[VirtioRpmsgBus()],
            boot_timeout=timeout,
            log=log,
            work=work,
            recovery=Recovery(enabled=False),
        )
        made.append(remote)
        return Bench(remote, log)

    yield make
    for remote in made:
        if remote.state is not State.OFFLINE:
            remote.shutdown()


@pytest.fixture
def work() -> Iterator[WorkThread]:
    """A work thread, ended after the test."""
    thread = WorkThread("test-work")
    yield thread
    thread.close()
