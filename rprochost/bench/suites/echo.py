# SPDX-License-Identifier: Apache-2.0
"""One measurement of your own: a kind of core, and all the knobs."""

from contextlib import ExitStack

from rprochost.bench.bench_core import Behaviour, BenchCore, Cores
from rprochost.bench.case import Case
from rprochost.bench.python_loops import EchoInPython, WindowInPython
from rprochost.bench.suite import Bench, Found, Suite
from rprochost.settings import WaitSettings


def _cases(bench: Bench, core: BenchCore, behaviour: Behaviour) -> list[Case]:
    options = bench.options
    for _ in range(options.echo_endpoints - 1):
        core.open()
    cases: list[Case] = []
    for size in options.sizes:
        cases.append(EchoInPython(core, f"trip-{size}", f"round trip, {size} B", size, behaviour))
        if options.outstanding > 1:
            title = f"{options.outstanding} under way, {size} B"
            cases.append(WindowInPython(core, f"window-{size}", title, size, options.outstanding, behaviour))
    return cases


def run(bench: Bench) -> Found:
    """Boot as many cores as wanted and measure the last one. Thread safety: none; the caller serialises."""
    options = bench.options
    spin_us = WaitSettings().spin_us if options.spin_us is None else int(options.spin_us)
    # A core that polls needs a CPU of its own.
    polling = bench.places.apart and options.kind != "python" and spin_us > 0
    with ExitStack() as stack:
        cores = Cores(stack, bench.places)
        for number in range(options.echo_cores - 1):
            cores.boot(f"idle{number}", options.kind)
        core = cores.boot("core", options.kind, spin_us=spin_us)
        return Found(bench.measure(_cases(bench, core, Behaviour(polling, options.work_us))))


SUITE = Suite(
    "echo", "round trips with your own kind of core, size, placement, spin, cores and endpoints", run
)
