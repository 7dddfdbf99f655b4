# SPDX-License-Identifier: Apache-2.0
"""How the cost of a round trip grows: with cores, endpoints, size of message and size of ring."""

import gc
import os
import time
from contextlib import ExitStack

from rpmsg import Endpoint
from rprochost.bench import meter
from rprochost.bench.bench_core import ALWAYS_US, NEVER_US, Behaviour, BenchCore, Cores
from rprochost.bench.c_loops import EchoInC
from rprochost.bench.case import Case
from rprochost.bench.python_loops import EchoInPython, WindowInPython
from rprochost.bench.suite import Bench, Curve, Found, Suite
from rprochost.bench.suites.idle import boot_many
from rprochost.bench.weigh import weigh_endpoints

#: Bytes of a buffer that holds the longest message, whose length has 16 bits, and its header.
LARGEST_BUFFER = 65536
_TRIP = "round trip, µs"


def _wait(bench: Bench) -> tuple[int, Behaviour]:
    """How both sides wait: they poll where each has a CPU."""
    return (ALWAYS_US, Behaviour(polling=True)) if bench.places.apart else (NEVER_US, Behaviour())


def _cores(bench: Bench) -> list[Curve]:
    """Cores in one machine: what one of them takes for a round trip, and what it took to boot them."""
    trips, boots, memory = [], [], []
    gc.collect()
    own = meter.memory_kib([os.getpid()])
    with ExitStack() as stack:
        cores = Cores(stack, bench.places)
        booted: list[BenchCore] = []
        spent = 0.0
        for num in sorted(bench.options.cores):
            begin = time.perf_counter()
            booted += boot_many(bench, cores, num - len(booted), len(booted))
            spent += time.perf_counter() - begin
            case = EchoInPython(booted[0], f"cores-{num}", f"{num} cores", 16, Behaviour())
            (result,) = bench.measure([case])
            trips.append((float(num), result.value_ns / 1000))
            boots.append((float(num), spent * 1000))
            pids = [os.getpid(), *(pid for core in booted for pid in core.pids)]
            memory.append((float(num), float(max(meter.memory_kib(pids) - own, 1))))
    return [
        Curve("cores", "cores", f"{_TRIP}, asleep", trips),
        Curve("cores-boot", "cores", "boot of all, ms", boots),
        Curve("cores-memory", "cores", "memory of all, KiB", memory),
    ]


def _endpoints(bench: Bench) -> list[Curve]:
    """Endpoints on one core, of which the last is used."""
    spin_us, behaviour = _wait(bench)
    nums, trips = sorted(bench.options.endpoints), []
    with ExitStack() as stack:
        core = Cores(stack, bench.places).boot("process", spin_us=spin_us)
        endpoints: list[Endpoint] = []
        for num in nums:
            endpoints += [core.open() for _ in range(num - 1 - len(endpoints))]
            case = EchoInPython(core, f"endpoints-{num}", f"{num} endpoints", 16, behaviour)
            (result,) = bench.measure([case])
            trips.append((float(num), result.value_ns / 1000))
            endpoints.append(case.endpoint)
    bench.progress(f"weighing {nums[-1]} endpoints")
    weights = [(float(num), float(kib)) for num, kib in zip(nums, weigh_endpoints(nums), strict=True)]
    return [
        Curve("endpoints", "endpoints", _TRIP, trips),
        Curve("endpoints-memory", "endpoints", "memory of all, KiB", weights),
    ]


def _sizes(bench: Bench) -> list[Curve]:
    """Bytes of a message, in buffers that hold the longest."""
    spin_us, behaviour = _wait(bench)
    with ExitStack() as stack:
        core = Cores(stack, bench.places).boot(
            "process", spin_us=spin_us, rpmsg={"buffer_size": LARGEST_BUFFER, "num": 64}
        )
        cases: list[Case] = []
        for size in bench.options.message_sizes:
            cases += [
                EchoInC(core, f"c-{size}", f"C host, {size} B", size, behaviour),
                EchoInPython(core, f"python-{size}", f"Python host, {size} B", size, behaviour),
            ]
        found = {result.id: result.value_ns / 1000 for result in bench.measure(cases)}
    return [
        Curve(
            f"sizes-{host}",
            "payload, bytes",
            f"{_TRIP}, {title}",
            [(float(size), found[f"{host}-{size}"]) for size in bench.options.message_sizes],
        )
        for host, title in (("c", "C host"), ("python", "Python host"))
    ]


def _rings(bench: Bench) -> list[Curve]:
    """Buffers in each direction, with half of them under way at once."""
    spin_us, behaviour = _wait(bench)
    with ExitStack() as stack:
        cores = Cores(stack, bench.places)
        cases: list[Case] = [
            WindowInPython(
                cores.boot(f"ring{num}", spin_us=spin_us, large=True, rpmsg={"num": num}),
                f"ring-{num}",
                f"{num} buffers",
                16,
                max(num // 2, 1),
                behaviour,
            )
            for num in bench.options.rings
        ]
        results = bench.measure(cases)
    points = [
        (float(num), one.value_ns / 1000) for num, one in zip(bench.options.rings, results, strict=True)
    ]
    return [Curve("rings", "buffers per direction, half of them under way", "each message, µs", points)]


def run(bench: Bench) -> Found:
    """Measure all of it. Thread safety: none; the caller serialises."""
    return Found(curves=[*_cores(bench), *_endpoints(bench), *_sizes(bench), *_rings(bench)])


SUITE = Suite("growth", "cost against number of cores, endpoints, message size and ring size", run)
