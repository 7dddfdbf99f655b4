# SPDX-License-Identifier: Apache-2.0
"""Step 4: the process core is killed in mid-traffic: endpoints say so, the others go on, it comes back."""

import os
import select
import signal
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING

from rproc import State
from rprochost.bench.echo import one_round_trip
from rprochost.demo.stage import Stage, StepError
from rprochost.host_core import HostCore
from rprochost.machine import Machine
from rprochost.text import microseconds, table

if TYPE_CHECKING:
    from rpmsg import Endpoint

#: Seconds of traffic before and after the kill.
BEFORE, AFTER = 1.0, 1.0
#: Longest wait for one thing, far beyond what it takes.
LIMIT = 5.0


class Traffic:
    """Echoes without pause in a thread of its own. Thread safety: any thread, once it was joined."""

    def __init__(self, name: str, endpoint: "Endpoint") -> None:
        self.endpoint = endpoint
        #: When each echo came back, in ns.
        self.times_ns: list[int] = []
        self.error: Exception | None = None
        self.error_ns = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"demo-{name}")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self, *, expect_error: bool) -> None:
        """Wait for the end: of an error's own accord, or because it is asked to stop now."""
        if not expect_error:
            self._stop.set()
        self._thread.join(LIMIT)
        alive = self._thread.is_alive()
        self._stop.set()
        self._thread.join(LIMIT)
        if alive:
            raise StepError("a thread that echoes did not end")

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                one_round_trip(self.endpoint, len(self.times_ns), 16, LIMIT)
            except Exception as error:
                self.error, self.error_ns = error, time.monotonic_ns()
                return
            self.times_ns.append(time.monotonic_ns())

    def count(self, begin_ns: int, end_ns: int) -> int:
        """Return how many echoes came back in a time."""
        return sum(begin_ns <= moment < end_ns for moment in self.times_ns)

    def longest_gap_ns(self, begin_ns: int, end_ns: int) -> int:
        """Return the longest time without an echo in a time."""
        moments = [begin_ns, *(moment for moment in self.times_ns if begin_ns <= moment < end_ns)]
        return max((later - earlier for earlier, later in pairwise(moments)), default=0)


def kill_one(stage: Stage, machine: Machine, channel: str) -> None:
    """Kill the process core while all cores echo; without one there is nothing to kill, and it says so."""
    victim = next((core for core in machine.values() if core.kind == "process"), None)
    if victim is None or victim.pid is None:
        stage.begin("Kill the process core: left out, it needs a C compiler")
        stage.result("kill", left_out=True)
        return
    stage.begin(f"Kill the process core, {victim.name} (pid {victim.pid}), while all cores echo")
    endpoints = {core.name: machine.wait_channel(channel, core=core.name).open() for core in machine.values()}
    try:
        watched = endpoints[victim.name].fileno()
        traffic = {name: Traffic(name, endpoint) for name, endpoint in endpoints.items()}
        killed_ns = _run(traffic, victim.name, victim.pid)
        victim.rproc.wait_crashes(1, LIMIT)
        readable = bool(select.select([watched], [], [], LIMIT)[0])
    finally:
        for endpoint in endpoints.values():
            endpoint.close()
    _report(stage, machine, traffic, victim.name, killed_ns)
    stage.check(readable, "its descriptor is readable, so select, poll and asyncio see it too")
    _show_recovery(stage, machine, victim, channel)


def _run(traffic: dict[str, Traffic], victim: str, pid: int) -> int:
    """Run all traffic round the kill and return when that was."""
    for one in traffic.values():
        one.start()
    time.sleep(BEFORE)
    killed_ns = time.monotonic_ns()
    try:
        os.kill(pid, signal.SIGKILL)
        time.sleep(AFTER)
    finally:
        for name, one in traffic.items():
            one.finish(expect_error=name == victim)
    return killed_ns


def _report(stage: Stage, machine: Machine, traffic: dict[str, Traffic], victim: str, killed_ns: int) -> None:
    begin_ns, end_ns = killed_ns - int(BEFORE * 1e9), killed_ns + int(AFTER * 1e9)
    rows = []
    for name, one in traffic.items():
        before = one.count(begin_ns, killed_ns), microseconds(one.longest_gap_ns(begin_ns, killed_ns))
        after = one.count(killed_ns, end_ns), microseconds(one.longest_gap_ns(killed_ns, end_ns))
        if name == victim:
            after = after[0], "-"
        end = "none" if one.error is None else type(one.error).__name__
        rows.append((name, machine[name].kind, *before, *after, end))
    stage.say("")
    header = ("core", "kind", "echoes before", "longest gap µs", "echoes after", "longest gap µs", "error")
    stage.lines(table(header, rows, "    "))
    stage.say("")
    broken = traffic[victim]
    told_us = (broken.error_ns - killed_ns) / 1000
    stage.check(
        isinstance(broken.error, BrokenPipeError),
        f"{victim}: its endpoint raised BrokenPipeError (EPIPE) {told_us:.0f} µs after the kill",
    )
    others = [name for name in traffic if name != victim]
    goes_on = all(traffic[name].error is None and traffic[name].count(killed_ns, end_ns) for name in others)
    stage.check(
        goes_on, f"{', '.join(others)}: went on without an error ({BEFORE:g} s before, {AFTER:g} s after)"
    )
    stage.result("kill", core=victim, told_after_us=round(told_us), echoes={row[0]: row[2:6] for row in rows})


def _show_recovery(stage: Stage, machine: Machine, victim: HostCore, channel: str) -> None:
    """Show that the crashed core was booted again without anybody's doing."""
    victim.wait_state(State.RUNNING, timeout=LIMIT)
    for line in victim.log.lines:
        if "crash" in line.text or "recovering" in line.text:
            stage.say(f"  {stage.style(str(line), 'red')}")
    cause = victim.crash.cause if victim.crash else "?"
    stage.check("SIGKILL" in cause, f"{victim.name} crashed: {cause}")
    with machine.wait_channel(channel, core=victim.name).open() as endpoint:
        one_round_trip(endpoint, 0, 16, LIMIT)
    stage.check(
        victim.state is State.RUNNING, f"{victim.name}: recovered by itself, and it echoes (pid {victim.pid})"
    )
