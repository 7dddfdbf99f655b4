# SPDX-License-Identifier: Apache-2.0
"""Numbers read from a run: ratios of cases, rates, counts per message, each with its spread."""

from collections.abc import Callable

from rprochost.bench.noise import Spread, ratio_in_one_run, ratio_of_runs, spread
from rprochost.bench.results import Results

#: A number of a run; None when what it takes was not measured.
Reading = Callable[[Results], Spread | None]


def ratio(name: str, base: str) -> Reading:
    """Time of one case over that of another. Thread safety: any thread."""

    def read(results: Results) -> Spread | None:
        one, other = results.find(name), results.find(base)
        if one is None or other is None:
            return None
        same_run = name.partition("/")[0] == base.partition("/")[0]
        function = ratio_in_one_run if same_run else ratio_of_runs
        return function(one.values_ns, other.values_ns)

    return read


def millions(name: str) -> Reading:
    """Messages per second of a case, in millions. Thread safety: any thread."""

    def read(results: Results) -> Spread | None:
        one = results.find(name)
        return None if one is None else spread([1000 / value for value in one.values_ns])

    return read


def nanoseconds(name: str) -> Reading:
    """Time of a case. Thread safety: any thread."""

    def read(results: Results) -> Spread | None:
        one = results.find(name)
        return None if one is None else spread(one.values_ns)

    return read


def _single(value: float | None) -> Spread | None:
    """Return a number that was measured once, over all rounds."""
    return None if value is None else Spread(value, value, value)


def counts(name: str, *fields: str) -> Reading:
    """Sum of some counts per message of a case. Thread safety: any thread."""

    def read(results: Results) -> Spread | None:
        one = results.find(name)
        return None if one is None else _single(sum(one.usage[field] for field in fields))

    return read


def spent(name: str, beside: str) -> Reading:
    """CPU time of the host per message, µs, beyond that of another case. Thread safety: any thread."""

    def read(results: Results) -> Spread | None:
        one, other = results.find(name), results.find(beside)
        if one is None or other is None:
            return None
        field = "host_cpu_s_per_million"
        return _single(one.usage[field] - other.usage[field])

    return read


def tail(name: str) -> Reading:
    """The 99.9th percentile over the median. Thread safety: any thread."""

    def read(results: Results) -> Spread | None:
        one = results.find(name)
        return _single(one.summary["p999_ns"] / one.summary["p50_ns"]) if one and one.summary else None

    return read


def figure(name: str) -> Reading:
    """A figure of a suite. Thread safety: any thread."""
    return lambda results: _single(results.figure(name))
