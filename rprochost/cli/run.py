# SPDX-License-Identifier: Apache-2.0
"""``rproc run``: one core in the foreground."""

import argparse
import signal
import threading
from typing import TYPE_CHECKING

from rprochost.cli import target
from rprochost.cli.common import EXIT_OK, Output, OutputError, Terminated, Verb, seconds
from rprochost.errors import CoreCrashedError

if TYPE_CHECKING:
    from rproc import Crash
    from rprochost.host_core import HostCore
    from virtio.log import LogLine

#: The highest level that -q shows.
WARNING = 4

EXAMPLES = """\
rproc run build/examples/libecho.so
rproc run build/examples/echo --name door --json
rproc run examples/car/ecus.py:Echo --for 10"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", metavar="FILE", help="the firmware: an ELF file, or FILE.py:Class")
    parser.add_argument("--kind", help="kind of core: process, library or python (default: from the file)")
    parser.add_argument("--name", metavar="CORE", help="name of the core (default: from the file)")
    parser.add_argument(
        "--for",
        type=seconds,
        dest="duration",
        metavar="S",
        help="stop after so many seconds (default: Ctrl-C)",
    )


class _Console:
    """Writes log lines, of whatever thread. Thread safety: any thread."""

    def __init__(self, output: Output) -> None:
        self._output = output
        # One line at a time must reach the terminal.
        self._lock = threading.Lock()
        #: Why nothing is written any more, or None.
        self.failure: OutputError | None = None

    def show(self, line: "LogLine") -> None:
        """Write one line; when that fails (`rproc run … | head`), end the command."""
        with self._lock:
            if self.failure is not None:
                return
            try:
                self._write(line)
            except OutputError as error:
                self.failure = error
                # A signal, because the main thread is asleep in a wait that only a signal ends.
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    def _write(self, line: "LogLine") -> None:
        values = {"event": "log", "time_ns": line.time_ns, "level": line.level}
        shown = None if self._output.quiet and line.level > WARNING else str(line)
        self._output.record(values | {"source": line.source, "text": line.text}, shown)


def _stay(core: "HostCore", duration: float | None) -> "Crash | None":
    """Wait for the end of the time or of the core."""
    from rproc import State

    try:
        core.wait_state(State.CRASHED, timeout=duration)
    except TimeoutError:
        return None
    return core.crash


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Boot, show log and channels, stop at Ctrl-C (130), after the time (0) or when the core crashed (1)."""
    console = _Console(output)
    try:
        return _run(arguments, output, console)
    except Terminated:
        if console.failure is not None:
            raise console.failure from None
        raise


def _run(arguments: argparse.Namespace, output: Output, console: _Console) -> int:
    from rprochost.machine import Machine

    machine = Machine(name="run")
    machine.log.subscribe(console.show)
    name = target.add_core(machine, arguments.file, arguments.kind, arguments.name)
    with machine:
        core = machine[name]
        crash = _stay(core, arguments.duration)
        channels = [
            {"name": channel.name, "src": channel.src, "dst": channel.dst} for channel in core.channels
        ]
    output.record({"event": "end", "core": name, "channels": channels, "crash": crash and crash.cause})
    if crash is not None:
        rule = crash.exit.rule if crash.exit is not None else None
        raise CoreCrashedError(name, core.firmware_path, crash.cause, rule)
    return EXIT_OK


VERB = Verb("run", "run one core in the foreground", EXAMPLES, configure, run)
