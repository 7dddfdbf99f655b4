# SPDX-License-Identifier: Apache-2.0
"""Results made up for tests of what is done with results."""

from collections.abc import Sequence

from rprochost.bench.case import Result, Role
from rprochost.bench.facts import machine_facts
from rprochost.bench.options import QUICK
from rprochost.bench.results import Results, options_to_json
from rprochost.bench.suite import Curve, Found

USAGE = {
    "host_cpu_s_per_million": 1.5,
    "peer_cpu_s_per_million": 0.5,
    "switches_per_message": 1.0,
    "preemptions_per_message": 0.0,
    "kicks_per_message": 0.25,
    "bells_per_message": 0.75,
}


def result(
    name: str, values: Sequence[float], role: Role = "ours", *, timed: bool = True, **params: int
) -> Result:
    """Return a case with a value for each round."""
    made = Result(name, f"case {name}", role, dict(params), 100, list(values))
    if timed:
        first = values[0]
        made.summary = dict.fromkeys(("min_ns", "p50_ns", "p90_ns", "p99_ns", "mean_ns"), first)
        made.summary |= {"num": 100, "p999_ns": first * 8, "max_ns": first * 20}
        made.curve = [(50.0, int(first)), (99.0, int(first) * 4), (100.0, int(first) * 20)]
        made.usage = dict(USAGE)
    return made


def results(**suites: Found) -> Results:
    """Return a run with these suites; underscores in their names stand for hyphens."""
    found = {name.replace("_", "-"): suite for name, suite in suites.items()}
    return Results(machine_facts(), options_to_json(QUICK), "2026-01-02T03:04:05+00:00", found)


def whole_run(factor: float = 1.0, floor: float = 1.0) -> Results:
    """Return a run with something of everything, slower by a factor, on a machine slower by another."""
    rounds = [1.0, 1.01, 0.99, 1.0, 1.02]
    trip = Found(
        [
            result("flag", [200 * floor * one for one in rounds], "floor"),
            result("iceoryx2-poll", [8000 * floor * one for one in rounds], "rival", size=16),
            result("c-process-16", [480 * factor * floor * one for one in rounds], size=16),
        ]
    )
    way = Found([result("c-recv-16", [90 * factor * one for one in rounds], timed=False, batch=64)])
    way.left_out.append("something: not installed")
    idle = Found(figures={"wakeups": 0, "cpu_ms": 0.0, "memory_kib_per_core": 321.5})
    growth = Found(
        curves=[Curve("sizes-c", "payload, bytes", "round trip, µs", [(1, 1), (10, 10), (100, 100)])]
    )
    return results(round_trip=trip, one_way=way, idle=idle, growth=growth)
