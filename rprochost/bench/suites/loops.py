# SPDX-License-Identifier: Apache-2.0
"""Event loops: an endpoint's descriptor against a bare eventfd in the same loop."""

from contextlib import ExitStack

from rprochost.bench.bench_core import NEVER_US, Cores
from rprochost.bench.case import Case
from rprochost.bench.event_loops import EventLoopEcho, EventLoopFloor, drivers
from rprochost.bench.suite import Bench, Found, Suite
from rprochost.bench.suites.blocking import WORK_US
from rprochost.bench.suites.round_trip import NEEDS_TWO_CPUS


def run(bench: Bench) -> Found:
    """Measure; nothing with a single CPU. Thread safety: main thread only, because of Qt."""
    if not bench.places.apart:
        return Found(left_out=[NEEDS_TWO_CPUS])
    size, work_us = bench.options.sizes[0], bench.options.work_us or WORK_US
    with ExitStack() as stack:
        core = Cores(stack, bench.places).boot("process", spin_us=NEVER_US)
        cases: list[Case] = []
        for loop in drivers():
            cases += bench.open_pairs(stack, [EventLoopFloor(loop, work_us)])
            cases.append(EventLoopEcho(core, loop, size, work_us))
        left_out = [] if "qt" in drivers() else ["qt: PySide6 is not installed"]
        return Found(bench.measure(cases), left_out=left_out)


SUITE = Suite("loops", "epoll, asyncio and Qt over an endpoint's descriptor and over a bare eventfd", run)
