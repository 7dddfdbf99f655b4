# SPDX-License-Identifier: Apache-2.0
"""A machine whose waits end and whose messages are remembered, for the report of a test that fails."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rpmsg import ADDR_ANY, Channel, Endpoint, Message, View
from rpmsg.endpoint import BytesLike, Pool
from rproc import State, TraceStream
from rprochost.host_core import HostCore
from rprochost.machine import Machine
from rprochost.settings import CoreSettings
from virtio.log import printable, stamp

if TYPE_CHECKING:
    import numpy as np

    from rproc import Core

#: Messages remembered for each endpoint, and lines of log or trace in a report: the last ones.
MESSAGES = 32
LINES = 200
#: Bytes shown of a message.
SHOWN_BYTES = 32


class Note(NamedTuple):
    """One message: when, "tx to" or "rx from" whom, size, first bytes. Thread safety: immutable."""

    time_ns: int
    way: str
    addr: int
    size: int
    head: bytes

    def __str__(self) -> str:
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in self.head)
        more = " …" if self.size > len(self.head) else ""
        bytes_shown = f"{self.size} bytes: {self.head.hex(' ')}{more} |{text}|"
        return f"{stamp(self.time_ns)} {self.way} {self.addr:#x}, {bytes_shown}"


class History:
    """The last messages of one endpoint. Thread safety: any thread."""

    def __init__(self, title: str, now_ns: Callable[[], int]) -> None:
        self.now_ns = now_ns
        self._title = title
        self._count = 0
        self._last: deque[Note] = deque(maxlen=MESSAGES)

    def note(self, time_ns: int, way: str, addr: int, data: bytes) -> None:
        """Remember a message."""
        self._count += 1
        self._last.append(Note(time_ns, way, addr, len(data), data[:SHOWN_BYTES]))

    def lines(self) -> Iterator[str]:
        """Yield the title, with how many messages there were, and the last of them."""
        last = list(self._last)
        yield f"{self._title}: {self._count} messages" + (", the last:" if self._count > len(last) else "")
        yield from (f"  {note}" for note in last)


class Recording:
    """What the cores of one test did, and for how long it may wait for them. Thread safety: any thread."""

    def __init__(self, timeout: float, log_level: int) -> None:
        #: Seconds.
        self.timeout = timeout
        self.log_level = log_level
        self.machine: Machine | None = None
        self._histories: dict[str, list[History]] = {}
        self._traces: dict[tuple[str, int], str] = {}
        self._streams: dict[tuple[str, int], TraceStream] = {}

    def history(self, core: str, endpoint: Endpoint) -> History:
        """Return a new history for an endpoint of a core."""
        assert self.machine is not None
        title = f"endpoint {printable(endpoint.name)!r} at {endpoint.addr:#x}"
        history = History(title, self.machine.log.now_ns)
        self._histories.setdefault(core, []).append(history)
        return history

    def freeze(self) -> None:
        """Keep the traces, whose memory goes with the core's stop."""
        for core in self.machine.values() if self.machine is not None else ():
            if core.state is not State.OFFLINE:
                self._read_traces(core)

    def _read_traces(self, core: HostCore) -> None:
        for number in range(len(core.image_table.traces)):
            key = core.name, number
            stream = self._streams.setdefault(key, core.trace(number))
            self._traces[key] = self._traces.get(key, "") + stream.read()

    def sections(self) -> list[tuple[str, str]]:
        """Return titles and texts for a report: cores, log, and traces and messages of each core."""
        machine = self.machine
        if machine is None:
            return []
        found = [("rproc cores", "\n".join(map(_describe, machine.values())))]
        found.append(("rproc log", _last_lines([str(line) for line in machine.log.lines])))
        self.freeze()
        for (core, number), text in self._traces.items():
            found.append((f"rproc trace{number} {core}", _last_lines(text.splitlines())))
        for core, histories in list(self._histories.items()):
            lines = [line for history in list(histories) for line in history.lines()]
            found.append((f"rproc messages {core}", "\n".join(lines)))
        return [(title, text) for title, text in found if text]


