# SPDX-License-Identifier: Apache-2.0
"""Spinning before sleeping, with the default budget: what it gains, what it costs, when it is given up."""

from contextlib import ExitStack

from rprochost.bench.bench_core import ALWAYS_US, NEVER_US, Behaviour, BenchCore, Cores
from rprochost.bench.case import Case
from rprochost.bench.placement import on_cpus
from rprochost.bench.python_loops import EchoInPython
from rprochost.bench.suite import Bench, Found, Suite
from rprochost.bench.suites.round_trip import NEEDS_TWO_CPUS
from rprochost.settings import WaitSettings

#: Of the default budget, that is: within it, and well beyond it.
WORKS_US = (0.0, 5.0, 10.0, 100.0)


def _cases(core: BenchCore, name: str, title: str, size: int) -> list[Case]:
    return [
        EchoInPython(
            core, f"{name}-{work:g}", f"{title}, core works {work:g} µs", size, Behaviour(True, work)
        )
        for work in WORKS_US
    ]


def run(bench: Bench) -> Found:
    """Measure; nothing with a single CPU. Thread safety: none; the caller serialises."""
    if not bench.places.apart:
        return Found(left_out=[NEEDS_TWO_CPUS])
    size = bench.options.sizes[0]
    default = WaitSettings().spin_us if bench.options.spin_us is None else int(bench.options.spin_us)
    with ExitStack() as stack:
        cores = Cores(stack, bench.places)
        cases = [
            *_cases(cores.boot("always", spin_us=ALWAYS_US), "always", "always spins", size),
            *_cases(cores.boot("default", spin_us=default), "default", f"spins {default} µs", size),
            *_cases(cores.boot("never", spin_us=NEVER_US), "never", "never spins", size),
        ]
        found = Found(bench.measure(cases))
    # A bus that is made here knows that there is no CPU for the other side to go on.
    with ExitStack() as stack, on_cpus(*bench.places.host):
        found.results += bench.measure(_one_cpu(stack, bench, size, default))
    return found


def _one_cpu(stack: ExitStack, bench: Bench, size: int, default: int) -> list[Case]:
    """Both sides on one CPU, which the core needs as soon as the host has sent."""
    cores = Cores(stack, bench.places.together())
    asleep = Behaviour()
    return [
        EchoInPython(
            cores.boot("default", spin_us=default),
            "one-default",
            f"one CPU, spins {default} µs",
            size,
            asleep,
        ),
        EchoInPython(
            cores.boot("never", spin_us=NEVER_US), "one-never", "one CPU, never spins", size, asleep
        ),
    ]


SUITE = Suite("spin", "spinning before sleeping: gain, cost, and when it is given up", run)
