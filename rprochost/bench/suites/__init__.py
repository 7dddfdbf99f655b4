# SPDX-License-Identifier: Apache-2.0
"""The suites by name, in the order of a full run."""

from rprochost.bench.suite import Suite
from rprochost.bench.suites import blocking, echo, growth, idle, loops, one_way, programs, round_trip, spin

#: What a run without a choice measures.
STANDARD: tuple[Suite, ...] = (
    round_trip.SUITE,
    blocking.SUITE,
    spin.SUITE,
    one_way.SUITE,
    loops.SUITE,
    programs.SUITE,
    idle.SUITE,
    growth.SUITE,
)
SUITES: dict[str, Suite] = {suite.name: suite for suite in (*STANDARD, echo.SUITE)}
