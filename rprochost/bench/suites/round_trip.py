# SPDX-License-Identifier: Apache-2.0
"""Round trips where nobody sleeps: both sides poll, each on a CPU of its own."""

from contextlib import ExitStack

from rprochost.bench.bench_core import ALWAYS_US, Behaviour, Cores
from rprochost.bench.c_loops import EchoInC
from rprochost.bench.case import Case
from rprochost.bench.floors import FlagFloor, PythonFlagFloor
from rprochost.bench.python_loops import EchoInPython
from rprochost.bench.rivals import installed
from rprochost.bench.suite import Bench, Found, Suite

NEEDS_TWO_CPUS = "both sides poll: that needs a CPU for each (placement other, and two CPUs allowed)"


def run(bench: Bench) -> Found:
    """Measure; nothing with a single CPU. Thread safety: none; the caller serialises."""
    if not bench.places.apart:
        return Found(left_out=[NEEDS_TWO_CPUS])
    polling = Behaviour(polling=True, work_us=bench.options.work_us)
    spin_us = ALWAYS_US if bench.options.spin_us is None else int(bench.options.spin_us)
    with ExitStack() as stack:
        cores = Cores(stack, bench.places)
        process = cores.boot("process", spin_us=spin_us)
        library = cores.boot("library", "library", spin_us=spin_us)
        python = cores.boot("python", "python", spin_us=spin_us, process=True)
        floors = [FlagFloor("shared flag, C"), PythonFlagFloor("shared flag, host in Python")]
        rivals = [kind(16) for kind in installed() if kind.name == "iceoryx2-poll"]
        cases: list[Case] = bench.open_pairs(stack, [*floors, *rivals])
        for size in bench.options.sizes:
            cases += [
                EchoInC(process, f"c-process-{size}", f"C host, C process, {size} B", size, polling),
                *(
                    EchoInPython(core, f"python-{name}-{size}", f"{title}, {size} B", size, behaviour)
                    for name, core, title, behaviour in (
                        ("process", process, "Python host, C process", polling),
                        ("library", library, "Python host, C thread", polling),
                        ("python", python, "Python host, Python process", Behaviour()),
                    )
                ),
            ]
        return Found(bench.measure(cases))


SUITE = Suite("round-trip", "round trips where both sides poll, each on a CPU of its own", run)
