# SPDX-License-Identifier: Apache-2.0
"""Many cores that have nothing to do: wake-ups, CPU time and memory, here and in the cores."""

import os
import threading
import time
from contextlib import ExitStack

from rprochost.bench import meter
from rprochost.bench.bench_core import BenchCore, Cores
from rprochost.bench.suite import Bench, Found, Suite

#: Seconds for what is still going on after a boot.
_SETTLE = 0.5


def _wakeups(pids: list[int]) -> int:
    """Count how often threads went to sleep, which is how often they woke, the one that looks left out."""
    own = threading.get_native_id()
    return sum(number for pid in pids for thread, number in meter.sleeps(pid).items() if thread != own)


def boot_many(bench: Bench, cores: Cores, num: int, first: int = 0) -> list[BenchCore]:
    """Boot cores, each a process, numbered from ``first`` on; errors as a start.

    Thread safety: none; the caller serialises.
    """
    booted = []
    for number in range(first, first + num):
        bench.progress(f"booting core {number + 1}")
        booted.append(cores.boot(f"core{number}"))
    return booted


def run(bench: Bench) -> Found:
    """Boot, open an endpoint on each core, and look away. Thread safety: none; the caller serialises."""
    num, watch_s = bench.options.idle_cores, bench.options.idle_s
    with ExitStack() as stack:
        cores = Cores(stack, bench.places)
        memory = meter.memory_kib([os.getpid()])
        begin = time.perf_counter()
        booted = boot_many(bench, cores, num)
        boot_s = time.perf_counter() - begin
        endpoints = [core.open() for core in booted]
        pids = [os.getpid(), *(pid for core in booted for pid in core.pids)]
        bench.progress(f"watching {num} idle cores for {watch_s:g} s")
        time.sleep(_SETTLE)
        own_cpu, cpu, wakeups = time.thread_time_ns(), _cpu_ns(pids), _wakeups(pids)
        time.sleep(watch_s)
        wakeups = _wakeups(pids) - wakeups
        cpu, own_cpu = _cpu_ns(pids) - cpu, time.thread_time_ns() - own_cpu
        used = meter.memory_kib(pids) - memory
        for endpoint in endpoints:
            endpoint.close()
    figures = {
        "cores": num,
        "seconds": watch_s,
        "wakeups": wakeups,
        # What it takes to read all these files is this thread's.
        "cpu_ms": max(cpu - own_cpu, 0) / 1e6,
        "boot_ms_per_core": boot_s * 1000 / num,
        "memory_kib_per_core": used / num,
    }
    return Found(figures=figures)


def _cpu_ns(pids: list[int]) -> int:
    return sum(map(meter.cpu_ns, pids))


SUITE = Suite("idle", "wake-ups, CPU and memory of many cores that have nothing to do", run)
