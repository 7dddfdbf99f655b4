# SPDX-License-Identifier: Apache-2.0
"""What the project wants to reach, as ratios within one run, and whether a run has reached it."""

from dataclasses import dataclass
from typing import Literal

from rprochost.bench.noise import Spread
from rprochost.bench.readings import Reading, counts, figure, millions, nanoseconds, ratio, spent, tail
from rprochost.bench.results import Results

Sense = Literal["at most", "at least"]


@dataclass(frozen=True, slots=True)
class Aim:
    """One aim. Thread safety: immutable."""

    path: str
    #: What the number is, such as "x shared flag".
    unit: str
    sense: Sense
    limit: float
    reading: Reading


@dataclass(frozen=True, slots=True)
class Outcome:
    """An aim and what a run says about it. Thread safety: immutable."""

    aim: Aim
    found: Spread | None

    @property
    def reached(self) -> bool | None:
        """Whether the value keeps the limit; None when it was not measured."""
        if self.found is None:
            return None
        value, limit = self.found.value, self.aim.limit
        return value <= limit if self.aim.sense == "at most" else value >= limit


@dataclass(frozen=True, slots=True)
class _Base:
    """What something is compared with, and what that is called."""

    case: str
    name: str


_FLAG = _Base("round-trip/flag", "shared flag")
_BELL = _Base("blocking/bell", "eventfd in C")
_PYTHON_BELL = _Base("blocking/python-bell", "eventfd in Python")
_PYTHON_WORK = _Base("blocking/python-work", "eventfd in Python")
_ONE = "1 endpoint"
_SPINNING = "always spinning"


def _times(path: str, limit: float, case: str, base: _Base) -> Aim:
    return Aim(path, f"x {base.name}", "at most", limit, ratio(case, base.case))


def _rate(path: str, limit: float, case: str) -> Aim:
    return Aim(path, "M messages/s", "at least", limit, millions(f"one-way/{case}"))


def _switches(path: str, limit: float, case: str) -> Aim:
    return Aim(
        f"context switches, {path}", "per message", "at most", limit, counts(case, "switches_per_message")
    )


def _tail(path: str, case: str) -> Aim:
    return Aim(f"p99.9, {path}", "x its median", "at most", 10, tail(f"round-trip/{case}"))


_ROUND_TRIPS = (
    _times("C to C, polling, 16 B", 2.5, "round-trip/c-process-16", _FLAG),
    _times("C to C, polling, 496 B", 3.4, "round-trip/c-process-496", _FLAG),
    _times("Python to C, spinning, 16 B", 5.5, "round-trip/python-process-16", _FLAG),
    _times("Python to a Python process, spinning", 10, "round-trip/python-python-16", _FLAG),
    _tail("C to C, polling", "c-process-16"),
    _tail("Python to C, spinning", "python-process-16"),
)
_BLOCKING = (
    _times("C to C, blocking", 1.1, "blocking/c-process", _BELL),
    _times("Python to C, blocking, core polls", 1.15, "blocking/python-work-core", _PYTHON_WORK),
    _times("Python to C, blocking, both sleep", 1.2, "blocking/python-process", _PYTHON_BELL),
    _times(
        "the same, 1000 endpoints open",
        1.05,
        "blocking/python-crowded",
        _Base("blocking/python-process", _ONE),
    ),
    _times(
        "Python to a Python process, blocking",
        1.0,
        "blocking/python-python",
        _Base("blocking/pipe", "os.pipe"),
    ),
)
_SPIN = (
    _times("spin-then-block, core works 5 µs", 1.1, "spin/default-5", _Base("spin/always-5", _SPINNING)),
    _times("spin-then-block, core works 10 µs", 1.1, "spin/default-10", _Base("spin/always-10", _SPINNING)),
    Aim(
        "CPU of the host, core works 100 µs",
        "µs more than never spinning",
        "at most",
        25,
        spent("spin/default-100", "spin/never-100"),
    ),
    _times(
        "one CPU allowed, default settings",
        1.1,
        "spin/one-default",
        _Base("spin/one-never", "never spinning"),
    ),
)
_ONE_WAY = (
    _rate("one way to the host, C", 10, "c-recv-16"),
    _rate("one way to the core, C", 10, "c-send-16"),
    _rate("recv_into an array, one endpoint", 15, "array-recv-16"),
    _rate("through descriptors", 3, "epoll-recv-16"),
    _rate("send_many of an array", 10, "array-send-16"),
    _rate("recv one by one", 1, "one-recv-16"),
    _rate("send one by one", 1, "one-send-16"),
    Aim(
        "doorbells under load",
        "per message",
        "at most",
        0.1,
        counts("one-way/window-16", "kicks_per_message", "bells_per_message"),
    ),
)
_LOOPS = tuple(
    _times(name, 1.25, f"loops/{loop}-endpoint", _Base(f"loops/{loop}-eventfd", "bare eventfd"))
    for loop, name in (("epoll", "epoll"), ("asyncio", "asyncio"), ("qt", "Qt"))
)
_ONE_THREAD = (
    Aim(
        "send, receive, release, to the core",
        "ns, batch 64",
        "at most",
        50,
        nanoseconds("programs/to-core-64"),
    ),
    Aim(
        "send, receive, release, to the host",
        "ns, batch 64",
        "at most",
        50,
        nanoseconds("programs/to-host-64"),
    ),
)
_REST = (
    _switches("spinning", 0.05, "round-trip/python-process-16"),
    _switches("blocked", 1.05, "blocking/python-process"),
    _switches("through a descriptor", 2.05, "loops/epoll-endpoint"),
    _times(
        "1000 endpoints open, traffic to one",
        1.05,
        "programs/to-host-64-1000",
        _Base("programs/to-host-64", _ONE),
    ),
    Aim("wake-ups of idle cores", "in the time watched", "at most", 0, figure("idle/wakeups")),
    Aim("CPU of idle cores", "ms in the time watched", "at most", 1, figure("idle/cpu_ms")),
)

AIMS: tuple[Aim, ...] = (*_ONE_THREAD, *_ROUND_TRIPS, *_BLOCKING, *_SPIN, *_ONE_WAY, *_LOOPS, *_REST)


def outcomes(results: Results) -> list[Outcome]:
    """Return what a run says about each aim. Thread safety: any thread."""
    return [Outcome(aim, aim.reading(results)) for aim in AIMS]
