# SPDX-License-Identifier: Apache-2.0
"""Step 3: round trips to each core, as percentiles."""

from dataclasses import asdict

from rprochost.bench import placement
from rprochost.bench.echo import round_trips
from rprochost.demo.stage import Stage
from rprochost.machine import Machine
from rprochost.text import Progress, microseconds, table

SIZE = 16


def ping_all(stage: Stage, machine: Machine, channel: str, count: int) -> None:
    """Ping each core, one after the other; every answer is compared with what was sent."""
    stage.begin(f"Ping each core {count} times with {SIZE} bytes")
    rows = []
    for core in machine.values():
        with (
            machine.wait_channel(channel, core=core.name).open() as endpoint,
            Progress(f"  {core.name:<8}", count, quiet=stage.quiet) as progress,
        ):
            # The first messages start what is started lazily: they are not what a user will see.
            round_trips(endpoint, SIZE, max(count // 20, 1))
            found = round_trips(endpoint, SIZE, count, on_progress=progress.update).summary()
        times = (found.min_ns, found.p50_ns, found.p90_ns, found.p99_ns, found.p999_ns, found.max_ns)
        rows.append((core.name, core.kind, found.num, *map(microseconds, times)))
        stage.result("ping", core=core.name, kind=core.kind, size=SIZE, **asdict(found))
    stage.say("")
    header = ("core", "kind", "echoes", "min µs", "p50", "p90", "p99", "p99.9", "max")
    stage.lines(table(header, rows, "    "))
    stage.say("")
    stage.good(f"every answer equals what was sent ({placement.describe()})")
