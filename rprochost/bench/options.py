# SPDX-License-Identifier: Apache-2.0
"""The knobs of a benchmark run."""

from dataclasses import dataclass
from pathlib import Path

from rprochost.bench.placement import Placement

#: The suites that a run without a choice measures, and the one that is asked for by name. Here, so that the
#: command line knows them without importing what they measure.
STANDARD_SUITES = ("round-trip", "blocking", "spin", "one-way", "loops", "programs", "idle", "growth")
OWN_SUITE = "echo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured, and how. Thread safety: immutable."""

    #: Rounds; each runs every case of a suite once, so that all see the same state of the machine.
    rounds: int = 10
    #: Seconds for a case in a round.
    round_s: float = 0.05
    #: Payloads in bytes.
    sizes: tuple[int, ...] = (16, 496)
    placement: Placement = Placement.OTHER
    #: Messages per call, one way.
    batch: int = 64
    #: Messages under way at once, there and back.
    outstanding: int = 32
    #: Microseconds that the host spins before it sleeps; None: what each suite is about.
    spin_us: float | None = None
    #: How long a core works on a message before it answers, µs.
    work_us: float = 0.0
    #: Of the suite `echo`: kind of core, cores that are up, endpoints that are open.
    kind: str = "process"
    echo_cores: int = 1
    echo_endpoints: int = 1
    #: Points of the growth curves.
    cores: tuple[int, ...] = (1, 2, 5, 10, 20, 50, 100, 200)
    endpoints: tuple[int, ...] = (1, 10, 100, 1000, 10000)
    message_sizes: tuple[int, ...] = (1, 16, 64, 256, 1024, 4096, 16384, 65520)
    rings: tuple[int, ...] = (2, 4, 16, 64, 256, 1024, 4096)
    #: Cores of the suite `idle`, and the seconds that they are watched.
    idle_cores: int = 200
    idle_s: float = 3.0
    #: Folder of the compiled programs of benchmarks/c; None: that of the source tree, if this is one.
    programs: Path | None = None


#: Half a minute, and a few minutes.
QUICK = Options(
    rounds=5,
    round_s=0.02,
    cores=(1, 5, 20),
    endpoints=(1, 100, 1000),
    message_sizes=(1, 64, 1024, 16384, 65520),
    rings=(4, 64, 1024),
    idle_cores=20,
    idle_s=1.0,
)
FULL = Options(rounds=15, round_s=0.1)
