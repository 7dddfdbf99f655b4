# SPDX-License-Identifier: Apache-2.0
"""Round trips where the host sleeps: the core sleeps too, or it polls and works a while on each message."""

from contextlib import ExitStack

from rprochost.bench.bench_core import NEVER_US, Behaviour, Cores
from rprochost.bench.c_loops import EchoInC
from rprochost.bench.case import Case
from rprochost.bench.floors import BellFloor, PythonBellFloor, PythonWorkFloor, WorkFloor
from rprochost.bench.python_loops import EchoInPython
from rprochost.bench.rivals import installed, missing
from rprochost.bench.suite import Bench, Found, Suite

#: Long enough that the host is asleep when the answer comes.
WORK_US = 10.0
#: Endpoints that are open and silent beside the one that is used.
MANY = 1000


def run(bench: Bench) -> Found:
    """Measure; with one CPU without the cases whose core polls.

    Thread safety: none; the caller serialises.
    """
    work_us = bench.options.work_us or WORK_US
    asleep, working = Behaviour(), Behaviour(polling=True, work_us=work_us)
    spin_us = NEVER_US if bench.options.spin_us is None else int(bench.options.spin_us)
    size = bench.options.sizes[0]
    with ExitStack() as stack:
        cores = Cores(stack, bench.places)
        process = cores.boot("process", spin_us=spin_us)
        crowded = cores.boot("crowded", spin_us=spin_us)
        library = cores.boot("library", "library", spin_us=spin_us)
        python = cores.boot("python", "python", spin_us=spin_us, process=True)
        rivals = [kind(size) for kind in installed() if kind.name != "iceoryx2-poll"]
        floors = [BellFloor("eventfd, C"), PythonBellFloor("eventfd, host in Python")]
        cases: list[Case] = [
            *bench.open_pairs(stack, [*floors, *rivals]),
            EchoInC(process, "c-process", "C host, C process", size, asleep),
            EchoInPython(process, "python-process", "Python host, C process", size, asleep),
            EchoInPython(
                crowded, "python-crowded", f"the same, {MANY} endpoints open", size, asleep, endpoints=MANY
            ),
            EchoInPython(library, "python-library", "Python host, C thread", size, asleep),
            EchoInPython(python, "python-python", "Python host, Python process", size, asleep),
        ]
        if bench.places.apart:
            text = f"core polls, works {work_us:g} µs"
            worked = [WorkFloor("eventfd, C", work_us), PythonWorkFloor("eventfd, host in Python", work_us)]
            for floor in worked:
                floor.title += f", {text}"
            cases += [
                *bench.open_pairs(stack, worked),
                EchoInC(process, "c-work", f"C host, {text}", size, working),
                EchoInPython(process, "python-work-core", f"Python host, {text}", size, working),
            ]
        left_out = [f"{name}: not installed" for name in missing()]
        return Found(bench.measure(cases), left_out=left_out)


SUITE = Suite("blocking", "round trips where the host sleeps, with what else Python offers", run)
