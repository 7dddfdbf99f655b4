# SPDX-License-Identifier: Apache-2.0
"""The cores that are measured: booted with the ECU of rprochost/bench/ecu, placed, and told how to behave."""

import os
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpmsg import Endpoint, VirtioRpmsgBus
from rprochost.bench.placement import Places, pin_process, pin_thread, threads
from rprochost.bench.python_core import BEHAVE, COMMAND
from rprochost.host_core import HostCore
from rprochost.machine import Machine
from rprochost.sdk import find_sdk

ECHO, SINK, CONTROL = "bench-echo", "bench-sink", "bench-control"
#: A budget that no core uses up, not even on a busy machine: the host never sleeps.
ALWAYS_US = 1_000_000
NEVER_US = 0

#: Operations of the ECU.
_FLOOD, _SINK = 2, 3
#: Seconds for an answer that takes milliseconds.
_LIMIT = 30.0
#: An inbox that holds a long flood, should the program be slower than the core, and half of its bytes.
INBOX = 65536
_FLOOD_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the ECU waits for messages, and how long it works on each. Thread safety: immutable."""

    polling: bool = False
    work_us: float = 0.0


class BenchCore:
    """A running core that can be measured. Thread safety: none; the caller serialises."""

    def __init__(self, core: HostCore) -> None:
        """Find the core's channels; TimeoutError."""
        self.core = core
        self.echo = core.wait_channel(ECHO, _LIMIT)
        self._control = core.wait_channel(CONTROL, _LIMIT).open()
        self._behaviour = Behaviour()

    @property
    def bus(self) -> VirtioRpmsgBus:
        """The bus, whose doorbells are counted."""
        return self.core.bus

    @property
    def pids(self) -> list[int]:
        """The core's process, if it is one."""
        return [] if self.core.pid is None else [self.core.pid]

    def open(self) -> Endpoint:
        """Open an endpoint that talks to the echo."""
        return self.echo.open()

    def behave(self, behaviour: Behaviour) -> None:
        """Have the ECU behave so from now on; TimeoutError."""
        if behaviour != self._behaviour:
            self._command(BEHAVE, value=int(behaviour.polling), work_ns=int(behaviour.work_us * 1000))
            self._behaviour = behaviour

    def flood_num(self, size: int) -> int:
        """Return how many messages of a size one flood may have, so that an inbox can hold them all."""
        inbox = self.core.settings.rpmsg.inbox
        return max(min(inbox // 2, _FLOOD_BYTES // (size + 64)), 1)

    def flood(self, num: int, size: int, first: int, batch: int, addresses: int = 1) -> None:
        """Have the ECU send messages as fast as it can, in batches, to consecutive addresses in turn.

        Raises TimeoutError.
        """
        self._command(_FLOOD, value=addresses, size=size, first=first, batch=batch, num=num)

    def sink(self) -> Endpoint:
        """Open an endpoint to the service that takes everything."""
        return self.core.wait_channel(SINK, _LIMIT).open()

    def begin_sink(self, num: int) -> None:
        """Have the ECU say when that many messages have come from now on: :meth:`end_sink`."""
        self._control.send(_packed(_SINK, num=num))

    def end_sink(self) -> None:
        """Wait until all have come; TimeoutError."""
        self._control.recv(timeout=_LIMIT)

    def _command(self, op: int, **values: int) -> None:
        command = _packed(op, **values)
        self._control.send(command, timeout=_LIMIT)
        if self._control.recv(timeout=_LIMIT).data != command:
            raise RuntimeError(f"core {self.core.name} does not answer as the ECU of the benchmarks does")


def _packed(
    op: int, value: int = 0, size: int = 0, first: int = 0, batch: int = 0, num: int = 0, work_ns: int = 0
) -> bytes:
    return COMMAND.pack(op, value, size, first, batch, 0, num, work_ns)


def firmware(kind: str, *, large: bool = False) -> str:
    """Return the file that a kind of core runs, ``large`` with rings of 4096 buffers; "process" alone has
    those.

    Raises SdkError without the SDK, ValueError for a kind that nothing was built for. Thread safety: any
    thread.
    """
    if kind == "python":
        return f"{Path(__file__).with_name('python_core.py')}:Echo"
    files = {"process": "bench", "library": "libbench.so"}
    if kind not in files:
        raise ValueError(f"no ECU to measure for cores of kind {kind!r}, only process, library and python")
    return str(find_sdk().bench / ("bench_large" if large else files[kind]))


class Cores:
    """Cores under measurement, stopped by the stack that they were made with.

    Thread safety: none; the caller serialises.
    """

    def __init__(self, stack: ExitStack, places: Places) -> None:
        """Make a machine without cores."""
        self.machine = stack.enter_context(Machine(name="bench"))
        self._places = places

    def boot(
        self,
        name: str,
        kind: str = "process",
        *,
        spin_us: int | None = None,
        large: bool = False,
        **options: Any,
    ) -> BenchCore:
        """Boot one more core on the other side's CPUs; ``options`` as of Machine.add. Errors as its start."""
        if spin_us is not None:
            options["wait"] = {"spin_us": spin_us}
        core = self.machine.add(name, kind=kind, firmware=firmware(kind, large=large), **options)
        before = threads(os.getpid())
        core.start()
        if core.pid is not None:
            pin_process(core.pid, self._places.peer)
        else:
            for thread in _core_threads(before):
                pin_thread(thread, self._places.peer)
        return BenchCore(core)


def _core_threads(before: set[int]) -> set[int]:
    """Return the threads of this process that are new, and neither the service thread nor a work thread."""
    helpers = {thread.native_id for thread in threading.enumerate() if not thread.name.startswith("core-")}
    return {
        number
        for number in threads(os.getpid()) - before - helpers
        if Path(f"/proc/self/task/{number}/comm").read_text().strip() != "rproc-service"
    }
