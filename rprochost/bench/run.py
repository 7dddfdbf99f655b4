# SPDX-License-Identifier: Apache-2.0
"""One run: suites one after the other, each with its cases interleaved."""

import gc
import resource
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from rprochost.bench.facts import machine_facts
from rprochost.bench.options import Options
from rprochost.bench.placement import Places
from rprochost.bench.results import Results, options_to_json
from rprochost.bench.runner import Progress
from rprochost.bench.suite import Bench, Suite

#: Descriptors that 200 cores need, and more.
_FILES = 16384


def run_suites(suites: Sequence[Suite], options: Options, progress: Progress) -> Results:
    """Run suites and return what they found; raises what a suite raises.

    Thread safety: none; main thread only, because Qt wants it.
    """
    _allow_files()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    results = Results(machine_facts(), options_to_json(options), now)
    places = Places.choose(options.placement)
    for suite in suites:
        # What earlier suites have left behind is not to be cleaned up while the next one measures.
        gc.collect()
        begin = time.monotonic()
        found = suite.run(Bench(options, places, _named(suite.name, progress)))
        found.elapsed_s = time.monotonic() - begin
        results.suites[suite.name] = found
    return results


def _named(name: str, progress: Progress) -> Progress:
    return lambda text: progress(f"{name}: {text}")


def _allow_files() -> None:
    """Allow this process, and the cores that it starts, as many open files as it may allow itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