class RecordedEndpoint(Endpoint):
    """An endpoint that remembers its last messages and whose calls end. Thread safety: any thread."""

    def __init__(
        self,
        recording: Recording,
        core: str,
        pool: Pool,
        addr: int = ADDR_ANY,
        dst: int = ADDR_ANY,
        name: str = "",
    ) -> None:
        super().__init__(pool, addr, dst, name)
        self._timeout = recording.timeout
        self._tx_timeout = min(recording.timeout, pool.tx_timeout)
        self._history = recording.history(core, self)

    def send(self, data: BytesLike, dst: int | None = None, timeout: float | None = None) -> None:
        """As Endpoint.send."""
        begun = self._history.now_ns()
        super().send(data, dst, self._tx_timeout if timeout is None else timeout)
        self._sent(begun, dst, data)

    def try_send(self, data: BytesLike, dst: int | None = None) -> None:
        """As Endpoint.try_send."""
        begun = self._history.now_ns()
        super().try_send(data, dst)
        self._sent(begun, dst, data)

    def send_many(self, messages: Any, dst: int | None = None, timeout: float | None = None) -> int:
        """As Endpoint.send_many."""
        begun = self._history.now_ns()
        given = messages if hasattr(messages, "shape") else list(messages)
        sent = super().send_many(given, dst, self._tx_timeout if timeout is None else timeout)
        for message in given[:sent]:
            self._sent(begun, dst, message)
        return sent

    def recv(self, timeout: float | None = None) -> Message:
        """As Endpoint.recv, but it waits no longer than the plugin's time-out when it is not told."""
        message = super().recv(self._timeout if timeout is None else timeout)
        self._received(message.src, message.data)
        return message

    def recv_many(self, max_messages: int = 64, timeout: float | None = None) -> list[Message]:
        """As Endpoint.recv_many; waits as recv does."""
        messages = super().recv_many(max_messages, self._timeout if timeout is None else timeout)
        for message in messages:
            self._received(message.src, message.data)
        return messages

    def recv_into(self, out: "np.ndarray[Any, Any]", timeout: float | None = None) -> int:
        """As Endpoint.recv_into; waits as recv does."""
        count = super().recv_into(out, self._timeout if timeout is None else timeout)
        for record in out[:count]:
            self._received(int(record["src"]), record["data"].tobytes()[: int(record["len"])])
        return count

    def view(self, timeout: float | None = None) -> View:
        """As Endpoint.view; waits as recv does."""
        view = super().view(self._timeout if timeout is None else timeout)
        self._received(view.src, bytes(view.data))
        return view

    def _sent(self, begun_ns: int, dst: int | None, data: BytesLike) -> None:
        to = self.dst if dst is None else dst
        self._history.note(begun_ns, "tx to", to, memoryview(data).tobytes())

    def _received(self, src: int, data: bytes) -> None:
        self._history.note(self._history.now_ns(), "rx from", src, data)


class RecordedCore(HostCore):
    """A core of a RecordedMachine; its waits end. Thread safety: any thread."""

    def __init__(self, recording: Recording, settings: CoreSettings, core: "Core", **shared: Any) -> None:
        self._timeout = recording.timeout
        bounded = replace(
            settings,
            boot_timeout=min(settings.boot_timeout, recording.timeout),
            stop_timeout=min(settings.stop_timeout, recording.timeout),
            log_level=min(settings.log_level, recording.log_level),
        )
        super().__init__(bounded, core, **shared)
        maker = partial(RecordedEndpoint, recording, settings.name)
        self.bus.config = replace(self.bus.config, make_endpoint=maker)

    def wait_state(self, state: State, timeout: float | None = None) -> None:
        """As HostCore.wait_state, but no longer than the plugin's time-out when it is not told."""
        super().wait_state(state, self._timeout if timeout is None else timeout)

    def wait_channel(self, name: str, timeout: float | None = None) -> Channel:
        """As HostCore.wait_channel; waits as wait_state does."""
        return super().wait_channel(name, self._timeout if timeout is None else timeout)

    def trace(self, number: int = 0) -> TraceStream:
        """As HostCore.trace; following it ends when nothing new comes for the plugin's time-out."""
        stream = super().trace(number)
        stream.timeout = self._timeout
        return stream


class RecordedMachine(Machine):
    """A machine for one test. Thread safety: any thread."""

    def __init__(self, name: str, firmware_path: Path, recording: Recording) -> None:
        super().__init__(name, firmware_path, make_core=partial(RecordedCore, recording))
        self._timeout = recording.timeout
        recording.machine = self

    def wait_channel(self, name: str, core: str | None = None, timeout: float | None = None) -> Channel:
        """As Machine.wait_channel, but for the plugin's time-out when it is not told."""
        return super().wait_channel(name, core, self._timeout if timeout is None else timeout)


def start(machine: Machine) -> list[str]:
    """Boot the cores; returns what went wrong, as lines. Thread safety: none; the caller serialises."""
    try:
        machine.__enter__()
    except Exception as error:
        return [explain(error)]
    return []


def stop(machine: Machine) -> list[str]:
    """Stop all cores; returns what went wrong with each, as lines. Thread safety: as start."""
    problems = []
    for core in reversed(list(machine.values())):
        try:
            core.stop_all()
        except Exception as error:
            vars(error).update(core=core.name)
            problems.append(explain(error))
    try:
        # For the work thread. A core that was abandoned is not waited for a second time.
        machine.stop()
    except Exception as error:
        problems.append(explain(error))
    return problems


def explain(error: Exception) -> str:
    """Return an error as one line: whose core, what, and the hint. Thread safety: any thread."""
    core, hint = getattr(error, "core", ""), getattr(error, "hint", "")
    said = f"core {core}: {error}" if core else str(error)
    return f"{said}; {hint}" if hint else said


def _describe(core: HostCore) -> str:
    crash = f": {printable(core.crash.cause)}" if core.crash is not None else ""
    channels = ", ".join(printable(channel.name) for channel in core.channels) or "none"
    return (
        f"{core.name} ({core.kind}, {core.firmware_path}) is {core.state.value}{crash}; channels: {channels}"
    )


def _last_lines(lines: list[str]) -> str:
    left_out = [f"({len(lines) - LINES} lines before these are left out)"] if len(lines) > LINES else []
    return "\n".join([*left_out, *map(printable, lines[-LINES:])])
