# SPDX-License-Identifier: Apache-2.0
"""A core on trial: what the checks of :mod:`cores.testing` are made of."""

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cores.errors import CoreError
from rpmsg.bus import VirtioRpmsgBus
from rpmsg.endpoint import Endpoint
from rproc.core import BootInfo, Core, Exit
from rproc.recovery import Recovery
from rproc.remoteproc import RemoteProc
from rproc.state import State
from virtio import WorkThread

MakeCore = Callable[[str], tuple[Core, str, Path] | None]

SERVICE = "behave"
#: Seconds that nothing here takes on a machine that works; not a measure.
LONG = 20.0


class NoSuchFirmwareError(CoreError):
    """The kind has no firmware with the behaviour: the check does not apply. Thread safety: immutable."""


class Recorder:
    """A core that keeps what it was started with. Thread safety: that of the core."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.kind = core.kind
        self.contains = core.contains
        self.request_firmware = core.request_firmware
        self.check = core.check
        self.stop = core.stop
        self.boot: BootInfo | None = None

    def start(self, boot: BootInfo, on_exit: Callable[[Exit], None]) -> None:
        """Start the core and keep what it was given."""
        self.boot = boot
        self.core.start(boot, on_exit)


@dataclass(frozen=True, slots=True)
class Subject:
    """A core to be tried, not booted, with all that is round it. Thread safety: immutable."""

    core: Recorder
    remote: RemoteProc
    bus: VirtioRpmsgBus

    @contextmanager
    def talk(self) -> Iterator["Running"]:
        """An endpoint on the channel of the core, which runs."""
        with self.bus.wait_channel(SERVICE, timeout=LONG).open() as endpoint:
            yield Running(self.core, self.remote, endpoint)


@dataclass(frozen=True, slots=True)
class Running:
    """A core that was booted, and a channel to it. Thread safety: immutable."""

    core: Recorder
    remote: RemoteProc
    endpoint: Endpoint

    def ask(self, data: bytes) -> bytes:
        """Send a message and return the answer."""
        self.endpoint.send(data)
        return self.endpoint.recv(timeout=LONG).data

    def crash_by(self, data: bytes) -> Exit:
        """Send what makes the core crash; returns how it ended, once its endpoint has told, too."""
        self.endpoint.send(data)
        self.remote.wait_state(State.CRASHED, LONG)
        expect(BrokenPipeError, self._receive_until_the_end)
        return self.exit()

    def _receive_until_the_end(self) -> None:
        """Receive what the core may still have sent before it ended."""
        while True:
            self.endpoint.recv(timeout=LONG)

    def exit(self) -> Exit:
        """How the core ended, as it tells after the crash was noticed."""
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            if self.remote.crash is not None and self.remote.crash.exit is not None:
                return self.remote.crash.exit
            time.sleep(0.005)
        raise AssertionError("nobody was told how the core ended")


def expect(kind: type[BaseException], call: Callable[[], object]) -> BaseException:
    """Return the exception of a kind that ``call`` raises; AssertionError when it raises none."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def require(condition: bool, what: str) -> None:
    """Raise AssertionError, which no interpreter option takes away, unless the condition holds."""
    if not condition:
        raise AssertionError(what)


@contextmanager
def subject(make_core: MakeCore, behaviour: str, timeout: float = LONG) -> Iterator[Subject]:
    """A core with a behaviour, not booted; shut down at the end, if it will."""
    made = make_core(behaviour)
    if made is None:
        raise NoSuchFirmwareError(errno.ENOENT, f"no firmware that behaves like {behaviour}")
    core, firmware, folder = made
    recorder, bus, work = Recorder(core), VirtioRpmsgBus(), WorkThread()
    processor = RemoteProc(
        recorder,
        firmware,
        name=behaviour,
        drivers=[bus],
        firmware_path=folder,
        boot_timeout=timeout,
        work=work,
        recovery=Recovery(enabled=False),
    )
    try:
        yield Subject(recorder, processor, bus)
    finally:
        if processor.state is not State.OFFLINE:
            processor.shutdown()
        work.close()


@contextmanager
def running(make_core: MakeCore, behaviour: str = "echo") -> Iterator[Running]:
    """A booted core and an endpoint on its channel."""
    with subject(make_core, behaviour) as tried:
        tried.remote.boot()
        with tried.talk() as talk:
            yield talk
